// breaker: says when to stop asking a dependency that fails or is slow, and when to try again. Time comes in as a
// parameter.
#pragma once

#include <chrono>
#include <deque>
#include <mutex>
#include <set>

namespace platform::services {

struct BreakerOptions {
  std::chrono::milliseconds window{5000}, slow{600}, open{2000}, open_max{15000};
  int calls_min = 5;  // fewer calls in the window prove nothing
  double bad_share = 0.5;
  int probes_good = 2;  // in a row, to close again
};

/// Closed: calls pass. Open: none. Half open: one probe at a time. A call that has been running for longer than `slow`
/// counts as bad already, so that a hanging dependency is noticed before its calls time out; so do calls_min bad calls
/// in a row, however good the window was before. Each bad probe doubles the time that it stays open, up to `open_max`.
/// Any thread.
class Breaker {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class State { closed, open, half_open };

  explicit Breaker(BreakerOptions options = {}) : options_(options) {}

  State state(Time now);
  /// Around each call.
  void begin(Time now);
  void end(Time began, Time now, bool good);
  /// True for the one caller that may probe now; it must report by probed().
  bool take_probe(Time now);
  void probed(Time now, bool good);
  /// Nothing else can do the work: it stays open no longer than `open` at a time.
  void hurry();

 private:
  struct Call {
    Time at;
    bool bad;
  };
  void trip_if_bad(Time now);
  void trip(Time now);

  const BreakerOptions options_;
  std::mutex mutex_;
  std::deque<Call> calls_;
  std::multiset<Time> running_;
  State state_ = State::closed;
  Time tripped_{}, open_until_{};
  int bad_probes_ = 0;
  int bad_in_a_row_ = 0, good_probes_ = 0;
  bool probing_ = false;
};

}  // namespace platform::services
