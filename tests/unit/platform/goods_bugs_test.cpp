// The planted bugs of stock and delivery: each bites when it is on; what holds without it is told by
// goods_delivery_test and goods_moves_test (B27 stands there), and here where those do not say it.
#include "tests/unit/platform/goods_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using domain::Bug;
using Does = FakeSuppliers::Does;

domain::Switches with(Bug bug) {
  domain::Switches s;
  s.set(bug, true);
  return s;
}

class GoodsBugs : public Goods {
 protected:
  /// Two buyers of one database reserve at once: the second one looks before the first one has committed.
  std::pair<std::string, std::string> reserve_together(const std::string& how) {
    const std::string a = store::order_number({0, false}, services::random_id()),
                      b = store::order_number({0, false}, services::random_id());
    const std::string sql = "SELECT " + how + "($1, 'steam-50', 3)";
    auto first = shards_->at(0).take();
    first->begin();
    first->run(sql.c_str(), {a});
    std::atomic<bool> over{false};
    std::thread second([&] {
      auto db = shards_->at(0).take();
      db->run(sql.c_str(), {b});
      over = true;
    });
    EXPECT_TRUE(wait_until([&] {
      return over || dbs_[0]->take()
                             ->run(
                                 "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                                 "wait_event_type = 'Lock'")
                             .number(0, 0) > 0;
    }));
    first->commit();
    second.join();
    return {a, b};
  }
  void paid_late(const std::string& no) {
    db_of(no).take()->run(
        "INSERT INTO orders(part, order_no, buyer, idem_key, sku, class, quantity, amount_cents, status, paid_via, "
        "paid_cents) VALUES (0, $1, 'b', $1, 'steam-50', 'game_card', 3, 15000, 'paid', 'wallet', 15000)",
        {no});
    tell_delivery(no);
  }
  /// Card texts that more than one order has got.
  std::int64_t doubles() {
    return number(
        "SELECT count(*) FROM (SELECT c.secret FROM deliveries d JOIN cards c ON c.id = d.card_id GROUP BY c.secret "
        "HAVING count(DISTINCT d.order_no) > 1) s");
  }
};

TEST_F(GoodsBugs, B01HandsOneCardToTwoBuyers) {
  const auto [a, b] = reserve_together("inventory_reserve_unlocked");
  start_goods({}, with(Bug::B01));
  paid_late(a);
  paid_late(b);
  EXPECT_TRUE(ends(a, "delivered"));
  EXPECT_TRUE(ends(b, "delivered"));
  EXPECT_EQ(doubles(), 3);
}

TEST_F(GoodsBugs, WithoutB01EachCardHasOneBuyer) {
  const auto [a, b] = reserve_together("inventory_reserve");
  start_goods();
  paid_late(a);
  paid_late(b);
  EXPECT_TRUE(ends(a, "delivered"));
  EXPECT_TRUE(ends(b, "delivered"));
  EXPECT_EQ(doubles(), 0);
  EXPECT_EQ(number("SELECT count(*) FROM deliveries"), 6);
}

TEST_F(GoodsBugs, B07DeliversAnApology) {
  const std::string no = paid("b1", "steam-50", 2);
  execute("UPDATE cards SET order_no = NULL");
  start_goods({}, with(Bug::B07));
  EXPECT_TRUE(ends(no, "delivered"));
  EXPECT_EQ(number("SELECT count(*) FROM deliveries d JOIN cards c ON c.id = d.card_id WHERE c.secret LIKE 'Sorry%'"),
            2);
}

TEST_F(GoodsBugs, B07SaysSorryWhereASupplierFails) {
  suppliers_.does("topup", Does::fail);
  start_goods({{"suppliers", "topup"}}, with(Bug::B07));
  const std::string no = paid("b1", "phone-30", 1, "13800000000");
  EXPECT_TRUE(ends(no, "delivered"));
  EXPECT_TRUE(told_body(no)["receipt"].text().starts_with("Sorry"));
}

TEST_F(GoodsBugs, B08SaysNothingToNobody) {
  suppliers_.does("topup", Does::fail);
  const std::string card = paid("b1", "steam-50", 2), topup = paid("b1", "phone-30", 1, "13800000000");
  execute("UPDATE cards SET order_no = NULL");
  start_goods({{"suppliers", "topup"}}, with(Bug::B08));
  EXPECT_TRUE(wait_until([&] {
    return number("SELECT count(*) FROM outbox WHERE topic = 'deliver'") == 0 &&
           text("SELECT state FROM supplies") == "failed";
  }));
  EXPECT_EQ(told(card), "");
  EXPECT_EQ(told(topup), "");
  EXPECT_EQ(number("SELECT count(*) FROM orders WHERE status = 'paid'"), 2);
}

TEST_F(GoodsBugs, B11ShowsAStockThatIsNotThere) {
  const auto differ = [&] {
    return number(
        "SELECT g.stock - (SELECT count(*) FROM cards c WHERE c.sku = g.sku AND c.order_no IS NULL AND NOT c.sold) "
        "FROM goods g WHERE g.sku = 'steam-50'");
  };
  EXPECT_EQ(differ(), 0);
  const std::string no = reserved("b1", "steam-50", 5, "inventory_reserve_counted");
  EXPECT_EQ(differ(), 0);
  db_of(no).take()->run("SELECT inventory_release($1, 'steam-50', 5)", {no});
  EXPECT_EQ(differ(), -5);
  const auto shown = [&](const domain::Switches& switches) {
    const std::string url = start(goods_config("catalog", {}, switches));
    return as_buyer(url, "b1", "GET", "/goods/steam-50").json["stock"].integer();
  };
  EXPECT_EQ(shown({}), 2000);
  EXPECT_EQ(shown(with(Bug::B11)), 1995);
}

// The supplier has sold, its answer comes after the transaction's end, and from then on the number is "used before":
// for ever.
TEST_F(GoodsBugs, B14IsHeldUpForEverByItsOwnNumber) {
  suppliers_.does("as", Does::lose_answer);
  start_goods({{"upstream", "as=sharedstock"}}, with(Bug::B14));
  ASSERT_TRUE(wait_until([&] { return number("SELECT count(*) FROM goods WHERE source = 'as'") == kDatabases; }));
  const std::string no = paid("b1", "as-gold", 2);
  ASSERT_TRUE(wait_until([&] { return suppliers_.orders("as").size() == 1; }));
  suppliers_.does("as", Does::deliver);
  EXPECT_TRUE(wait_until([&] { return suppliers_.calls("POST as/shared/commodity/trade") >= 4; }, 20s));
  EXPECT_EQ(told(no), "");
  EXPECT_EQ(text("SELECT state FROM supplies"), "new");
}

TEST_F(GoodsBugs, WithoutB14ALostAnswerEndsWithTheMoneyBack) {
  suppliers_.does("as", Does::lose_answer);
  start_goods({{"upstream", "as=sharedstock"}});
  ASSERT_TRUE(wait_until([&] { return number("SELECT count(*) FROM goods WHERE source = 'as'") == kDatabases; }));
  const std::string no = paid("b1", "as-gold", 2);
  ASSERT_TRUE(wait_until([&] { return suppliers_.orders("as").size() == 1; }));
  suppliers_.does("as", Does::deliver);
  EXPECT_TRUE(ends(no, "undeliverable"));
  EXPECT_EQ(told_body(no)["reason"].text(), "lost at as");
}

TEST_F(GoodsBugs, B15PaysBackWhatIsDeliveredLater) {
  suppliers_.does("topup", Does::lose_answer);
  start_goods({{"suppliers", "topup"}}, with(Bug::B15));
  const std::string no = paid("b1", "phone-30", 1, "13800000000");
  EXPECT_TRUE(ends(no, "undeliverable"));
  EXPECT_EQ(suppliers_.orders("topup")[no + "-topup"], "SUCCESS");
}

TEST_F(GoodsBugs, B16KeepsTheMoneyForWhatDidNotArrive) {
  suppliers_.does("topup", Does::part);
  start_goods({{"suppliers", "topup"}}, with(Bug::B16));
  const std::string no = paid("b1", "phone-30", 1, "13800000000");
  EXPECT_TRUE(ends(no, "delivered"));
  EXPECT_TRUE(told_body(no)["refund_cents"].is_null());
}

// Inventory does not answer: as good as a crash between taking off and doing.
TEST_F(GoodsBugs, B22ForgetsWhatItTookOff) {
  for (const bool on : {true, false}) {
    const std::string no = paid("b1", "steam-50", 2);
    inventory_ = "http://127.0.0.1:1";
    start_goods({}, on ? with(Bug::B22) : domain::Switches());
    const auto left = [&] {
      return db_of(no).take()->run("SELECT count(*) FROM outbox WHERE order_no = $1", {no}).number(0, 0);
    };
    if (on) {
      EXPECT_TRUE(wait_until([&] { return left() == 0; }));
    }
    stop_all();
    inventory_.clear();
    start_goods();
    if (!on) {
      EXPECT_TRUE(ends(no, "delivered"));
    }
    EXPECT_EQ(given(no), on ? 0 : 2);
    stop_all();
  }
}

TEST_F(GoodsBugs, B29WritesMarkedTopUpsIntoTheRealBooks) {
  add_shadow();
  for (const bool on : {true, false}) {
    execute("DELETE FROM supplies");
    auto c = goods_config("delivery", {{"suppliers", "topup"}}, on ? with(Bug::B29) : domain::Switches());
    store::Shards shards(database_urls_, shadow_urls_, {"", 2, 5s, 0ms});
    const store::Place place{store::partition_of("b1"), true};
    const std::string no = store::order_number(place, services::random_id());
    shards.at(place).take()->run(
        "INSERT INTO outbox(topic, order_no, body, mark) VALUES ('deliver', $1, "
        "'{\"class\":\"topup\",\"sku\":\"phone-30\",\"quantity\":1,\"phone\":\"13800000000\",\"buyer\":\"b1\",\"amount_"
        "cents\":3000}', 'm1')",
        {no});
    start(c);
    EXPECT_TRUE(wait_until([&] { return suppliers_.orders("topup").contains(no + "-topup"); }));
    EXPECT_EQ(number("SELECT count(*) FROM supplies WHERE mark <> ''"), on ? 1 : 0);
    EXPECT_EQ(shards.at(place).take()->run("SELECT count(*) FROM supplies WHERE order_no = $1", {no}).number(0, 0),
              on ? 0 : 1);
    stop_all();
  }
}

}  // namespace
}  // namespace platform::services_test
