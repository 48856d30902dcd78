// preflight: see preflight.hpp.
#include "harness/target/preflight.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>

#include "harness/core/text.hpp"

namespace cardstorm {

Result<std::vector<std::string>> resolve_name(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (code == EAI_NONAME || code == EAI_NODATA) return std::vector<std::string>{};
  if (code != 0) return Error{Errc::unavailable, std::string("cannot look up '") + name + "': " + gai_strerror(code)};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> keep(found, freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      addresses.emplace_back(text.data());
  }
  return addresses;
}

std::vector<NameFinding> names_that_resolve(const std::vector<std::string>& names, const AllowList& allow,
                                            const Resolver& resolver) {
  const auto loopback = AllowList::parse({"127.0.0.0/8", "::1/128"});
  std::vector<NameFinding> findings;
  for (const std::string& name : names) {
    const auto addresses = resolver(name);
    if (!addresses) {
      findings.push_back(
          {name, false, addresses.error().what, "no DNS answers on this machine; look again when one does"});
      continue;
    }
    const bool ours = std::all_of(addresses->begin(), addresses->end(),
                                  [&](const std::string& a) { return loopback->holds(a) && allow.holds(a); });
    if (ours) continue;  // with no address at all, too
    findings.push_back({name, true, "'" + name + "' must not resolve, but does: " + join(*addresses, ", "),
                        "cut this network off from it, or point the name at a simulator (127.0.0.1 in /etc/hosts)"});
  }
  return findings;
}

}  // namespace cardstorm
