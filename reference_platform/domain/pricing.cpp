// pricing: see pricing.hpp.
#include "reference_platform/domain/pricing.hpp"

#include <algorithm>
#include <array>

namespace platform::domain {
namespace {

constexpr std::int64_t kWhole = 10'000;  // hundredths of a percent
constexpr std::array<std::int64_t, kLevelMax + 1> kAgentOff{0, 300, 500, 800}, kMerchantOff{0, 500, 800, 1200};
constexpr std::array<std::int64_t, kLevelMax + 1> kAgentMax{500, 500, 800, 1000};
constexpr std::int64_t kBuyerMax = 500;

std::int64_t less(std::int64_t cents, std::int64_t part) {
  return std::max<std::int64_t>(1, cents - part_of(cents, part));
}

std::int64_t promoted(const Promotion& p, std::int64_t list_cents) {
  return p.percent ? less(list_cents, std::clamp<std::int64_t>(p.value, 0, kWhole))
                   : std::max<std::int64_t>(1, p.value);
}

}  // namespace

std::string_view name_of(Role role) {
  return role == Role::buyer ? "buyer" : role == Role::agent ? "agent" : "merchant";
}

std::optional<Role> role_of(std::string_view name) {
  for (const Role r : {Role::buyer, Role::agent, Role::merchant}) {
    if (name == name_of(r)) return r;
  }
  return std::nullopt;
}

std::int64_t level_discount(const Account& account) {
  const auto level = static_cast<std::size_t>(std::clamp(account.level, 0, kLevelMax));
  return account.role == Role::agent ? kAgentOff[level] : account.role == Role::merchant ? kMerchantOff[level] : 0;
}

std::int64_t quantity_max(const Account& account) {
  if (account.role == Role::merchant) return kQuantityMax;
  return account.role == Role::agent ? kAgentMax[static_cast<std::size_t>(std::clamp(account.level, 0, kLevelMax))]
                                     : kBuyerMax;
}

std::int64_t part_of(std::int64_t cents, std::int64_t part) {
  return cents / kWhole * part + cents % kWhole * part / kWhole;
}

bool coupon_fits(const Coupon& coupon, std::string_view sku, std::int64_t amount_cents) {
  return (coupon.sku.empty() || coupon.sku == sku) && amount_cents >= coupon.min_cents;
}

std::optional<Quote> quote(const Good& good, std::int64_t quantity, const Account& account,
                           const std::vector<Promotion>& promotions, std::int64_t now_ms,
                           const std::optional<Coupon>& coupon) {
  if (good.price_cents < 1 || quantity < 1) return std::nullopt;
  std::int64_t unit = good.price_cents;
  for (const PriceStep& step : good.wholesale) {
    if (step.price_cents < 1) return std::nullopt;
    if (quantity >= step.from_quantity) unit = std::min(unit, step.price_cents);
  }
  for (const Promotion& p : promotions) {
    if (p.sku == good.sku && p.from_ms <= now_ms && now_ms < p.to_ms)
      unit = std::min(unit, promoted(p, good.price_cents));
  }
  Quote out;
  out.unit_cents = less(unit, level_discount(account));
  if (__builtin_mul_overflow(out.unit_cents, quantity, &out.amount_cents)) return std::nullopt;
  if (coupon) {
    const std::int64_t off = coupon->percent
                                 ? part_of(out.amount_cents, std::clamp<std::int64_t>(coupon->value, 0, kWhole))
                                 : std::max<std::int64_t>(0, coupon->value);
    out.coupon_cents = std::min(off, out.amount_cents - 1);
    out.amount_cents -= out.coupon_cents;
  }
  return out;
}

std::int64_t amount_in_floats(std::int64_t unit_cents, std::int64_t quantity) {
  return static_cast<std::int64_t>(static_cast<double>(unit_cents) / 100.0 * static_cast<double>(quantity) * 100.0);
}

}  // namespace platform::domain
