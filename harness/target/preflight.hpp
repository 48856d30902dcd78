// preflight: what must be true of this machine before anything is sent.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/core/result.hpp"
#include "harness/net/allow.hpp"

namespace cardstorm {

/// The numeric addresses of a host name, none when there is no such name. Errc::unavailable: nobody could be asked.
using Resolver = std::function<Result<std::vector<std::string>>(const std::string& name)>;
/// As every program of this machine resolves it (files, then DNS).
Result<std::vector<std::string>> resolve_name(const std::string& name);

struct NameFinding {
  std::string name;
  bool blocks = false;  // it resolves to somewhere: no drill may begin
  std::string what, remedy;
};

/// Looks up the names of `must_not_resolve`. A name that resolves blocks, unless all its addresses are loopback
/// addresses inside `allow`, which is how a simulator takes a partner's place. One that could not be looked up is told
/// and does not block: while that lasts, nothing here reaches it by name. It speaks for this machine only; the
/// platform's own may resolve otherwise.
std::vector<NameFinding> names_that_resolve(const std::vector<std::string>& names, const AllowList& allow,
                                            const Resolver& resolver = resolve_name);

}  // namespace cardstorm
