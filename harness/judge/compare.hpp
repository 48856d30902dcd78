// compare: is B better or worse than A, per metric, beyond the noise? Pure, and able to say "no evidence": a gate that
// cries wolf is switched off within a week.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/judge/scorecard.hpp"

namespace cardstorm {

enum class Change : std::uint8_t { better, worse, same, no_evidence };
std::string_view to_text(Change change);

/// One metric. `delta` is b - a (for latencies b / a - 1); [low, high] its 99 % interval; a change counts when the
/// interval lies beyond zero and beyond `floor`, which stands for what differs from run to run without any change of
/// the platform.
struct MetricChange {
  std::string name = {}, unit = {};      // unit: share | ms | s | ""
  std::optional<double> a = {}, b = {};  // null: that side has no such figure
  double delta = 0, low = 0, high = 0, floor = 0;
  std::string noise = {};  // where interval and floor come from, one sentence
  Change change = Change::no_evidence;
};

struct CheckChange {
  std::string name;
  Verdict a = Verdict::unknown, b = Verdict::unknown;
  Change change = Change::no_evidence;
};

struct Comparison {
  std::string scenario, a_target, a_version, b_target, b_version;
  int a_runs = 1, b_runs = 1;
  std::vector<MetricChange> metrics;
  std::vector<CheckChange> checks;
  Verdict verdict =
      Verdict::unknown;  // pass: nothing is worse; fail: something is; unknown: the runs cannot be compared
  std::vector<Reason> why;
};

/// Both sides need at least one run of the same scenario under the same traffic. With one run a side the noise is
/// estimated within the runs: a block bootstrap (Künsch 1989; blocks of 5 s, since neighbouring seconds share their
/// fate) over the seconds of both, in pairs where the plans agree, and a floor for what one run cannot show. With three
/// or more a side it is Welch's interval over runs.
Comparison compare_runs(const std::vector<Scorecard>& a, const std::vector<Scorecard>& b);

/// "cardstorm.compare/1".
Json json_of_comparison(const Comparison& c);

/// The scorecards of a run folder, of OUT/<side> (all repeats), or of a drill (its candidate side). Errc::not_found
/// says what was wanted.
Result<std::vector<Scorecard>> runs_of(const std::string& dir);

}  // namespace cardstorm
