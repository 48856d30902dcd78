// mttr: times to recovery over several episodes, and how much one side is better than the other (rules 10 and 11).
// Pure.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>

#include "harness/judge/scorecard.hpp"

namespace cardstorm {

/// An episode counts when the fault was proved, steady state came before it, the windows held enough samples, and
/// something met it.
bool counts(const Episode& e);

/// Per fault kind, never a grand mean. Mean and percentiles over recovered episodes only; nearest rank; the interval is
/// a percentile bootstrap of the mean with a fixed seed (n >= 2, else both ends are the value).
std::map<std::string, MttrRow> mttr_by_fault(std::span<const Episode> episodes);

/// How long a side's operator is assumed to take before a dead node is started (< 0: it is no assumption), and what to
/// reckon with instead.
struct AssumedRestart {
  double stated_s = -1;
  std::optional<double> instead_s;
};

/// R of rule 11: mean of min(TTR, H), absorbed 0, censored H. nullopt when no episode counts or their H differ.
std::optional<double> restricted_mean(std::span<const Episode> episodes, const std::string& fault,
                                      const AssumedRestart& assumed);

struct Reduction {
  std::map<std::string, std::optional<double>> by_fault;
  /// Smallest over the kinds; nullopt when a kind could not be compared. A kind that hurt neither side is left out; one
  /// that hurt only the candidate has no ratio, so there is no smallest.
  std::optional<double> smallest;
};
/// `without` names a kind to leave out ("" = none).
Reduction reduction(const Scorecard& baseline, const Scorecard& candidate, const std::string& without,
                    std::optional<double> restart_s);

/// Fills all four figures of the drill card.
void compare(DrillCard& card);

}  // namespace cardstorm
