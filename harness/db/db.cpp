// db: dials. The host is resolved first and the numeric address is dialled, so that what was checked is what is
// connected to.
#include "harness/db/db.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <array>

#include "harness/db/session.hpp"

namespace cardstorm {
namespace {

Result<std::vector<std::string>> resolve(const DbAddress& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(address.host.c_str(), nullptr, &hints, &found); code != 0)
    return Error{Errc::unavailable, "cannot resolve '" + address.host + "': " + ::gai_strerror(code),
                 "check the host in the database's url"};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> keep(found, ::freeaddrinfo);
  std::vector<std::string> out;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      out.emplace_back(text.data());
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<DbSession>> DbSession::open(const DbAddress& address, const DbOptions& options,
                                                   const AllowList& allow) {
  const auto addresses = resolve(address);
  if (!addresses) return addresses.error();
  Error last{Errc::unavailable, place_of(address) + ": no address"};
  bool allowed = false;
  for (const std::string& numeric : *addresses) {
    if (!allow.holds(numeric)) {
      if (!allowed)
        last = {Errc::refused, "address " + numeric + " of '" + place_of(address) + "' is outside the allow-list",
                "add it to `allow` in the target file if this system may be loaded and broken"};
      continue;
    }
    allowed = true;
    auto session =
        address.kind == "mysql" ? open_mysql(address, numeric, options) : open_postgresql(address, numeric, options);
    // Another address may answer where this one does not listen; a server that answered with a refusal has spoken.
    if (session || session.error().code != Errc::unavailable || server_full(session.error())) return session;
    last = std::move(session).error();
  }
  return last;
}

bool server_full(const Error& error) {
  // PostgreSQL too_many_connections; MySQL: server, user now, user's own limit.
  for (const char* code : {"[53300]", "[1040]", "[1203]", "[1226]"})
    if (error.what.find(code) != std::string::npos) return true;
  return false;
}

}  // namespace cardstorm
