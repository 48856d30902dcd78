// traced: which distributed traces are worth opening: those of the worst steps of each episode, and of the orders of
// witnesses. The ids follow from the plan, so no tracing system is asked. Pure.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "harness/judge/tally.hpp"

namespace cardstorm {

/// Keeps the worst few steps of each segment with a fault while the history goes by.
class WorstSteps {
 public:
  explicit WorstSteps(const Plan& plan) : plan_(plan) {}
  /// After `tally` has seen the event.
  void observe(const Event& event, const Tally& tally);
  /// Of one segment: lost ones first, then the slowest.
  [[nodiscard]] std::vector<TracedStep> of(std::uint32_t segment, const Tally& tally) const;

 private:
  struct Bad {
    bool lost;
    Nanos took;
    TradeId trade;
    std::uint16_t step;
    Nanos planned;
    Cause cause;
  };
  static bool worse(const Bad& a, const Bad& b);

  const Plan& plan_;
  std::map<std::uint32_t, std::vector<Bad>> worst_;  // by segment; each sorted, the worst first, at most kKept
};

/// The order and pay steps of the trade behind a witness' order; none when nobody can tell which trade that was.
std::vector<TracedStep> traces_of_order(const std::string& order, const Tally& tally, const Plan& plan);

}  // namespace cardstorm
