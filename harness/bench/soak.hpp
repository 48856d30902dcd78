// soak: a whole run of the scenario `soak` while the nodes of its platform are killed at random, and what its audit
// says afterwards.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

struct SoakOptions {
  std::string self;                      // the cardstorm binary
  std::string root;                      // the folder that holds scenarios/, "" = where the binary looks
  std::string target = "hardened", out;  // out: the run folder, must not exist
  std::vector<std::string> args;         // further words of `cardstorm run soak`
  double restart_delay_s = 0;            // the operator's, when the target's file has one: 0 leaves it as it is
  bool quick = true;                     // a minute of load; else ten
  Nanos every{2s};                       // between two kills; 0: no kill, the healthy run
  std::uint64_t seed = 1;                // which node when
};

struct SoakSeen {
  int kills = 0;
  double success_rate = 0;
  std::vector<std::string> broken, unknown;  // checks
  std::uint64_t planned = 0;
};

/// At most a quarter of an hour. Errc::unavailable when the run ended without a scorecard (its last words).
Result<SoakSeen> soak(const SoakOptions& options, const std::stop_token& stop);

}  // namespace cardstorm
