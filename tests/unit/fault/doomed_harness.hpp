// doomed_harness: a small harness in a process of its own, with journal, guardian and lane. It kills the node of
// `run_dir` (tests/support/command_node.hpp), says "on" when that is verified, and goes on until it is killed.
#pragma once

#include <string>

namespace cardstorm::test {

int doomed_harness(const std::string& run_dir);

}  // namespace cardstorm::test
