// ledger: writes outcomes and counts them.
#include "harness/drive/ledger.hpp"

#include <algorithm>

namespace cardstorm {
namespace {

void count(std::atomic<std::uint64_t>& figure) { figure.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

bool withheld_by_us(Cause cause) { return cause == Cause::late_generator || cause == Cause::interrupted; }

void Ledger::planned(const TradePlanned& e) {
  ++trades_planned_;
  steps_planned_ += e.steps;
  count(live_.trades_planned);
  count(live_.trades_open);
  history_.write(e);
}

void Ledger::step(const StepEnded& e, bool counts) {
  ++steps_ended_;
  if (e.outcome == Outcome::ok)
    count(live_.steps_ok);
  else if (e.cause != Cause::sold_out)
    count(live_.steps_bad);  // a refusal that only the witnesses can call wrong
  if (counts) recent_[second_].record(std::max(Nanos(0), e.done - e.planned));
  if (abort_ != nullptr) tell_abort(e, e.cause, counts);
  history_.write(e);
}

void Ledger::never_sent(const StepEnded& e, Cause trade_cause) {
  ++steps_ended_;
  if (trade_cause != Cause::sold_out) count(live_.steps_bad);
  if (abort_ != nullptr) tell_abort(e, trade_cause, false);
  history_.write(e);
}

void Ledger::tell_abort(const StepEnded& e, Cause cause, bool counts) {
  if (cause == Cause::sold_out || withheld_by_us(cause)) return;
  const Nanos latency = e.done - e.planned;
  abort_->step(e.planned, e.outcome == Outcome::ok && (!counts || latency <= step_limit_),
               counts ? std::optional(latency) : std::nullopt);
}

void Ledger::trade(const TradeEnded& e) {
  ++trades_ended_;
  live_.trades_open.fetch_sub(1, std::memory_order_relaxed);
  // Sold out is not bad in itself (the judge asks the witnesses), but on the screen it is not a success either.
  count(e.outcome == TradeOutcome::ok ? live_.trades_ok : live_.trades_bad);
  history_.write(e);
}

Histogram Ledger::tick() {
  Histogram all;
  for (const Histogram& one : recent_) all.merge(one);
  second_ = (second_ + 1) % kSeconds;
  recent_[second_] = Histogram{};
  return all;
}

}  // namespace cardstorm
