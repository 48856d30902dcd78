// The catalogue over real databases, and the weaknesses of this part: A06 (no cache) and B23 (a stale cache answers the
// order's state).
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

class CatalogTest : public Hardened {
 protected:
  std::int64_t stock(const std::string& sku) {
    return as_buyer(url_, "b1", "GET", "/goods/" + sku).json["stock"].integer(-1);
  }
};

TEST_F(CatalogTest, ShowsTheStockOfAllDatabasesTogetherInListAndDetail) {
  configure();
  start_here({"payment", "delivery", "inventory", "order-1", "order-2"});
  EXPECT_EQ(stock("steam-50"), 2000);
  const auto list = as_buyer(url_, "b1", "GET", "/goods");
  EXPECT_EQ(list.json["goods"].items().size(), 5U);
  for (const auto& good : list.json["goods"].items())
    EXPECT_EQ(good["stock"].integer(), stock(good["sku"].text())) << good["sku"].text();
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/goods/steam-50").json["wholesale"].items().size(), 2U);
}

TEST_F(CatalogTest, AnswersUnknownGoodsFromMemoryAndNonsenseByName) {
  configure();
  start_here({"payment", "delivery", "inventory", "order-1", "order-2"});
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(as_buyer(url_, "b1", "GET", "/goods/none").json["error"].text(), "unknown_sku");
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/goods/" + std::string(500, 'x')).json["error"].text(), "unknown_sku");
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/goods/%00').json;--").json["error"].text(), "unknown_sku");
  EXPECT_EQ(as_buyer(url_, "b1", "POST", "/goods", "{}").json["error"].text(), "not_found");
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/goods/a/b").json["error"].text(), "not_found");
}

// The databases go while nobody has looked at anything yet: the node has warmed itself.
TEST_F(CatalogTest, ShowsWhatItKnowsWhenTheDatabasesAreAwayAlthoughNobodyHadLooked) {
  configure();
  start_here({"payment", "delivery", "inventory", "order-1", "order-2"});
  ASSERT_TRUE(wait_until([&] { return stock("steam-50") == 2000; }));
  for (int d = 0; d < kDatabases; ++d) set_away(d, true);
  for (const char* sku : {"qcoin-10", "video-month", "steam-50"})
    EXPECT_EQ(as_buyer(url_, "b1", "GET", std::string("/goods/") + sku).status, 200) << sku;
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/goods").status, 200);
  EXPECT_TRUE(wait_until([&] { return as_buyer(url_, "b1", "GET", "/goods/never-seen").status == 503; }))
      << "unknown, not absent";
  for (int d = 0; d < kDatabases; ++d) set_away(d, false);
  EXPECT_TRUE(wait_until([&] { return as_buyer(url_, "b1", "GET", "/goods/never-seen").status == 404; }));
}

TEST_F(CatalogTest, WithA06EveryLookReachesTheDatabaseAndWithoutItHardlyOne) {
  const auto looks = [&](int n) {
    std::set<std::int64_t> prices;
    for (int i = 0; i < n; ++i) {
      execute("UPDATE goods SET price_cents = price_cents + 1 WHERE sku = 'steam-50'");
      prices.insert(as_buyer(url_, "b1", "GET", "/goods/steam-50").json["price_cents"].integer());
    }
    return prices.size();
  };
  configure();
  node("catalog").switches.set(domain::Trait::A06, true);
  start_here({"payment", "delivery", "inventory", "order-1", "order-2"});
  EXPECT_EQ(looks(15), 15U);
  stop_all();
  node("catalog").switches.set(domain::Trait::A06, false);
  start_here({"payment", "delivery", "inventory", "order-1", "order-2"});
  EXPECT_LT(looks(15), 8U);
}

class StaleStatus : public Hardened {
 protected:
  /// What the buyer is told after he has paid, having looked before.
  std::string told() {
    const std::string no = order("b1", "steam-50");
    EXPECT_EQ(show("b1", no).json["status"].text(), "created");
    EXPECT_EQ(pay("b1", no, "wallet").status, 200);
    return show("b1", no).json["status"].text();
  }
};

TEST_F(StaleStatus, B23ShowsUnpaidAfterPaid) {
  configure();
  node("gateway").switches.set(domain::Bug::B23, true);
  start_here();
  EXPECT_EQ(told(), "created");
}

TEST_F(StaleStatus, WithoutB23WhatIsPaidIsShownPaid) {
  configure();
  start_here();
  EXPECT_NE(told(), "created");
}

}  // namespace
}  // namespace platform::services_test
