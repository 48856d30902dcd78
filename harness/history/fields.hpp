// fields: what an event consists of, said once; the binary codec and the JSON export both walk it.
#pragma once

#include "harness/core/events.hpp"
#include "harness/core/fields.hpp"

namespace cardstorm::history {

/// Numbers of the record kinds on disk. Never reuse one: old files must stay readable.
template <class E>
inline constexpr std::uint8_t kTag = 0;
template <>
inline constexpr std::uint8_t kTag<PhaseMarked> = 1;
template <>
inline constexpr std::uint8_t kTag<TradePlanned> = 2;
template <>
inline constexpr std::uint8_t kTag<StepEnded> = 3;
template <>
inline constexpr std::uint8_t kTag<TradeEnded> = 4;
template <>
inline constexpr std::uint8_t kTag<OrderSeen> = 5;
template <>
inline constexpr std::uint8_t kTag<PaySeen> = 6;
template <>
inline constexpr std::uint8_t kTag<CardSeen> = 7;
template <>
inline constexpr std::uint8_t kTag<GoodsSeen> = 8;
template <>
inline constexpr std::uint8_t kTag<RefundSeen> = 9;
template <>
inline constexpr std::uint8_t kTag<WalletSeen> = 10;
template <>
inline constexpr std::uint8_t kTag<FaultChanged> = 11;
template <>
inline constexpr std::uint8_t kTag<NodeChanged> = 12;
template <>
inline constexpr std::uint8_t kTag<TargetRestarted> = 13;
template <>
inline constexpr std::uint8_t kTag<Sampled> = 14;
template <>
inline constexpr std::uint8_t kTag<GeneratorSeen> = 15;

/// Calls f(name, member) for every member, in the order of the disk format. E is an event, const or not.
template <Is<PhaseMarked> E, class F>
void fields(E& e, F&& f) {
  f("at", e.at);
  f("phase", e.phase);
  f("segment", e.segment);
}
template <Is<TradePlanned> E, class F>
void fields(E& e, F&& f) {
  f("trade", e.trade);
  f("planned", e.planned);
  f("journey", e.journey);
  f("steps", e.steps);
}
template <Is<StepEnded> E, class F>
void fields(E& e, F&& f) {
  f("trade", e.trade);
  f("step", e.step);
  f("planned", e.planned);
  f("sent", e.sent);
  f("done", e.done);
  f("outcome", e.outcome);
  f("cause", e.cause);
  f("status", e.status);
  f("requests", e.requests);
  f("resends", e.resends);
}
template <Is<TradeEnded> E, class F>
void fields(E& e, F&& f) {
  f("trade", e.trade);
  f("at", e.at);
  f("outcome", e.outcome);
  f("cause", e.cause);
}
template <Is<OrderSeen> E, class F>
void fields(E& e, F&& f) {
  f("trade", e.trade);
  f("at", e.at);
  f("order", e.order);
  f("sku", e.sku);
  f("quantity", e.quantity);
  f("amount_cents", e.amount_cents);
}
template <Is<PaySeen> E, class F>
void fields(E& e, F&& f) {
  f("trade", e.trade);
  f("at", e.at);
  f("order", e.order);
  f("channel", e.channel);
  f("outcome", e.outcome);
}
template <Is<CardSeen> E, class F>
void fields(E& e, F&& f) {
  f("trade", e.trade);
  f("at", e.at);
  f("order", e.order);
  f("genuine", e.genuine);
  f("sku", e.sku);
  f("index", e.index);
  f("digest", e.digest);
}
template <Is<GoodsSeen> E, class F>
void fields(E& e, F&& f) {
  f("trade", e.trade);
  f("at", e.at);
  f("order", e.order);
  f("kind", e.kind);
  f("reference", e.reference);
}
template <Is<RefundSeen> E, class F>
void fields(E& e, F&& f) {
  f("trade", e.trade);
  f("at", e.at);
  f("order", e.order);
  f("amount_cents", e.amount_cents);
  f("outcome", e.outcome);
}
template <Is<WalletSeen> E, class F>
void fields(E& e, F&& f) {
  f("trade", e.trade);
  f("asked", e.asked);
  f("at", e.at);
  f("wallet", e.wallet);
  f("balance_cents", e.balance_cents);
}
template <Is<FaultChanged> E, class F>
void fields(E& e, F&& f) {
  f("at", e.at);
  f("segment", e.segment);
  f("fault", e.fault);
  f("on", e.on);
  f("edge", e.edge);
  f("note", e.note);
}
template <Is<NodeChanged> E, class F>
void fields(E& e, F&& f) {
  f("at", e.at);
  f("node", e.node);
  f("up", e.up);
  f("pid", e.pid);
  f("note", e.note);
}
template <Is<TargetRestarted> E, class F>
void fields(E& e, F&& f) {
  f("at", e.at);
  f("segment", e.segment);
  f("reason", e.reason);
}
template <Is<Sampled> E, class F>
void fields(E& e, F&& f) {
  f("at", e.at);
  f("name", e.name);
  f("value", e.value);
}
template <Is<GeneratorSeen> E, class F>
void fields(E& e, F&& f) {
  f("at", e.at);
  f("lateness_p50", e.lateness_p50);
  f("lateness_p99", e.lateness_p99);
  f("cpu_seconds", e.cpu_seconds);
  f("cpu_share_max", e.cpu_share_max);
  f("steal_share_max", e.steal_share_max);
  f("scheduling", e.scheduling);
}

}  // namespace cardstorm::history
