// edge_raw: a plain socket to a server of edge, for tests.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace platform::edge {

/// A plain socket, for what a proper client would never send.
class Raw {
 public:
  explicit Raw(int port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    const timeval limit{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  ~Raw() { ::close(fd_); }
  void send(const std::string& text) const { ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  /// Nothing more will come from us.
  void end() const { ::shutdown(fd_, SHUT_WR); }
  /// All until the other side closes, or until `enough` has come.
  [[nodiscard]] std::string receive(const std::string& enough = "") const {
    std::string all;
    char part[4096];
    for (;;) {
      if (!enough.empty() && all.find(enough) != std::string::npos) return all;
      const ssize_t n = ::recv(fd_, part, sizeof part, 0);
      if (n <= 0) return all;
      all.append(part, static_cast<std::size_t>(n));
    }
  }
  [[nodiscard]] bool ended() const {
    char c;
    return ::recv(fd_, &c, 1, 0) == 0;
  }

 private:
  int fd_;
};

}  // namespace platform::edge
