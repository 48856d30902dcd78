// resolver: names become addresses, by getaddrinfo.
#include "harness/net/resolver.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <system_error>
#include <thread>

namespace cardstorm {
namespace {

static_assert(sizeof(sockaddr_storage) <= sizeof DialAddress::bytes);

int look_up(const std::string& host, std::uint16_t port, int flags, std::vector<DialAddress>& out) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0) return code;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> keep(found, ::freeaddrinfo);
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) continue;
    DialAddress address;
    std::memcpy(address.bytes, at->ai_addr, at->ai_addrlen);
    address.length = at->ai_addrlen;
    address.family = at->ai_family;
    address.text = text.data();
    out.push_back(std::move(address));
  }
  return 0;
}

}  // namespace

std::vector<DialAddress> numeric_address(const std::string& host, std::uint16_t port) {
  std::vector<DialAddress> out;
  (void)look_up(host, port, AI_NUMERICHOST, out);
  return out;
}

std::shared_ptr<const Resolution> resolve(const std::string& host, std::uint16_t port, int notify) {
  auto result = std::make_shared<Resolution>();
  const int bell = ::dup(notify);
  const auto work = [result, host, port, bell] {
    if (const int code = look_up(host, port, 0, result->addresses); code != 0) result->error = ::gai_strerror(code);
    result->ready = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(bell, &one, sizeof one);
    ::close(bell);
  };
  try {
    std::thread(work).detach();
  } catch (const std::system_error&) {  // no more threads
    ::close(bell);
    result->error = "no thread to resolve the name on";
    result->ready = true;
  }
  return result;
}

}  // namespace cardstorm
