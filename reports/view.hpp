// view: one run or both sides of a drill, arranged for reading: per fault one row, per side one cell. All writers
// show the same view, so that no two reports of one run can differ.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/judge/scorecard.hpp"
#include "reports/texts.hpp"

namespace cardstorm {

/// Smallest, mean and largest of some seconds; n = 0 when there are none.
struct Spread {
  int n = 0;
  double lo = 0, mean = 0, hi = 0;
};

/// All repeats of one fault on one side. Episodes that prove nothing (fault not in force, not steady,
/// too few samples) are counted as such and in nothing else but `lost`.
struct FaultCell {
  std::string on;  // every place that this fault came to, in order
  int episodes = 0, unverified = 0, unsteady = 0, thin = 0, unreverted = 0;  // thin: too few samples
  int judged = 0, recovered = 0, absorbed = 0, censored = 0, metastable = 0, open = 0;
  int bypassed = 0;  // nothing came the fault's way; counted in nothing else
  Spread onset_after_inject, recovery, lag;
  double in_force_s = 0;  // longest time from inject to clear
  double horizon_s = 0;
  std::uint64_t lost = 0;
  std::vector<const Episode*> all;

  /// The repeats did not all end alike.
  [[nodiscard]] bool is_mixed() const {
    return episodes > 0 && recovered != episodes && absorbed != episodes && censored != episodes && open != episodes &&
           judged > 0;
  }
};

struct FaultRow {
  std::string fault;
  std::vector<FaultCell> cells;
  std::optional<double> reduction;
};

struct Side {
  const Scorecard* card;
  Text role;
};

struct AuditCount {
  int passed = 0, broken = 0, unknown = 0;
};

/// Points into the cards it was made from: they must live longer.
struct View {
  const DrillCard* drill = nullptr;  // nullptr: a single run
  std::vector<Side> sides;           // one, or baseline then candidate
  std::vector<FaultRow> faults;      // in order of first injection
  std::vector<std::string> checks;   // all names, the judged side's order first
  std::string command;

  /// The side that the verdict is about.
  [[nodiscard]] const Scorecard& judged() const { return *sides.back().card; }
  /// Some episode names steps whose traces are worth opening.
  [[nodiscard]] bool has_traces() const;
};

View view_of(const Scorecard& card);
View view_of(const DrillCard& card);

AuditCount count_audit(const Scorecard& card);
/// Names of the causes that ended most trades without goods, over all sides; the largest first, at most `n`.
std::vector<std::string> largest_causes(const View& view, std::size_t n);
/// How many trades of this side it ended.
std::uint64_t count_of_cause(const Scorecard& card, const std::string& name);
const Finding* finding_called(const Scorecard& card, std::string_view name);
/// The address of a trace: `id` in the card's trace_link; "" where that gives no http address.
std::string trace_url(const Scorecard& card, const std::string& id);
/// "fragile 0.1.0", without a version "fragile".
std::string target_name(const Scorecard& card);

}  // namespace cardstorm
