// events: names for people and exports. The order of each table is the order of its enum.
#include "harness/core/events.hpp"

#include <array>

namespace cardstorm {
namespace {

template <class Enum, std::size_t N>
std::string_view name_in(const std::array<std::string_view, N>& names, Enum v) {
  const auto i = static_cast<std::size_t>(v);
  return i < N ? names[i] : "invalid";
}

constexpr std::array<std::string_view, 3> kOutcomes{"ok", "failed", "unknown"};
constexpr std::array<std::string_view, 5> kTradeOutcomes{"ok", "failed", "unknown", "not_sent", "unfinished"};
constexpr std::array<std::string_view, 20> kCauses{
    "none",     "sold_out", "refused",  "reset",        "timeout",       "http_4xx",       "http_429",
    "http_5xx", "bad_body", "deadline", "earlier_step", "in_flight_cap", "late_generator", "interrupted",
    "address",  "dns",      "tls",      "redirect",     "too_large",     "front_wall"};
constexpr std::array<std::string_view, 7> kPhases{"warmup", "steady", "fault", "observe", "gap", "drain", "done"};
constexpr std::array<std::string_view, 9> kEdges{"injecting", "injected", "verified",    "not_verified", "healing",
                                                 "healed",    "cleared",  "not_cleared", "failed"};
constexpr std::array<std::string_view, 15> kEvents{"phase_marked",     "trade_planned", "step_ended",    "trade_ended",
                                                   "order_seen",       "pay_seen",      "card_seen",     "goods_seen",
                                                   "refund_seen",      "wallet_seen",   "fault_changed", "node_changed",
                                                   "target_restarted", "sampled",       "generator_seen"};
static_assert(kEvents.size() == std::variant_size_v<Event>);

}  // namespace

std::string_view to_text(Outcome v) { return name_in(kOutcomes, v); }
std::string_view to_text(TradeOutcome v) { return name_in(kTradeOutcomes, v); }
std::string_view to_text(Cause v) { return name_in(kCauses, v); }
std::string_view to_text(Phase v) { return name_in(kPhases, v); }
std::string_view to_text(FaultEdge v) { return name_in(kEdges, v); }
std::string_view name_of(const Event& e) { return kEvents[e.index()]; }

Nanos time_of(const Event& e) {
  return std::visit(
      [](const auto& event) {
        if constexpr (requires { event.at; })
          return event.at;
        else if constexpr (requires { event.done; })
          return event.done;
        else
          return event.planned;
      },
      e);
}

}  // namespace cardstorm
