// ports: see ports.hpp.
#include "reference_platform/ops/ports.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "reference_platform/ops/process.hpp"

namespace platform::ops {
namespace {

/// The port, or 0 when it is taken. Port 0 lets the kernel choose. `reuse`: connections that have just ended do not
/// count.
int try_port(int port, bool reuse = false) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (reuse) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  auto* address = reinterpret_cast<sockaddr*>(&at);
  const bool free = fd >= 0 && ::bind(fd, address, size) == 0 && ::getsockname(fd, address, &size) == 0;
  if (fd >= 0) ::close(fd);
  return free ? ntohs(at.sin_port) : 0;
}

}  // namespace

int Ports::find() const {
  constexpr int low = 10000;
  int high = 32768;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> high;
  if (high > low + 1000) {
    std::random_device random;  // two supervisors that start together must not try the same ports
    std::uniform_int_distribution<int> any(low, high - 1);
    for (int i = 0; i < 100; ++i) {
      const int wanted = any(random);
      if (taken_.count(wanted) == 0 && try_port(wanted) != 0) return wanted;
    }
  }
  for (int i = 0; i < 100; ++i) {
    const int given = try_port(0);
    if (given != 0 && taken_.count(given) == 0) return given;
  }
  throw EnvironmentError("no free port on 127.0.0.1");
}

int Ports::take() {
  const int port = find();
  taken_.insert(port);
  return port;
}

void Ports::take(int port) {
  if (!taken_.insert(port).second || try_port(port, true) == 0)
    throw EnvironmentError("port " + std::to_string(port) + " on 127.0.0.1 is taken");
}

}  // namespace platform::ops
