// pricing: what an order costs: list price, timed promotion, bulk step, the account's level, coupon. Whole cents,
// checked for overflow, pure.
//
// The rule: 1. the piece costs the lowest of list price, bulk step and promotions that are in force; 2. agents and
// merchants get their level's discount on that; 3. times the quantity; 4. less the coupon. A discount in percent is
// rounded down to a whole cent each time it is taken (per piece in 1 and 2, on the whole in 4), so a rounding never
// makes anything cheaper than its exact price. A piece costs at least one cent, and so does an order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reference_platform/domain/trade.hpp"

namespace platform::domain {

enum class Role { buyer, agent, merchant };
std::string_view name_of(Role role);
std::optional<Role> role_of(std::string_view name);

struct Account {
  Role role = Role::buyer;
  int level = 0;
};
inline constexpr int kLevelMax = 3;
/// In hundredths of a percent.
std::int64_t level_discount(const Account& account);
/// How many pieces one order of this account may have.
std::int64_t quantity_max(const Account& account);

/// Times in milliseconds since 1970; in force from `from_ms` until just before `to_ms`. `value`: a price in cents, or
/// hundredths of a percent off.
struct Promotion {
  std::string sku;
  bool percent = false;
  std::int64_t value = 0, from_ms = 0, to_ms = 0;
};
/// `value`: cents off, or hundredths of a percent off.
struct Coupon {
  bool percent = false;
  std::int64_t value = 0, min_cents = 0;
  std::string sku;
};

// amount_cents: what is to be paid, coupon taken off
struct Quote {
  std::int64_t unit_cents = 0, amount_cents = 0, coupon_cents = 0;
};

/// nullopt when it does not fit into 64 bits, or a price or the quantity is not positive.
std::optional<Quote> quote(const Good& good, std::int64_t quantity, const Account& account,
                           const std::vector<Promotion>& promotions, std::int64_t now_ms,
                           const std::optional<Coupon>& coupon = {});

/// Whether the coupon may be used for this order at all (before its discount).
bool coupon_fits(const Coupon& coupon, std::string_view sku, std::int64_t amount_cents);

/// cents * part / 10000, rounded down, exact for every cents >= 0 and part in 0 to 10000.
std::int64_t part_of(std::int64_t cents, std::int64_t part);

/// Planted bug B26: the same in floating point, cut off at the end.
std::int64_t amount_in_floats(std::int64_t unit_cents, std::int64_t quantity);

}  // namespace platform::domain
