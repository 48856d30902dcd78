// doomed_harness: a small harness in a process of its own, with journal, lane, a victim tree and (if guarded) a
// guardian. It holds the pool of the platform at `url` ("command:DIR": kills the node of DIR), says "on" when that is
// verified, and goes on until it is killed.
#pragma once

#include <string>

namespace cardstorm::test {

int doomed_harness(const std::string& run_dir, const std::string& url, bool guarded);

}  // namespace cardstorm::test
