// raw_server: a TCP server that misbehaves as told, for tests of the client. One thread per server; ends with the object.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace cardstorm::testing {

/// One accepted connection.
class RawPeer {
 public:
  RawPeer(int fd, int stop) : fd_(fd), stop_(stop) {}
  ~RawPeer() { if (fd_ >= 0) close(fd_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  /// Reads until the end of a request head; "" when the peer or the test ended.
  std::string read_request() {
    std::string text;
    while (text.find("\r\n\r\n") == std::string::npos && readable()) {
      char part[4096];
      const ssize_t got = recv(fd_, part, sizeof part, 0);
      if (got <= 0) return "";
      text.append(part, static_cast<std::size_t>(got));
    }
    return text;
  }
  bool send_text(std::string_view text) {
    while (!text.empty()) {
      const ssize_t put = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (put <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
  }
  /// Closes with RST instead of FIN.
  void reset() {
    const linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd_);
    fd_ = -1;
  }
  /// Waits until the client goes away or the test ends.
  void hang() {
    char part[4096];
    while (readable() && recv(fd_, part, sizeof part, 0) > 0) {}
  }

 private:
  bool readable() {
    pollfd both[2] = {{fd_, POLLIN, 0}, {stop_, POLLIN, 0}};
    return poll(both, 2, 10'000) > 0 && (both[1].revents & POLLIN) == 0;
  }
  int fd_, stop_;
};

class RawServer {
 public:
  using Script = std::function<void(RawPeer&)>;
  explicit RawServer(Script script) : script_(std::move(script)) {
    listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    stop_ = eventfd(0, EFD_CLOEXEC);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listening_, 64) != 0) std::abort();
    socklen_t length = sizeof address;
    getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~RawServer() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(stop_, &one, sizeof one);
    thread_.join();
    close(listening_);
    close(stop_);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path = "/") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  [[nodiscard]] int port() const { return port_; }
  /// New connections are refused from now on, as by a process that died.
  void refuse() { shutdown(listening_, SHUT_RDWR); }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  void run() {
    for (;;) {
      pollfd both[2] = {{listening_, POLLIN, 0}, {stop_, POLLIN, 0}};
      if (poll(both, 2, -1) < 0 || (both[1].revents & POLLIN) != 0) return;
      const int fd = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;   // refuse() was called
      ++accepted_;
      RawPeer peer(fd, stop_);
      script_(peer);
    }
  }
  Script script_;
  int listening_ = -1, stop_ = -1, port_ = 0;
  std::atomic<int> accepted_{0};
  std::thread thread_;
};

}  // namespace cardstorm::testing
