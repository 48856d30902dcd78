// flags: the command line of `cardstorm-platform up` as UpOptions. All mistakes are found before any is told.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "reference_platform/ops/supervisor.hpp"

namespace platform::ops {

using Args = std::vector<std::string>;

/// Wrong usage, exit code 2; what() has a line per mistake.
struct Usage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// `take` returns what is wrong with the value, or "". A flag that takes none is given "on", or what stands after its
/// '='.
struct Flag {
  std::string name;
  bool value;
  std::function<std::string(const std::string&)> take;
};
/// Reads "--name value", "--name=value" and "--name". Returns all mistakes.
std::vector<std::string> read_flags(const Args& args, const std::vector<Flag>& flags);
/// Throws Usage when there is a mistake.
void complain(const std::vector<std::string>& mistakes);

/// args: the variant, then flags. Throws Usage.
UpOptions read_up(const Args& args);

}  // namespace platform::ops
