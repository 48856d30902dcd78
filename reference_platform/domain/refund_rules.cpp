// refund_rules: see refund_rules.hpp.
#include "reference_platform/domain/refund_rules.hpp"

#include <algorithm>

namespace platform::domain {
namespace {

constexpr std::int64_t kDay = 24LL * 3600 * 1000;
constexpr RefundRule kRules[] = {
    {"game_card", AfterDelivery::nothing, 0, 0, "in full until delivered, nothing afterwards"},
    {"membership", AfterDelivery::full_then_by_day, 7 * kDay, 30 * kDay,
     "in full for 7 days, then by the whole days that are left of 30"},
    {"topup", AfterDelivery::undelivered_part, 0, 0,
     "in full until sent; the part that did not arrive comes back by itself"},
    {"equipment", AfterDelivery::full_until_confirmed, 3 * kDay, 0, "in full until the buyer confirms, at most 3 days"},
};

std::int64_t by_day(std::int64_t paid_cents, std::int64_t age_ms, std::int64_t period_ms) {
  const std::int64_t days = period_ms / kDay, left = std::max<std::int64_t>(0, period_ms - age_ms) / kDay;
  return paid_cents / days * left + paid_cents % days * left / days;
}

}  // namespace

std::span<const RefundRule> refund_rules() { return kRules; }

std::int64_t refundable_cents(std::string_view goods_class, std::int64_t paid_cents,
                              const std::optional<Delivered>& delivered) {
  const auto rule = std::find_if(std::begin(kRules), std::end(kRules),
                                 [goods_class](const RefundRule& r) { return goods_class == r.goods_class; });
  if (paid_cents <= 0 || rule == std::end(kRules)) return 0;
  if (!delivered) return paid_cents;
  switch (rule->after) {
    case AfterDelivery::nothing:
    case AfterDelivery::undelivered_part:
      return 0;
    case AfterDelivery::full_then_by_day:
      return delivered->age_ms < rule->full_ms ? paid_cents : by_day(paid_cents, delivered->age_ms, rule->period_ms);
    case AfterDelivery::full_until_confirmed:
      return !delivered->confirmed && delivered->age_ms < rule->full_ms ? paid_cents : 0;
  }
  return 0;
}

}  // namespace platform::domain
