// raw_server: a TCP server that misbehaves as told, for tests of the client. One thread per server; ends with the
// object.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "harness/core/clock.hpp"
#include "tests/support/private_server.hpp"
#include "tests/support/temp_dir.hpp"

namespace cardstorm::testing {

/// One accepted connection.
class RawPeer {
 public:
  RawPeer(int fd, int stop) : fd_(fd), stop_(stop) {}
  ~RawPeer() {
    if (fd_ >= 0) close(fd_);
  }
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
  /// False when the test has ended meanwhile.
  bool pause(Nanos length) {
    pollfd end{stop_, POLLIN, 0};
    return poll(&end, 1, static_cast<int>(length / 1ms)) == 0;
  }
  /// Where the client comes from.
  [[nodiscard]] std::string address() const {
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    char text[INET_ADDRSTRLEN] = "";
    getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &length);
    inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text);
    return text;
  }
  /// Waits until the client goes away or the test ends.
  void hang() {
    char part[4096];
    while (readable() && recv(fd_, part, sizeof part, 0) > 0) {
    }
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
    const int on = 1;
    setsockopt(listening_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // each text is a packet of its own
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listening_, 64) != 0)
      std::abort();
    socklen_t length = sizeof address;
    getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  /// On a unix socket.
  RawServer(Script script, const std::string& path) : script_(std::move(script)) {
    listening_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listening_, 64) != 0)
      std::abort();
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

  [[nodiscard]] std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
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
      if (fd < 0) return;  // refuse() was called
      ++accepted_;
      RawPeer peer(fd, stop_);
      script_(peer);
    }
  }
  Script script_;
  int listening_ = -1, stop_ = eventfd(0, EFD_CLOEXEC), port_ = 0;
  std::atomic<int> accepted_{0};
  std::thread thread_;
};

class UnixServer {
 public:
  explicit UnixServer(RawServer::Script script) : server_(std::move(script), path()) {}
  [[nodiscard]] std::string path() const { return dir_.path() + "/shop.sock"; }

 private:
  test::TempDir dir_;
  RawServer server_;
};

/// A listener whose queue is full: the kernel lets further connects wait.
class FullBacklog {
 public:
  FullBacklog() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(fd_, 0) != 0) std::abort();
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    for (int i = 0; i < 3; ++i) {
      const int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      (void)connect(filler, reinterpret_cast<sockaddr*>(&address), sizeof address);
      fillers_.push_back(filler);
    }
  }
  ~FullBacklog() {
    for (const int fd : fillers_) close(fd);
    close(fd_);
  }
  FullBacklog(const FullBacklog&) = delete;
  FullBacklog& operator=(const FullBacklog&) = delete;
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

 private:
  int fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port_ = 0;
  std::vector<int> fillers_;
};

/// A server with a certificate that it signed itself, for "localhost": openssl's own.
class TlsServer {
 public:
  TlsServer() {
    const int made = run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                          "-nodes", "-keyout", key(), "-out", certificate(), "-days", "2", "-subj", "/CN=localhost",
                          "-addext", "subjectAltName=DNS:localhost"});
    if (made != 0) std::abort();
    child_ = start({"openssl", "s_server", "-accept", "127.0.0.1:" + std::to_string(port()), "-key", key(), "-cert",
                    certificate(), "-www", "-quiet"});
    wait_for_port();
  }
  ~TlsServer() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  [[nodiscard]] int port() const { return port_.number(); }
  [[nodiscard]] std::string certificate() const { return dir_.path() + "/cert.pem"; }

 private:
  [[nodiscard]] std::string key() const { return dir_.path() + "/key.pem"; }
  static pid_t start(std::vector<std::string> words) {
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    for (const int fd : {0, 1, 2}) posix_spawn_file_actions_addopen(&quiet, fd, "/dev/null", O_RDWR, 0);
    pid_t child = -1;
    if (posix_spawnp(&child, argv[0], &quiet, nullptr, argv.data(), environ) != 0) std::abort();
    posix_spawn_file_actions_destroy(&quiet);
    return child;
  }
  static int run(std::vector<std::string> words) {
    int status = -1;
    waitpid(start(std::move(words)), &status, 0);
    return status;
  }
  void wait_for_port() const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port()));
    for (const Nanos end = monotonic_now() + 60s; monotonic_now() < end;) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const bool there = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
      close(fd);
      if (there) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // a process of others has no condition to wait for
    }
    std::abort();
  }
  test::TempDir dir_;
  test::HeldPort port_;
  pid_t child_ = -1;
};

}  // namespace cardstorm::testing
