// send_path: CardStorm's own send path, whole: plan, journeys, ledger and history on the disk, as a run has them; only
// judge and reports are left out. What a bench measures of us is what a user gets.
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/core/events.hpp"
#include "harness/core/result.hpp"
#include "harness/plan/arrivals.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

struct StepSeen {
  Nanos planned, sent, done;
  Outcome outcome;
  Cause cause;
  std::uint16_t requests;
};

struct SendPathRun {
  std::vector<StepSeen> steps;                   // by planned time
  std::map<TradeOutcome, std::uint64_t> trades;  // every planned trade, exactly once
  std::uint64_t trades_planned = 0;
  GeneratorSeen generator{};
  double wall_s = 0, cpu_s = 0;              // of this whole process
  double rss_early_mb = 0, rss_late_mb = 0;  // a quarter and nine tenths into the run
};

/// A plan of one-step trades, GET /, at `rate` for `length`; a step may take `timeout`.
Plan constant_plan(double rate, Nanos length, Nanos timeout);
/// `buyers` buyers that send `steps` requests each, one after the other and without a pause: a closed loop that shows
/// saturation.
Plan closed_loop_plan(std::uint32_t buyers, std::uint16_t steps);

/// Drives `plan` against `url` from CPU `cpu` (< 0: anywhere), writes the history into `dir` (must not exist) and reads
/// it back. `on_start` gets the monotonic time that is zero in all times.
Result<SendPathRun> run_send_path(const Plan& plan, const Trace& trace, const std::string& url, const std::string& dir,
                                  int cpu, const std::stop_token& stop,
                                  const std::function<void(Nanos)>& on_start = {});

}  // namespace cardstorm
