// recovery_watch: a rough live opinion of whether the target has come back, for one decision only: whether to restart
// it in the load-free gap, so that one fault does not spoil the next. The verdict is the judge's, from the record.
#pragma once

#include <cstdint>
#include <deque>

#include "harness/plan/plan.hpp"

namespace cardstorm {

class RecoveryWatch {
 public:
  explicit RecoveryWatch(const Slo& slo) : slo_(slo) {}
  /// Once a second: counts of steps that have ended so far.
  void second(std::uint64_t steps_ok, std::uint64_t steps_bad);
  /// False when in one of the last `recover_good` seconds no step ended well, or their share was too low.
  [[nodiscard]] bool healthy() const;
  /// Share of good steps in the last three seconds; negative when no step ended.
  [[nodiscard]] double recent_share() const;

 private:
  struct Count {
    std::uint64_t ok, bad;
  };
  Slo slo_;
  std::uint64_t ok_ = 0, bad_ = 0;
  std::deque<Count> seconds_;
};

}  // namespace cardstorm
