// restart: when a child that died is started again.
#pragma once

#include <algorithm>
#include <chrono>

namespace platform::ops {

class RestartPolicy {
 public:
  using Clock = std::chrono::steady_clock;
  using Millis = std::chrono::milliseconds;

  /// At once; after quick deaths 100 ms doubling to 2 s.
  static RestartPolicy at_once() { return RestartPolicy(Millis(-1)); }
  /// Always the same delay: a human operator.
  static RestartPolicy after(Millis delay) { return RestartPolicy(delay); }

  Millis delay(Clock::time_point started, Clock::time_point died) {
    if (fixed_ >= Millis(0)) return fixed_;
    if (died - started >= kQuick) quick_deaths_ = 0;
    const Millis wait = quick_deaths_ == 0 ? Millis(0) : std::min(Millis(100 << (quick_deaths_ - 1)), Millis(2000));
    quick_deaths_ = std::min(quick_deaths_ + 1, 10);
    return wait;
  }

 private:
  static constexpr auto kQuick = std::chrono::seconds(5);
  explicit RestartPolicy(Millis fixed) : fixed_(fixed) {}
  Millis fixed_;
  int quick_deaths_ = 0;
};

}  // namespace platform::ops
