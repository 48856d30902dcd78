// Prices, limits and refund rules: examples, and properties over many random orders.
#include <gtest/gtest.h>

#include <random>

#include "reference_platform/domain/pricing.hpp"
#include "reference_platform/domain/refund_rules.hpp"

namespace platform::domain {
namespace {

constexpr std::int64_t kDay = 24LL * 3600 * 1000;

Good card(std::int64_t price) {
  return {
      "c",
      "Card",
      "game_card",
      price,
      10,
      false,
      {{10, std::max<std::int64_t>(1, part_of(price, 9500))}, {100, std::max<std::int64_t>(1, part_of(price, 9000))}}};
}

std::int64_t amount(const Good& g, std::int64_t quantity, Account a = {}, const std::vector<Promotion>& p = {},
                    std::optional<Coupon> c = {}, std::int64_t now = 1000) {
  const auto q = quote(g, quantity, a, p, now, c);
  return q ? q->amount_cents : -1;
}

TEST(Pricing, IsTheListPriceForAPlainBuyer) {
  const Good g = card(1000);
  for (const std::int64_t n : {1, 9, 10, 99, 100, 500}) EXPECT_EQ(amount(g, n), amount_of(g, n)) << n;
}

TEST(Pricing, GivesAgentsAndMerchantsTheirLevel) {
  const Good g = card(1000);
  EXPECT_EQ(amount(g, 1, {Role::agent, 0}), 1000);
  EXPECT_EQ(amount(g, 1, {Role::agent, 1}), 970);
  EXPECT_EQ(amount(g, 10, {Role::agent, 3}), 8740);       // 950 less 8 %
  EXPECT_EQ(amount(g, 100, {Role::merchant, 3}), 79200);  // 900 less 12 %
}

TEST(Pricing, RoundsDiscountsDownPerPiece) {
  EXPECT_EQ(amount(card(99), 3, {Role::agent, 1}), 97 * 3);  // 3 % of 99 is 2.97: 2 cents
  EXPECT_EQ(amount(card(1), 5, {Role::merchant, 3}), 5);     // a piece costs at least a cent
}

TEST(Pricing, TakesAPromotionOnlyWhileItIsInForce) {
  const Good g = card(1000);
  const std::vector<Promotion> p = {{"c", true, 2000, 1000, 2000}, {"other", true, 9000, 0, 9000}};
  EXPECT_EQ(amount(g, 1, {}, p, {}, 999), 1000);
  EXPECT_EQ(amount(g, 1, {}, p, {}, 1000), 800);
  EXPECT_EQ(amount(g, 1, {}, p, {}, 2000), 1000);
  EXPECT_EQ(amount(g, 100, {}, {{"c", false, 950, 0, 5000}}), 90000);  // the bulk step is lower
}

TEST(Pricing, TakesTheCouponOffTheWhole) {
  const Good g = card(1000);
  EXPECT_EQ(amount(g, 2, {}, {}, Coupon{false, 300, 0, ""}), 1700);
  EXPECT_EQ(amount(g, 2, {}, {}, Coupon{true, 1250, 0, ""}), 1750);
  EXPECT_EQ(amount(g, 1, {}, {}, Coupon{false, 5000, 0, ""}), 1);
  EXPECT_TRUE(coupon_fits({false, 1, 100, ""}, "c", 100));
  EXPECT_FALSE(coupon_fits({false, 1, 101, ""}, "c", 100));
  EXPECT_FALSE(coupon_fits({false, 1, 0, "d"}, "c", 100));
}

TEST(Pricing, RefusesWhatDoesNotFit) {
  EXPECT_EQ(amount(card(INT64_MAX), 2), -1);
  EXPECT_EQ(amount(card(0), 1), -1);
  EXPECT_EQ(amount(card(1), 0), -1);
  EXPECT_EQ(amount(card(1), -1), -1);
  EXPECT_EQ(part_of(INT64_MAX, 10000), INT64_MAX);  // no overflow on the way
}

// Never above the list price, never below the exact price, never dearer for a higher level.
TEST(Pricing, HoldsItsPropertiesForAnyOrder) {
  std::mt19937_64 random(7);
  const auto below = [&random](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  for (int i = 0; i < 20000; ++i) {
    const Good g = card(1 + below(i % 2 == 0 ? 1000 : 1'000'000'000'000));
    const std::int64_t n = 1 + below(1000);
    const Account a{static_cast<Role>(below(3)), static_cast<int>(below(4))};
    std::vector<Promotion> p;
    if (below(2) == 0) p.push_back({"c", below(2) == 0, 1 + below(10000), 0, 2000});
    std::optional<Coupon> c;
    if (below(2) == 0) c = Coupon{below(2) == 0, 1 + below(10000), 0, ""};
    const auto q = quote(g, n, a, p, 1000, c);
    ASSERT_TRUE(q);
    EXPECT_GE(q->amount_cents, 1);
    EXPECT_EQ(static_cast<std::int64_t>(q->amount_cents) + q->coupon_cents,
              static_cast<std::int64_t>(q->unit_cents) * n);
    EXPECT_LE(q->unit_cents, g.price_cents);
    const auto exact = [&](std::int64_t unit) { return static_cast<std::int64_t>(unit) * (10000 - level_discount(a)); };
    std::int64_t unit = amount_of(g, n) / n;
    if (!p.empty())
      unit = std::min(unit, p[0].percent ? std::max<std::int64_t>(1, g.price_cents - part_of(g.price_cents, p[0].value))
                                         : p[0].value);
    EXPECT_GE(static_cast<std::int64_t>(q->unit_cents) * 10000, exact(unit));
    EXPECT_LT(static_cast<std::int64_t>(q->unit_cents) * 10000, exact(unit) + 10000);
    if (a.level < kLevelMax) {
      EXPECT_LE(quote(g, n, {a.role, a.level + 1}, p, 1000, c)->amount_cents, q->amount_cents);
    }
  }
}

TEST(Pricing, LimitsTheQuantityByTheAccount) {
  EXPECT_EQ(quantity_max({}), 500);
  EXPECT_EQ(quantity_max({Role::agent, 3}), 1000);
  EXPECT_EQ(quantity_max({Role::merchant, 0}), kQuantityMax);
}

TEST(Pricing, LosesACentInFloatingPointOnly) {
  int different = 0;
  for (std::int64_t unit = 1; unit < 5000; ++unit) different += amount_in_floats(unit, 3) != unit * 3 ? 1 : 0;
  EXPECT_GT(different, 100);
}

TEST(RefundRules, GiveEverythingBackBeforeDelivery) {
  for (const auto& rule : refund_rules())
    EXPECT_EQ(refundable_cents(rule.goods_class, 500, std::nullopt), 500) << rule.goods_class;
}

TEST(RefundRules, FollowTheClassAfterDelivery) {
  EXPECT_EQ(refundable_cents("game_card", 500, Delivered{0, false}), 0);
  EXPECT_EQ(refundable_cents("topup", 500, Delivered{0, false}), 0);
  EXPECT_EQ(refundable_cents("equipment", 500, Delivered{kDay, false}), 500);
  EXPECT_EQ(refundable_cents("equipment", 500, Delivered{0, true}), 0);
  EXPECT_EQ(refundable_cents("equipment", 500, Delivered{3 * kDay, false}), 0);
  EXPECT_EQ(refundable_cents("recharge", 500, Delivered{0, false}), 0);
}

TEST(RefundRules, GiveAMembershipBackByTheDay) {
  EXPECT_EQ(refundable_cents("membership", 2500, Delivered{7 * kDay - 1, false}), 2500);
  EXPECT_EQ(refundable_cents("membership", 2500, Delivered{10 * kDay, false}), 1666);  // 20 of 30 days
  EXPECT_EQ(refundable_cents("membership", 2500, Delivered{30 * kDay, false}), 0);
  EXPECT_EQ(refundable_cents("membership", INT64_MAX, Delivered{15 * kDay, false}), INT64_MAX / 2);
  std::int64_t before = INT64_MAX;
  for (std::int64_t age = 0; age < 32 * kDay; age += kDay / 3) {
    const auto now = refundable_cents("membership", 99999, Delivered{age, false});
    EXPECT_LE(now, before);
    before = now;
  }
}

}  // namespace
}  // namespace platform::domain
