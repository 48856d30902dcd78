// cross_checks: what only all files of a scenario together can tell. Each adds its mistakes, with their places.
#pragma once

#include "harness/plan/arrivals.hpp"
#include "harness/plan/plan.hpp"
#include "harness/scenario/journeys.hpp"
#include "harness/scenario/scenario_file.hpp"
#include "harness/scenario/target_file.hpp"

namespace cardstorm {

/// Each fault: that the target lets be touched what it needs, and that its victim is there.
void check_faults(const ScenarioFile& scenario, const TargetSpec& target, const JourneyFile& buyers,
                  const Known& known_names, Mistakes& mistakes);
void check_preflight(const TargetFile& target, const JourneyFile& buyers, Mistakes& mistakes);
void check_goods(const TargetSpec& target, const JourneyFile& buyers, Mistakes& mistakes);
/// `buyers` may be missing (nullptr): then any flow and any class may be meant.
void check_expectations(const ScenarioFile& scenario, const JourneyFile* buyers, const Known& known_names,
                        Mistakes& mistakes);
/// Mode shaped: that the windows are full enough, and the base load lies below the peak.
void check_rates(const ScenarioFile& scenario, const JourneyFile& buyers, Mistakes& mistakes);
/// A window that no phase can hold as a whole would never decide.
void check_abort(const ScenarioFile& scenario, Mistakes& mistakes);
void check_times(const ScenarioFile& scenario, Mistakes& mistakes);
void check_trace(const ScenarioFile& scenario, const Trace& trace, Mistakes& mistakes);
/// Modes by a formula.
void check_shape(const ScenarioFile& scenario, Mistakes& mistakes);
/// `most`: trades that may be planned; memory holds the start of each.
void check_total(const ScenarioFile& scenario, double most, Mistakes& mistakes);
/// Modes whose rate nobody states: a window with too few planned steps says nothing, and where most are so, nothing can
/// be judged.
void check_windows(const ScenarioFile& scenario, const Plan& plan, const PlannedTrades& trades, Mistakes& mistakes);

/// Seconds with load, of all stretches.
double loaded_seconds(const ScenarioFile& scenario);

}  // namespace cardstorm
