// history_builder: histories in memory, written the way the lanes write them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/core/events.hpp"

namespace cardstorm::test {

/// Keeps every event. One thread.
class RecordingSink final : public EventSink {
 public:
  void write(const Event& e) override { events_.push_back(e); }
  void flush() override { ++flushes_; }
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] int flushes() const { return flushes_; }
  /// All events of one kind, in order.
  template <class E>
  [[nodiscard]] std::vector<E> all() const {
    std::vector<E> out;
    for (const Event& e : events_)
      if (const E* one = std::get_if<E>(&e)) out.push_back(*one);
    return out;
  }

 private:
  std::vector<Event> events_;
  int flushes_ = 0;
};

/// A few words for the usual events; `add` takes any other. Times in any order: take events() and sort, or write
/// through a HistoryWriter.
class HistoryBuilder {
 public:
  HistoryBuilder& add(Event e) {
    events_.push_back(std::move(e));
    return *this;
  }
  HistoryBuilder& phase(Nanos at, Phase phase, std::uint32_t segment = 0) {
    return add(PhaseMarked{at, phase, segment});
  }
  HistoryBuilder& planned(TradeId trade, Nanos at, std::uint16_t steps = 1, std::uint16_t journey = 0) {
    return add(TradePlanned{trade, at, journey, steps});
  }
  HistoryBuilder& step(TradeId trade, std::uint16_t step, Nanos planned, Nanos took, Outcome outcome = Outcome::ok,
                       Cause cause = Cause::none) {
    const auto status = static_cast<std::uint16_t>(outcome == Outcome::ok ? 200 : 0);
    return add(StepEnded{trade, step, planned, planned, planned + took, outcome, cause, status, 1, 0});
  }
  HistoryBuilder& ended(TradeId trade, Nanos at, TradeOutcome outcome = TradeOutcome::ok, Cause cause = Cause::none) {
    return add(TradeEnded{trade, at, outcome, cause});
  }
  /// A whole trade of one step.
  HistoryBuilder& trade(TradeId trade, Nanos at, Nanos took, TradeOutcome outcome = TradeOutcome::ok,
                        Cause cause = Cause::none) {
    const Outcome step_outcome = outcome == TradeOutcome::ok       ? Outcome::ok
                                 : outcome == TradeOutcome::failed ? Outcome::failed
                                                                   : Outcome::unknown;
    return planned(trade, at).step(trade, 0, at, took, step_outcome, cause).ended(trade, at + took, outcome, cause);
  }
  HistoryBuilder& order(TradeId trade, Nanos at, std::string order, std::int64_t amount_cents,
                        std::string sku = "game-1", std::uint32_t quantity = 1) {
    return add(OrderSeen{trade, at, std::move(order), std::move(sku), quantity, amount_cents});
  }
  HistoryBuilder& pay(TradeId trade, Nanos at, std::string order, std::string channel = "alpha",
                      Outcome outcome = Outcome::ok) {
    return add(PaySeen{trade, at, std::move(order), std::move(channel), outcome});
  }
  HistoryBuilder& card(TradeId trade, Nanos at, std::string order, std::uint32_t sku, std::uint32_t index) {
    return add(CardSeen{trade, at, std::move(order), true, sku, index, ""});
  }
  HistoryBuilder& fault(Nanos at, std::string fault, std::string on, FaultEdge edge, std::uint32_t segment = 0) {
    return add(FaultChanged{at, segment, std::move(fault), std::move(on), edge, ""});
  }
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  void write_to(EventSink& sink) const {
    for (const Event& e : events_) sink.write(e);
  }

 private:
  std::vector<Event> events_;
};

}  // namespace cardstorm::test
