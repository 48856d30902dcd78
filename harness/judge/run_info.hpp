// run_info: run.json, what a run says of itself: when, which target, the command that repeats it, how it ended. The run
// writes it, the judge reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/json.hpp"

namespace cardstorm {

/// The stop condition that ended a run before its time.
struct EarlyStop {
  std::string by = "scenario";  // "scenario": its `abort:`; "guard": the target's `guard:`
  std::string rule, value;      // value: what was found; "" where the rule says it
  double at_s = 0;
};
/// "good_share >= 0.5 over 10s, found 0.31 at 12.3 s"
std::string text_of(const EarlyStop& stop);

struct RunInfo {
  Nanos start{0};    // monotonic time that is zero in all our times
  std::string wall;  // when it began, for people
  std::string target, target_version;
  Json target_facts;  // what the target says of itself, or null
  std::string environment = "lab";
  bool partners = true;  // false: the target pays through nobody that we know, so that there is no journal to miss
  std::uint64_t seed = 1;
  std::string command;                              // that repeats it
  bool drained = false;                             // late effects had time to show
  bool interrupted = false;                         // by the user
  double assumed_restart_s = -1;                    // < 0: none
  std::optional<EarlyStop> aborted = std::nullopt;  // before the load was over
  std::vector<std::string> errors = {};             // what went wrong in the harness itself
  /// Template with ${trace_id}; "" = none.
  [[nodiscard]] const std::string& trace_link() const { return target_facts["trace_link"].string(); }
};

/// "cardstorm.run/1"; see run_info.cpp.
Json json_of_run_info(const RunInfo& info);
/// Without schema or start there is no run; anything else may be missing, and is then as in a new RunInfo.
Result<RunInfo> run_info_of_json(const Json& json);

}  // namespace cardstorm
