// doomed_harness: a small harness in a process of its own, with journal, a victim tree and (if guarded) a guardian. It
// holds the pool of the platform at `url`, says "on", and renews until it is killed.
#pragma once

#include <string>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"

namespace cardstorm::test {

/// Asks the platform at `url` to hold its pool for `lease`.
Status hold_pool(const std::string& url, Nanos lease);

int doomed_harness(const std::string& run_dir, const std::string& url, bool guarded);

}  // namespace cardstorm::test
