// ledger: the one place where outcomes are written, so that they can be counted: one per planned step, one per planned trade.
#pragma once

#include <array>
#include <cstdint>

#include "harness/core/events.hpp"
#include "harness/core/histogram.hpp"
#include "harness/drive/driver.hpp"

namespace cardstorm {

class Ledger {
 public:
  Ledger(EventSink& history, DriveLive& live) : history_(history), live_(live) {}

  void planned(const TradePlanned& e);
  /// `counts`: a request was sent and the step is no poll, so its latency is one.
  void step(const StepEnded& e, bool counts);
  /// A step of a trade that ended by `trade_cause` before it was reached.
  void never_sent(const StepEnded& e, Cause trade_cause);
  void trade(const TradeEnded& e);
  /// What a buyer saw on the way.
  void fact(const Event& e) { history_.write(e); }

  /// To be called about once a second: puts the p99 of the last seconds on the screen.
  void tick();

  [[nodiscard]] std::uint64_t trades_planned() const { return trades_planned_; }
  [[nodiscard]] std::uint64_t steps_planned() const { return steps_planned_; }
  /// Every planned trade and step has its outcome.
  [[nodiscard]] bool adds_up() const { return trades_planned_ == trades_ended_ && steps_planned_ == steps_ended_; }

 private:
  static constexpr std::size_t kSeconds = 5;
  EventSink& history_;
  DriveLive& live_;
  std::uint64_t trades_planned_ = 0, steps_planned_ = 0, trades_ended_ = 0, steps_ended_ = 0;
  std::array<Histogram, kSeconds> recent_{};   // a ring of seconds
  std::size_t second_ = 0;
};

}  // namespace cardstorm
