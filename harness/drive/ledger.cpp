// ledger: writes outcomes and counts them.
#include "harness/drive/ledger.hpp"

#include <algorithm>

namespace cardstorm {

void Ledger::planned(const TradePlanned& e) {
  ++trades_planned_;
  steps_planned_ += e.steps;
  live_.trades_planned = trades_planned_;
  live_.trades_open = trades_planned_ - trades_ended_;
  history_.write(e);
}

void Ledger::step(const StepEnded& e, bool counts) {
  ++steps_ended_;
  if (e.outcome == Outcome::ok) ++live_.steps_ok;
  else if (e.cause != Cause::sold_out) ++live_.steps_bad;   // a refusal that only the witnesses can call wrong
  if (counts) recent_[second_].record(std::max(Nanos(0), e.done - e.planned));
  history_.write(e);
}

void Ledger::never_sent(const StepEnded& e, Cause trade_cause) {
  ++steps_ended_;
  if (trade_cause != Cause::sold_out) ++live_.steps_bad;
  history_.write(e);
}

void Ledger::trade(const TradeEnded& e) {
  ++trades_ended_;
  live_.trades_open = trades_planned_ - trades_ended_;
  // Sold out is not bad in itself (the judge asks the witnesses), but on the screen it is not a success either.
  ++(e.outcome == TradeOutcome::ok ? live_.trades_ok : live_.trades_bad);
  history_.write(e);
}

void Ledger::tick() {
  Histogram all;
  for (const Histogram& one : recent_) all.merge(one);
  live_.p99_us = std::chrono::duration_cast<std::chrono::microseconds>(all.quantile(0.99)).count();
  second_ = (second_ + 1) % kSeconds;
  recent_[second_] = Histogram{};
}

}  // namespace cardstorm
