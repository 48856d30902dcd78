// verdict: pass, fail or unknown, in the order of rule 12, each with its reasons and what to do about them. Pure.
#pragma once

#include <string>
#include <vector>

#include "harness/judge/scorecard.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

/// What was found besides the scorecard's own figures.
struct RecordProblems {
  std::vector<std::string> broken_sums;  // one sentence each
  std::vector<std::string> damage;       // history, journals, audit
  std::string generator_doubt;           // "" = trusted
  std::string aborted, guard;            // see EarlyStop
  bool audit_waived = false;             // the scenario says `checks: none`
  bool audit_missing = false, drained = true, interrupted = false;
  std::vector<std::string> harness_errors;
};

/// Fills `why` and `verdict` of `card` from its checks, episodes and figures, and from `problems`.
void decide(Scorecard& card, const RecordProblems& problems, const std::vector<Expectation>& expectations);

}  // namespace cardstorm
