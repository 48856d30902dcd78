// episodes: from steps by planned time to "out of service from here to there". Windows with hysteresis, so that one
// slow request is no incident and one lucky second no recovery. Pure.
#pragma once

#include <span>
#include <vector>

#include "harness/core/events.hpp"
#include "harness/judge/scorecard.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

/// One planned step as the windows see it.
struct StepPoint {
  Nanos planned;
  Nanos response;  // done - planned; < 0 when there is none to speak of (never sent, or a poll)
  bool good;
};
/// One planned trade.
/// withheld: by us, so that the platform did not lose it
struct TradePoint {
  Nanos planned;
  bool good, withheld = false;
};

/// What the fault lane wrote about one segment.
struct FaultTimes {
  std::optional<Nanos> steady_from;  // mark of the steady phase; absent: the segment's begin
  std::optional<Nanos> injecting, verified, healed, cleared;
  bool failed = false;  // the fault could not be made
};
/// Folds one edge in. A later not_cleared takes back an earlier cleared.
void fold_edge(FaultTimes& times, const FaultChanged& edge);

/// True for faults that happen once and are reverted by the target's own supervisor: clear = inject (rule 7).
bool one_shot(std::string_view fault);

/// Judges one segment. `steps` and `trades` may hold the whole run; both sorted by planned time. Windows are counted
/// from the injection, backwards too, so that none mixes steps from before and after it. `cut`: when a stop ended the
/// run; what had not recovered by then is not known, for its observation ended before its horizon.
Episode judge_episode(const Segment& segment, const FaultTimes& times, const Slo& slo, std::span<const StepPoint> steps,
                      std::span<const TradePoint> trades, Nanos cut = Nanos::max());

}  // namespace cardstorm
