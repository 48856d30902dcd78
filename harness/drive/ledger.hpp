// ledger: the one place where outcomes are written, so that they can be counted: one per planned step, one per planned
// trade. Each shard has its own.
#pragma once

#include <array>
#include <cstdint>

#include "harness/core/events.hpp"
#include "harness/core/histogram.hpp"
#include "harness/drive/driver.hpp"

namespace cardstorm {

/// True for causes of our own: the platform had no part in what ended so.
bool withheld_by_us(Cause cause);

class Ledger {
 public:
  /// `abort`: gets what the stop conditions look at; nullptr when there are none. `step_limit`: a slower step is not
  /// good for them.
  Ledger(EventSink& history, DriveLive& live, AbortTally* abort = nullptr, Nanos step_limit = Nanos::max())
      : history_(history), live_(live), abort_(abort), step_limit_(step_limit) {}

  void planned(const TradePlanned& e);
  /// `counts`: a request was sent and the step is no poll, so its latency is one.
  void step(const StepEnded& e, bool counts);
  /// A step of a trade that ended by `trade_cause` before it was reached.
  void never_sent(const StepEnded& e, Cause trade_cause);
  void trade(const TradeEnded& e);
  /// What a buyer saw on the way.
  void fact(const Event& e) { history_.write(e); }

  /// To be called about once a second: the latencies of the last seconds, for the screen.
  [[nodiscard]] Histogram tick();

  [[nodiscard]] std::uint64_t trades_planned() const { return trades_planned_; }
  [[nodiscard]] std::uint64_t steps_planned() const { return steps_planned_; }
  /// Every planned trade and step has its outcome.
  [[nodiscard]] bool adds_up() const { return trades_planned_ == trades_ended_ && steps_planned_ == steps_ended_; }

 private:
  static constexpr std::size_t kSeconds = 5;
  void tell_abort(const StepEnded& e, Cause cause, bool counts);

  EventSink& history_;
  DriveLive& live_;
  AbortTally* abort_;
  Nanos step_limit_;
  std::uint64_t trades_planned_ = 0, steps_planned_ = 0, trades_ended_ = 0, steps_ended_ = 0;
  std::array<Histogram, kSeconds> recent_{};  // a ring of seconds
  std::size_t second_ = 0;
};

}  // namespace cardstorm
