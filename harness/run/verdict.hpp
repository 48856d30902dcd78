// verdict: from a Scorecard to the exit code of the contract.
#pragma once

#include "harness/core/exit_code.hpp"
#include "harness/judge/scorecard.hpp"

namespace cardstorm {

inline ExitCode exit_code_of(Verdict verdict) {
  return verdict == Verdict::pass ? kPass : verdict == Verdict::fail ? kFail : kUnknown;
}

/// The verdict's; a fault that was not reverted is kResidue, before all others.
inline ExitCode exit_code_of(const Scorecard& card) {
  for (const Reason& reason : card.why)
    if (reason.code == "fault_not_reverted") return kResidue;
  return exit_code_of(card.verdict);
}

/// The candidate's verdict; kUnknown when the comparison could not be made; kResidue when either side kept a fault.
inline ExitCode exit_code_of(const DrillCard& card) {
  if (exit_code_of(card.baseline) == kResidue) return kResidue;
  const ExitCode candidate = exit_code_of(card.candidate);
  if (candidate == kPass && !card.mttr_reduction) return kUnknown;
  return candidate;
}

}  // namespace cardstorm
