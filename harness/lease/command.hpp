// command: one short command of the user, as an argv without a shell, with an end.
#pragma once

#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

/// How long a command of the user, or its probe, may take.
inline constexpr Nanos kCommandWithin{10s}, kProbeWithin{2s};

/// Runs `argv` to its end and returns its exit code. It may leave processes behind when it ends with 0: that is how a
/// server is started. `log`: where it complains, "" = nowhere. Errc::timeout: it and what it started have been ended.
Result<int> run_command(const std::vector<std::string>& argv, Nanos wait, const std::string& log);

struct ProbeAnswer {
  bool up = false;
  std::string said;
};
/// Runs a probe: exit code 0 means up. `said`: the first line that it printed, which names the instance.
Result<ProbeAnswer> run_probe(const std::vector<std::string>& argv, Nanos wait, const std::string& log);

}  // namespace cardstorm
