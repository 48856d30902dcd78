// The payment service by itself: channels as data, both databases, what a charge leads to, and how few statements that
// takes.
#include "reference_platform/services/payment_book.hpp"
#include "tests/unit/platform/money_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

TEST_F(MoneyTest, PaysThroughEveryChannelThatTheOptionsName) {
  start_payment([](ops::NodeConfig& c) { c.options["channels"] = "alpha,wx,third"; });
  for (const char* channel : {"alpha", "wx", "third"}) {
    const std::string no = wish(channel, 700);
    EXPECT_TRUE(wait_until([&] {
      return number("SELECT count(*) FROM payments WHERE state = 'paid' AND channel = '" + std::string(channel) +
                    "'") == 1;
    })) << channel;
    EXPECT_EQ(partners_->charges(no), 1);
  }
  EXPECT_EQ(count("paid"), 3);
  EXPECT_EQ(tell("beta", notify_body("H0x", "beta", 1, "t")).status, 404);  // not a channel of this node
}

TEST_F(MoneyTest, WritesWhatFollowsFromAPaymentIntoTheDatabaseOfItsNumber) {
  start_payment();
  std::vector<std::string> all;
  for (int database = 0; database < kDatabases; ++database) {
    for (int i = 0; i < 3; ++i) all.push_back(wish("alpha", 500, "new", database));
  }
  for (const auto& no : all) {
    EXPECT_TRUE(wait_until([&] {
      return db_of(no)
                 .take()
                 ->run("SELECT count(*) FROM outbox WHERE topic = 'paid' AND order_no = $1", {no})
                 .number(0, 0) == 1;
    })) << no;
    EXPECT_EQ(db_of(no).take()->run("SELECT count(*) FROM charges WHERE order_no = $1", {no}).number(0, 0), 1);
  }
}

TEST_F(MoneyTest, GoesOnWithOneDatabaseWhileTheOtherIsAway) {
  const std::string gone = "postgresql://127.0.0.1:1/none?connect_timeout=1";
  const auto urls = database_urls_;
  start_payment([&](ops::NodeConfig& c) { c.database_urls = {urls.front(), gone}; });  // partitions 8 to 15 are away
  std::vector<std::string> all;
  for (int i = 0; i < 20; ++i) all.push_back(wish("beta", 500));
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM payments WHERE state = 'paid'") == 20; }, 5s));
  EXPECT_EQ(tell("beta", notify_body("HFother", "beta", 500, "t1")).status, 503);  // to be told again
}

TEST_F(MoneyTest, CarriesMarkAndTraceOnToTheOrdersMessage) {
  start_payment();
  const std::string no = wish("alpha", 900, "waiting"),
                    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
  execute("UPDATE payments SET mark = 'drill-7', trace = '" + trace + "'");
  EXPECT_EQ(tell("alpha", notify_body(no, "alpha", 900, "t1")).body, "success");
  EXPECT_EQ(text("SELECT mark || ' ' || trace FROM outbox"), "drill-7 " + trace);
  EXPECT_EQ(text("SELECT mark FROM charges"), "drill-7");
}

TEST_F(MoneyTest, KeepsMarkedPaymentsInTheShadowBooks) {
  add_shadow();
  start_payment();
  const std::string no =
      store::order_number({(kDatabases - 1) * store::kPartitions / kDatabases, true}, "drillabcdefghijklmno");
  const auto shadow = store::connect(shadow_urls_.back());
  shadow->run(
      "INSERT INTO payments(order_no, channel, out_trade_no, amount_cents, buyer, mark) VALUES ($1, 'alpha', $1 || "
      "'-alpha', 500, 'b1', 'drill')",
      {no});
  EXPECT_TRUE(wait_until([&] {
    return shadow->run("SELECT count(*) FROM outbox WHERE topic = 'paid' AND mark = 'drill'").number(0, 0) == 1;
  }));
  EXPECT_EQ(shadow->run("SELECT count(*) FROM charges").number(0, 0), 1);
  EXPECT_EQ(
      number("SELECT (SELECT count(*) FROM payments) + (SELECT count(*) FROM charges) + (SELECT count(*) FROM outbox)"),
      0);  // the real ones
}

TEST_F(MoneyTest, PaysBackASecondChargeAndOneThatComesAfterClosing) {
  start_payment();
  for (int database = 0; database < kDatabases; ++database) {
    const std::string twice = paid("alpha", 800, database), late = wish("beta", 600, "closed", database);
    auto second = trade_of(twice, "alpha", 1600);  // as if the channel had taken it twice under one number
    second.trade_no = "T-second";
    partners_->plant(second);
    partners_->plant(trade_of(late, "beta", 600));
    EXPECT_EQ(tell("alpha", notify_body(twice, "alpha", 800, "T-" + twice)).body, "success");  // a copy of the first
    EXPECT_EQ(tell("alpha", notify_body(twice, "alpha", 800, "T2-" + twice)).body, "success");
    EXPECT_EQ(tell("beta", notify_body(late, "beta", 600, "T-" + late)).body, "success");
    EXPECT_EQ(tell("beta", notify_body(late, "beta", 600, "T-" + late)).body, "success");
    EXPECT_TRUE(wait_until([&] { return partners_->kept_cents(late) == 0 && partners_->kept_cents(twice) == 800; }));
  }
  EXPECT_TRUE(wait_until([&] {
    return number("SELECT count(*) FROM refunds WHERE state = 'done' AND reason = 'surplus'") == 2 * kDatabases;
  }));
  EXPECT_EQ(partners_->refund_count(), 2 * kDatabases);
  EXPECT_EQ(number("SELECT count(*) FROM outbox"), 0);  // the orders know nothing of it
}

TEST_F(MoneyTest, PaysNothingBackForASecondChargeThatTheChannelKnowsNothingOf) {
  start_payment();
  const std::string once = paid("alpha", 800), unpaid = wish("beta", 600, "closed");
  auto closed = trade_of(unpaid, "beta", 600);
  closed.status = "CLOSED";
  partners_->plant(closed);
  EXPECT_EQ(tell("alpha", notify_body(once, "alpha", 800, "T2-" + once)).body,
            "success");  // the key is right, the word is not
  EXPECT_EQ(tell("beta", notify_body(unpaid, "beta", 600, "T-" + unpaid)).body, "success");
  EXPECT_TRUE(wait_until(
      [&] { return number("SELECT count(*) FROM refunds WHERE state = 'stuck' AND trouble = 'not_charged'") == 2; }));
  EXPECT_EQ(partners_->refund_count(), 0);
  EXPECT_EQ(partners_->kept_cents(once), 800);
}

TEST_F(MoneyTest, MovesOnlyToChannelsThatTheOrderHasNotUsed) {
  start_payment([](ops::NodeConfig& c) { c.options["channels"] = "alpha,beta,gamma"; });
  partners_->buyers_pay = false;
  const std::string no = number_in(0);
  for (const auto& [channel, state] : {std::pair{"beta", "closed"}, std::pair{"alpha", "sent"}}) {
    db_of(no).take()->run(
        "INSERT INTO payments(order_no, channel, out_trade_no, amount_cents, buyer, state, sent_at) VALUES ($1, $2, $1 "
        "|| '-' || $2, 300, 'b1', $3, now() - interval '9 s')",
        {no, channel, state});
  }
  auto t = trade_of(no, "alpha", 300);
  t.status = "CLOSED";
  partners_->plant(t);
  EXPECT_TRUE(wait_until([&] { return partners_->creates("gamma") == 1; }));
  EXPECT_EQ(text("SELECT string_agg(channel || ' ' || (state = 'closed'), ', ' ORDER BY channel) FROM payments"),
            "alpha true, beta true, gamma false");
}

/// A connection that counts round trips.
class Counting final : public store::Connection {
 public:
  explicit Counting(store::Connection& inner) : inner_(inner) {}
  store::Rows run(const char* sql, const std::vector<store::Param>& params) override {
    return ++trips, inner_.run(sql, params);
  }
  void script(const char* sql) override { ++trips, inner_.script(sql); }
  void begin() override { ++trips, inner_.begin(); }
  void commit() override { ++trips, inner_.commit(); }
  void rollback() noexcept override { ++trips, inner_.rollback(); }
  int trips = 0;

 private:
  store::Connection& inner_;
};

// What `bench platform` pays per order: one round trip for the charge, and shares of batches for the rest.
TEST_F(MoneyTest, NeedsOneRoundTripForAChargeAndOnePerBatchForTheRest) {
  std::vector<std::string> all;
  for (int i = 0; i < 50; ++i) all.push_back(wish(i % 2 == 0 ? "alpha" : "beta", 100));
  const auto lease = db_of(all.front()).take();
  Counting db(*lease);
  const auto taken = services::take_new(db, {{"alpha", 30}, {"beta", 30}, {"other", 0}}, 4000);
  EXPECT_EQ(taken.size(), 50U);
  std::vector<services::Learnt> learnt;
  for (const auto& p : taken) learnt.push_back({p.id, services::Learnt::What::waiting, "x" + p.id, 1000});
  services::write_learnt(db, learnt);
  EXPECT_EQ(number("SELECT count(*) FROM payments WHERE state = 'waiting' AND trade_no LIKE 'x%'"), 50);
  EXPECT_EQ(db.trips, 2);
  for (const auto& p : taken)
    EXPECT_EQ(services::record_charge(db, {p.channel, p.out_trade_no, "x" + p.id, p.order_no, 100}, {}).credit,
              services::Credit::credited);
  EXPECT_EQ(db.trips, 52);
  EXPECT_EQ(
      services::record_charge(db, {taken[0].channel, taken[0].out_trade_no, "x" + taken[0].id, "", 100}, {}).credit,
      services::Credit::repeated);
  EXPECT_EQ(count("paid"), 50);
}

}  // namespace
}  // namespace platform::services_test
