// refund_rules: how much of a paid order may be given back, class by class. A table, pure, whole cents.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace platform::domain {

/// What may be given back once the order is delivered. Before delivery everything may, whatever the class.
enum class AfterDelivery {
  nothing,               // a card's secret has been seen
  undelivered_part,      // what the supplier did not do; given back by itself, never by asking
  full_then_by_day,      // all within full_ms; then what is left of period_ms, by whole days, rounded down
  full_until_confirmed,  // all until the buyer confirms, or full_ms have passed
};
struct RefundRule {
  const char* goods_class;
  AfterDelivery after;
  std::int64_t full_ms, period_ms;
  const char* text;
};
std::span<const RefundRule> refund_rules();

struct Delivered {
  std::int64_t age_ms = 0;
  bool confirmed = false;
};
/// The most that may be given back in all (earlier refunds included). `delivered` empty: nothing was handed out yet. An
/// unknown class: 0 after delivery.
std::int64_t refundable_cents(std::string_view goods_class, std::int64_t paid_cents,
                              const std::optional<Delivered>& delivered);

}  // namespace platform::domain
