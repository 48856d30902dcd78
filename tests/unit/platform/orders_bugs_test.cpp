// The planted bugs whose place is with orders and wallets: each bites when it is on, and nothing of the kind happens
// when it is off.
#include <ctime>

#include "reference_platform/store/shards.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using domain::Bug;

class OrderBugs : public Hardened {
 protected:
  void run(std::optional<Bug> bug, const std::map<std::string, std::string>& options = {},
           const std::set<std::string>& without = {}) {
    configure(options);
    for (auto& n : nodes_) {
      if (bug) n.switches.set(*bug, true);
    }
    start_here(without);
  }
  /// Nothing can be written into a table while the function runs: what does so fails there, as if the node had died.
  void while_broken(const std::string& table, const std::function<void()>& f) {
    for (const auto& url : database_urls_) {
      store::connect(url)->script(("CREATE FUNCTION break_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE "
                                   "EXCEPTION 'the node dies here'; END $$; "
                                   "CREATE TRIGGER break_here BEFORE INSERT ON " +
                                   table + " FOR EACH ROW EXECUTE FUNCTION break_here()")
                                      .c_str());
    }
    f();
    for (const auto& url : database_urls_)
      store::connect(url)->script(("DROP TRIGGER break_here ON " + table + "; DROP FUNCTION break_here()").c_str());
  }
  /// Has run this in the database of `name`, and keeps its locks until it is gone.
  [[nodiscard]] std::unique_ptr<store::Connection> locked(const std::string& sql, const std::string& name) const {
    auto db = store::connect(
        database_urls_.at(static_cast<std::size_t>(store::partition_of(name) * kDatabases / store::kPartitions)));
    db->begin();
    db->script(sql.c_str());
    return db;
  }
  /// Until two wait for what is locked; their statements end after a second, so that a machine that was slower than
  /// that needs another round.
  void two_wait() {
    wait_until(
        [&] {
          return number(
                     "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
                     "current_database()") >= 2;
        },
        800ms);
  }
  /// Time passes: every order that nobody has paid, and every payment, is older than any limit.
  void age() {
    execute("UPDATE orders SET created_at = now() - interval '2 hours' WHERE status IN ('created','paying')");
    execute(
        "UPDATE payments SET created_at = now() - interval '2 hours', next_at = now() WHERE state IN "
        "('sent','waiting')");
  }
  std::int64_t wrong_wallets() {
    return number(
        "SELECT count(*) FROM wallets w WHERE balance_cents <> opening_cents + (SELECT coalesce(sum(delta_cents), 0) "
        "FROM ledger l WHERE l.account = w.wallet)");
  }
  bool sells_too_much(std::optional<Bug> bug, const std::string& channel = "wallet") {
    execute("DELETE FROM cards WHERE sku = 'steam-50' AND id > (SELECT min(id) + 4 FROM cards WHERE sku = 'steam-50')");
    run(bug);
    int paid = 0;
    for (int i = 0; i < 15; ++i) {
      const auto a = create("b1", "steam-50", 1, std::to_string(i));
      if (a.status == 201) paid += pay("b1", a.json["order_no"].text(), channel).status == 200 ? 1 : 0;
    }
    EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM orders WHERE paid_cents > 0") == paid; }));
    return paid > 5 * kDatabases;
  }
  bool uses_a_coupon_twice(std::optional<Bug> bug) {
    run(bug);
    const std::string operator_url = "http://127.0.0.1:" + std::to_string(node("order-1").port);
    for (int round = 0; round < 40; ++round) {
      const std::string code = "C-" + std::to_string(round);
      as_buyer(operator_url, "", "POST", "/operator/coupons",
               R"({"code":")" + code + R"(","kind":"amount","value":100})");
      std::vector<std::thread> buyers;
      {
        const auto busy = locked("SELECT 1 FROM coupons WHERE code = '" + code + "' FOR UPDATE",
                                 code);  // two have looked before one may claim it
        for (int b = 0; b < 6; ++b) {
          buyers.emplace_back([&, b] {
            post("c" + std::to_string(b), "/orders", R"({"sku":"video-month","quantity":1,"coupon":")" + code + "\"}",
                 code);
          });
        }
        if (bug) two_wait();
      }
      for (auto& b : buyers) b.join();
      if (bug && number("SELECT count(*) FROM orders") > round + 1) break;
    }
    const bool twice =
        number("SELECT count(*) FROM (SELECT 1 FROM orders GROUP BY coupon HAVING count(*) > 1) d") > 0 ||
        number("SELECT count(*) FROM orders") > number("SELECT count(*) FROM coupons");
    return twice;
  }
  bool repeats_a_number(std::optional<Bug> bug) {
    run(bug);
    if (bug) fill_the_next_minute();
    std::set<std::string> numbers;
    int created = 0;
    for (int i = 0; i < (bug ? 1 : 250); ++i) {
      const auto a = create("b1", "video-month", 1, std::to_string(i));
      EXPECT_EQ(a.status, 201) << a.body;
      ++created;
      numbers.insert(a.json["order_no"].text());
    }
    const std::string one = *numbers.begin();
    return static_cast<int>(numbers.size()) < created ||
           number("SELECT count(*) FROM orders WHERE order_no = '" + one + "' AND buyer <> 'b1'") > 0;
  }
  /// As if so many others had ordered that each number which B25 may make of these seconds belongs to one of them.
  void fill_the_next_minute() {
    const store::Place place{store::partition_of("b1"), false};
    const std::string part = std::to_string(place.partition), now = std::to_string(std::time(nullptr));
    store::connect(database_urls_.at(static_cast<std::size_t>(place.partition * kDatabases / store::kPartitions)))
        ->run(("INSERT INTO orders(part, order_no, buyer, sku, class, quantity, amount_cents, status) SELECT " + part +
               ", '" + store::order_number(place, "") +
               "' || s || n, 'other', 'video-month', 'membership', 1, 2500, 'created' FROM generate_series(" + now +
               ", " + now + " + 60) s, generate_series(0, 999) n")
                  .c_str());
  }
  bool loses_a_cent(std::optional<Bug> bug) {
    execute("UPDATE goods SET price_cents = 1999 WHERE sku = 'video-month'");
    run(bug, {}, {"order-2"});
    int wrong = 0;
    for (int q = 1; q < 10; ++q) {
      Answer a;
      wait_until([&] {
        return (a = create("b1", "video-month", q, "q" + std::to_string(q))).status != 503;
      });  // 503 is no outcome: come again
      wrong += a.json["amount_cents"].integer() != 1999 * q ? 1 : 0;
    }
    return wrong > 0;
  }
  void pay_at_once(int orders) {
    std::vector<std::string> numbers;
    for (int i = 0; i < orders; ++i) numbers.push_back(order("b1", "video-month"));
    std::vector<std::thread> payers;
    for (int t = 0; t < 8; ++t) {
      payers.emplace_back([&, t] {
        for (std::size_t i = static_cast<std::size_t>(t); i < numbers.size(); i += 8) pay("b1", numbers[i], "wallet");
      });
    }
    for (auto& p : payers) p.join();
  }
};

// Buyers of one database at once, through the whole shop: all have looked before one may mark.
TEST_F(OrderBugs, B01HandsOneCardToTwoBuyersOfTheWholeShop) {
  run(Bug::B01, {}, {"order-2", "payment"});
  const auto doubles = [&] {
    return number(
        "SELECT count(*) FROM (SELECT c.secret FROM deliveries d JOIN cards c ON c.id = d.card_id GROUP BY c.secret "
        "HAVING count(DISTINCT d.order_no) > 1) s");
  };
  for (int round = 0; round < 20 && doubles() == 0; ++round) {
    std::vector<std::thread> buyers;
    {
      const auto busy = locked("LOCK TABLE cards IN EXCLUSIVE MODE", "b1");
      for (int i = 0; i < 4; ++i) {
        buyers.emplace_back([&, i] {
          const std::string key = std::to_string(round) + "-" + std::to_string(i);
          pay("b1", create("b1", "steam-50", 20, key).json["order_no"].text(), "wallet");
        });
      }
      two_wait();
    }
    for (auto& b : buyers) b.join();
    EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM orders WHERE status = 'paid'") == 0; }));
  }
  EXPECT_GT(doubles(), 0);
}

TEST_F(OrderBugs, B11ShowsFewerCardsThanThereAreAfterAnOrderIsClosed) {
  for (const bool on : {true, false}) {
    nodes_.clear();
    run(on ? std::optional(Bug::B11) : std::nullopt, {{"unpaid_close_s", "1"}}, {"order-2", "payment", "delivery"});
    const std::string no = order("b1", "steam-50", 5);
    EXPECT_TRUE(reaches("b1", no, "closed"));
    EXPECT_EQ(number("SELECT count(*) FROM cards WHERE sku = 'steam-50' AND order_no IS NOT NULL"), 0);
    const auto shown = [&] { return as_buyer(url_, "b1", "GET", "/goods/steam-50").json["stock"].integer(); };
    EXPECT_TRUE(wait_until([&] { return shown() == (on ? 1995 : 2000); })) << shown();
    stop_all();
  }
}

TEST_F(OrderBugs, B10LosesUpdatesOfTheWallet) {
  run(Bug::B10);
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/wallet").status, 200);
  for (int round = 0; round < 10 && wrong_wallets() == 0; ++round) {
    const std::string one = order("b1", "video-month"), other = order("b1", "video-month");
    std::vector<std::thread> payers;
    {
      const auto busy = locked("SELECT 1 FROM wallets WHERE wallet = 'b1' FOR UPDATE",
                               "b1");  // both have read before either may write
      for (const auto& no : {one, other}) payers.emplace_back([this, no] { pay("b1", no, "wallet"); });
      two_wait();
    }
    for (auto& p : payers) p.join();
  }
  EXPECT_EQ(wrong_wallets(), 1);
}
TEST_F(OrderBugs, WithoutB10TheWalletIsTheSumOfItsEntries) {
  run(std::nullopt);
  pay_at_once(80);
  EXPECT_EQ(wrong_wallets(), 0);
}

TEST_F(OrderBugs, B12SellsMoreThanThereIs) { EXPECT_TRUE(sells_too_much(Bug::B12)); }
TEST_F(OrderBugs, B12SellsMoreThanThereIsForAChannelsMoneyToo) { EXPECT_TRUE(sells_too_much(Bug::B12, "alpha")); }
TEST_F(OrderBugs, B12AllocatesOnlyAfterPaymentAndWorksInQuietTimes) {
  run(Bug::B12);
  for (const char* channel : {"wallet", "alpha"}) {
    const std::string no = order("b1", "steam-50", 2);
    EXPECT_EQ(number("SELECT count(*) FROM cards WHERE order_no = '" + no + "'"), 0);
    EXPECT_EQ(pay("b1", no, channel).status, 200);
    EXPECT_TRUE(reaches("b1", no, "delivered"));
    EXPECT_EQ(number("SELECT count(*) FROM deliveries WHERE order_no = '" + no + "'"), 2);
  }
}
TEST_F(OrderBugs, WithoutB12SellsWhatIsThere) { EXPECT_FALSE(sells_too_much(std::nullopt)); }

TEST_F(OrderBugs, B13AnswersARepeatedKeyWithAnError) {
  run(Bug::B13);
  url_ = "http://127.0.0.1:" +
         std::to_string(
             node("order-1").port);  // not by the gateway, which itself asks the twin where the first one is slow
  EXPECT_EQ(create("b1", "steam-50", 1, "k").status, 201);
  EXPECT_EQ(create("b1", "steam-50", 1, "k").json["error"].text(), "duplicate_request");
}

TEST_F(OrderBugs, B19KeepsReservationsForEver) {
  run(Bug::B19, {{"unpaid_close_s", "1"}});
  EXPECT_TRUE(reaches("b1", order("b1", "steam-50", 3), "closed"));
  EXPECT_EQ(number("SELECT count(*) FROM cards WHERE order_no IS NOT NULL"),
            3);  // off: Hardened.GivesBackTheCardsOfAnOrderThatNobodyPays
}

// Nobody pays at the channel, which closes the payment; the order is closed with it.
TEST_F(OrderBugs, B19KeepsWhatAChannelWasAskedToBePaidForToo) {
  partners_->buyers_pay = false;
  for (const bool on : {true, false}) {
    nodes_.clear();
    execute("UPDATE cards SET order_no = NULL");
    run(on ? std::optional(Bug::B19) : std::nullopt, {{"unpaid_close_s", "3600"}}, {"order-2", "delivery"});
    const std::string no = order("b1", "steam-50", 3);
    EXPECT_EQ(pay("b1", no, "alpha").status, 200);
    EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM payments WHERE state = 'waiting'") == 1; }));
    age();
    EXPECT_TRUE(reaches("b1", no, "closed"));
    EXPECT_EQ(number("SELECT count(*) FROM cards WHERE order_no IS NOT NULL"), on ? 3 : 0);
    stop_all();
  }
}

TEST_F(OrderBugs, B20GivesAwayWhatIsBeingPaid) {
  run(Bug::B20, {{"unpaid_close_s", "3600"}}, {"payment"});
  const std::string no = order("b1", "steam-50", 3);
  EXPECT_EQ(pay("b1", no, "alpha").status, 200);
  age();
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM cards WHERE order_no IS NOT NULL") == 0; }));
  EXPECT_EQ(show("b1", no).json["status"].text(), "paying");
}
TEST_F(OrderBugs, WithoutB20WhatIsBeingPaidStaysReserved) {
  run(std::nullopt, {{"unpaid_close_s", "3600"}}, {"payment"});
  const std::string paying = order("b1", "steam-50", 3), unpaid = order("b1", "steam-50", 2);
  EXPECT_EQ(pay("b1", paying, "alpha").status, 200);
  age();
  EXPECT_TRUE(reaches("b1", unpaid, "closed"));  // expiry has been there
  EXPECT_EQ(number("SELECT count(*) FROM cards WHERE order_no IS NOT NULL"), 3);
}

TEST_F(OrderBugs, B21LosesTheMessageOfAPaidOrderInACrash) {
  run(Bug::B21);
  const std::string no = order("b1", "video-month");
  while_broken("outbox", [&] { pay("b1", no, "wallet"); });
  EXPECT_EQ(pay("b1", no, "wallet").json["status"].text(), "paid");
  EXPECT_EQ(pay("b1", order("b1", "video-month"), "wallet").status, 200);  // others are delivered
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM orders WHERE status = 'delivered'") == 1; }));
  EXPECT_EQ(show("b1", no).json["status"].text(), "paid");
  EXPECT_EQ(number("SELECT count(*) FROM outbox"), 0);
}
TEST_F(OrderBugs, WithoutB21AndB04ACrashLeavesStateAndMessageTogether) {
  run(std::nullopt);
  const std::string no = order("b1", "steam-50");
  while_broken("outbox", [&] { EXPECT_EQ(pay("b1", no, "wallet").status, 503); });
  EXPECT_EQ(show("b1", no).json["status"].text(), "created");
  EXPECT_EQ(pay("b1", no, "wallet").status, 200);
  EXPECT_TRUE(reaches("b1", no, "delivered"));
}

TEST_F(OrderBugs, B04LeavesAPaidOrderWithoutGoodsAfterACrash) {
  run(Bug::B04);
  const std::string no = order("b1", "steam-50");
  while_broken("deliveries", [&] { pay("b1", no, "wallet"); });
  const std::string good = order("b1", "steam-50");
  EXPECT_EQ(pay("b1", good, "wallet").status, 200);
  EXPECT_TRUE(reaches("b1", good, "delivered"));
  EXPECT_EQ(show("b1", no).json["status"].text(), "paid");
  EXPECT_EQ(number("SELECT count(*) FROM outbox"), 0);  // nobody will ever come for it
}

TEST_F(OrderBugs, B04LosesTheGoodsOfAChannelsPaymentToo) {
  for (const bool on : {true, false}) {
    nodes_.clear();
    run(on ? std::optional(Bug::B04) : std::nullopt);
    const std::string no = order("b1", "steam-50");
    while_broken("deliveries", [&] {
      EXPECT_EQ(pay("b1", no, "alpha").status, 200);
      EXPECT_TRUE(reaches("b1", no, "paid"));
      EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM outbox WHERE topic = 'paid'") == 0; }));
    });
    const std::string other = order("b1", "steam-50");
    EXPECT_EQ(pay("b1", other, "alpha").status, 200);
    EXPECT_TRUE(reaches("b1", other, "delivered"));  // in quiet times
    if (!on) {
      EXPECT_TRUE(reaches("b1", no, "delivered"));
    }
    EXPECT_EQ(show("b1", no).json["status"].text(), on ? "paid" : "delivered");
    EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM outbox") == 0; }));
    stop_all();
  }
}

TEST_F(OrderBugs, B24UsesACouponTwice) { EXPECT_TRUE(uses_a_coupon_twice(Bug::B24)); }
TEST_F(OrderBugs, WithoutB24UsesACouponOnce) { EXPECT_FALSE(uses_a_coupon_twice(std::nullopt)); }

TEST_F(OrderBugs, B25GivesTwoOrdersOneNumber) { EXPECT_TRUE(repeats_a_number(Bug::B25)); }
TEST_F(OrderBugs, WithoutB25EveryOrderHasItsNumber) { EXPECT_FALSE(repeats_a_number(std::nullopt)); }

TEST_F(OrderBugs, B26LosesACentOnSomeAmounts) { EXPECT_TRUE(loses_a_cent(Bug::B26)); }
TEST_F(OrderBugs, WithoutB26EveryCentIsThere) { EXPECT_FALSE(loses_a_cent(std::nullopt)); }

}  // namespace
}  // namespace platform::services_test
