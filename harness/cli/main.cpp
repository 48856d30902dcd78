// main: from the command line to a verb. Whatever escapes is a bug of ours and says so.
#include <csignal>
#include <exception>
#include <iostream>

#include "harness/cli/verb.hpp"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away must not end a run before its faults are reverted
  try {
    return cardstorm::run_command_line(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "cardstorm: internal error: " << error.what() << "\n";
    return cardstorm::kEnvironment;
  }
}
