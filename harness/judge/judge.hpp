// judge: from recorded facts to a Scorecard. Pure: reads only the run folder; no clock, no network, no platform, no
// locale, so the same folder gives the same bytes on any machine.
#pragma once

#include <string>
#include <vector>

#include "harness/judge/evidence.hpp"
#include "harness/judge/scorecard.hpp"

namespace cardstorm {

/// Judges one run folder.
Result<Scorecard> judge_run(const std::string& dir);

/// The same for a record at hand; `history` is read once. Of `checks` those are made that the plan names.
Result<Scorecard> judge_record(RunRecord& record, const HistorySource& history,
                               const std::vector<CheckEntry>& checks = check_registry());

/// Several repeats of one side as one scorecard: rates, money and checks added up, percentiles over all steps where the
/// cards still carry their histograms (else the worst of the repeats), verdict by priority fail, unknown, pass.
/// Pictures are those of the first repeat. `cards` must not be empty.
Scorecard pool(std::vector<Scorecard> cards);

/// Judges OUT/baseline/<n> and OUT/candidate/<n> and compares the sides. Without OUT/candidate (a drill that was
/// stopped in its first run) the candidate is unknown.
Result<DrillCard> judge_drill(const std::string& out_dir);

}  // namespace cardstorm
