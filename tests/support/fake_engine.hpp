// fake_engine: a container engine on a unix socket, as small as node_kill needs it: inspect, kill, start. One thread;
// ends with the object.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cardstorm::test {

class FakeEngine {
 public:
  explicit FakeEngine(std::string socket_path) : path_(std::move(socket_path)) {
    listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    stop_ = ::eventfd(0, EFD_CLOEXEC);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    if (::bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listening_, 16) != 0)
      std::abort();
    thread_ = std::thread([this] { run(); });
  }
  ~FakeEngine() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_, &one, sizeof one);
    thread_.join();
    ::close(listening_);
    ::close(stop_);
    ::unlink(path_.c_str());
  }
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;

  static constexpr const char* kId = "0123456789ab";
  [[nodiscard]] bool running() { return locked(running_); }
  [[nodiscard]] std::vector<std::string> calls() { return locked(calls_); }
  void set_running(bool on) { set(running_, on); }
  void set_health(const std::string& health) { set(health_, health); }
  void set_auto_remove(bool on) { set(auto_remove_, on); }
  void refuse_starts(bool on) { set(refuse_starts_, on); }

 private:
  template <class T>
  T locked(T& value) {
    const std::lock_guard lock(mutex_);
    return value;
  }
  template <class T>
  void set(T& value, T to) {
    const std::lock_guard lock(mutex_);
    value = std::move(to);
  }

  void run() {
    for (;;) {
      pollfd both[2] = {{listening_, POLLIN, 0}, {stop_, POLLIN, 0}};
      if (::poll(both, 2, -1) < 0 || (both[1].revents & POLLIN) != 0) return;
      const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      serve_one(fd);
      ::close(fd);
    }
  }
  void serve_one(int fd) {
    std::string text;
    char part[4096];
    while (text.find("\r\n\r\n") == std::string::npos) {
      pollfd ready{fd, POLLIN, 0};
      if (::poll(&ready, 1, 2000) <= 0) return;
      const ssize_t got = ::recv(fd, part, sizeof part, 0);
      if (got <= 0) return;
      text.append(part, static_cast<std::size_t>(got));
    }
    const std::string line = text.substr(0, text.find(" HTTP/"));
    const auto [status, body] = answer(line);
    const std::string out =
        "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\nConnection: close\r\n" +
        (status == 204 || status == 304 ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" +
        body;
    [[maybe_unused]] const auto sent = ::send(fd, out.data(), out.size(), MSG_NOSIGNAL);
  }
  std::pair<int, std::string> answer(const std::string& line) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(line);
    const std::string id = kId;
    if (line == "GET /containers/shop-order-1/json" || line == "GET /containers/" + id + "/json")
      return {200, R"({"Id":")" + id + R"(","HostConfig":{"AutoRemove":)" + (auto_remove_ ? "true" : "false") +
                       R"(},"State":{"Running":)" + (running_ ? "true" : "false") +
                       R"(,"Paused":false,"Restarting":false,"StartedAt":"2026-01-01T00:00:0)" +
                       std::to_string(starts_) + R"(Z")" +
                       (health_.empty() ? "" : R"(,"Health":{"Status":")" + health_ + R"("})") + "}}"};
    if (line == "POST /containers/" + id + "/kill?signal=KILL") {
      if (!running_) return {409, R"({"message":"is not running"})"};
      running_ = false;
      return {204, ""};
    }
    if (line == "POST /containers/" + id + "/start") {
      if (refuse_starts_) return {500, R"({"message":"no space left on device"})"};
      if (running_) return {304, ""};
      running_ = true;
      ++starts_;
      return {204, ""};
    }
    return {404, R"({"message":"No such container"})"};
  }

  const std::string path_;
  int listening_ = -1, stop_ = -1;
  std::mutex mutex_;
  std::vector<std::string> calls_;
  std::string health_;
  bool running_ = true, auto_remove_ = false, refuse_starts_ = false;
  int starts_ = 1;
  std::thread thread_;
};

}  // namespace cardstorm::test
