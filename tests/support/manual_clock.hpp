// manual_clock: time that moves only when a test says so.
#pragma once

#include <atomic>

#include "harness/core/clock.hpp"

namespace cardstorm::test {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(Nanos start = Nanos(0)) : now_(start.count()) {}
  [[nodiscard]] Nanos now() const override { return Nanos(now_.load()); }
  void advance(Nanos by) { now_ += by.count(); }
  /// Never goes back.
  void advance_to(Nanos t) {
    if (t.count() > now_.load()) now_ = t.count();
  }

 private:
  std::atomic<std::int64_t> now_;
};

}  // namespace cardstorm::test
