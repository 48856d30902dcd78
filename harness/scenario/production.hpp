// production: what may be done to a platform that real customers use: what its target file allows by name, and nothing
// else.
#pragma once

#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/scenario/load.hpp"

namespace cardstorm {

/// Entries of `production:` that say nothing. Allowed are: load | peak <= N | FAULT on NAME | orders | audit.
std::vector<std::string> unknown_allowances(const std::vector<std::string>& entries);

/// The fault that an entry "FAULT on NAME" allows, "" of every other entry.
std::string allowed_fault(const std::string& entry);

/// What `plan` would do to `target` without being allowed to, when its environment is production; else nothing.
/// `arrivals`: when trades start. The mistakes carry no place.
std::vector<Mistake> production_mistakes(const TargetSpec& target, const Plan& plan,
                                         const std::vector<Nanos>& arrivals);

/// The most trades that start within any one second.
std::size_t busiest_second(const std::vector<Nanos>& arrivals);

}  // namespace cardstorm
