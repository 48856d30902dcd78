// verdict: from a Scorecard to the exit code of the contract.
#pragma once

#include "harness/judge/scorecard.hpp"

namespace cardstorm {

inline int exit_code_of(Verdict verdict) { return verdict == Verdict::pass ? 0 : verdict == Verdict::fail ? 1 : 3; }

/// 0 pass, 1 fail, 3 unknown; a fault that was not reverted is 5, before all others.
inline int exit_code_of(const Scorecard& card) {
  for (const Reason& reason : card.why)
    if (reason.code == "fault_not_reverted") return 5;
  return exit_code_of(card.verdict);
}

/// The candidate's verdict; 3 when the comparison could not be made; 5 when either side kept a fault.
inline int exit_code_of(const DrillCard& card) {
  if (exit_code_of(card.baseline) == 5) return 5;
  const int candidate = exit_code_of(card.candidate);
  if (candidate == 0 && !card.mttr_reduction) return 3;
  return candidate;
}

}  // namespace cardstorm
