// Two databases and their shadow: who is served when one is away, one audit over both, and where marked work goes.
#include "reference_platform/services/partner.hpp"
#include "tests/unit/platform/durations.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using domain::Json;

class Shards : public Hardened {
 protected:
  Answer marked(const std::string& buyer, const std::string& method, const std::string& path,
                const std::string& body = "", const std::string& key = "") {
    const auto r =
        edge::call(method, url_ + path, body,
                   {{"X-Buyer", buyer}, {"X-Cardstorm-Mark", "drill-1"}, {"Idempotency-Key", key}}, {1000ms, 10000ms});
    return {r.status, Json::parse(r.body).value_or(Json()), r.body};
  }
  std::int64_t in_shadow(const std::string& sql) {
    std::int64_t sum = 0;
    for (const auto& url : shadow_urls_) sum += store::connect(url)->run(sql.c_str()).number(0, 0);
    return sum;
  }
};

TEST_F(Shards, ServeTheBuyersOfOneDatabaseWhileTheOtherIsAway) {
  if (kDatabases < 2) GTEST_SKIP() << "needs two databases";
  configure();
  start_here();
  const std::string here = buyer_in(0), there = buyer_in(1);
  const std::string before = order(there, "video-month");
  set_away(1, true);
  Durations rounds;
  for (int i = 0; i < 20; ++i) {
    rounds.measure([&] {
      EXPECT_EQ(pay(here, order(here, "video-month"), "wallet").status, 200);
      EXPECT_EQ(create(there, "video-month", 1, "k" + std::to_string(i)).status, 503);
    });
  }
  EXPECT_LT(rounds.nine_of_ten(), 1500ms);
  EXPECT_TRUE(wait_until([&] {
    return dbs_[0]->take()->run("SELECT count(*) FROM orders WHERE status = 'delivered'").number(0, 0) == 20;
  }));                                                                  // background work goes on as well
  EXPECT_EQ(as_buyer(url_, here, "GET", "/audit/orders").status, 503);  // half an audit is none
  set_away(1, false);
  dbs_[1] = store::make_pool({database_urls_[1], 2, 5s, 0ms});
  EXPECT_TRUE(wait_until([&] { return pay(there, before, "wallet").status == 200; }));
  EXPECT_TRUE(reaches(there, before, "delivered"));
}

TEST_F(Shards, AreOneBookToTheAuditor) {
  configure();
  start_here();
  std::set<std::string> made;
  for (int i = 0; i < 30; ++i) {
    const std::string buyer = "audit-" + std::to_string(i);
    const std::string no = order(buyer, "video-month");
    made.insert(no);
    EXPECT_EQ(pay(buyer, no, "wallet").status, 200);
  }
  std::set<std::string> seen;
  std::int64_t last = 0;
  std::string after = "0";
  for (int page = 0; page < 10 && after != "null"; ++page) {
    const auto a = as_buyer(url_, "x", "GET", "/audit/orders?limit=7&after=" + after);
    ASSERT_EQ(a.status, 200) << a.body;
    for (const Json& row : a.json["rows"].items()) {
      EXPECT_GT(row["id"].integer(), last);  // strictly increasing over both
      last = row["id"].integer();
      seen.insert(row["order_no"].text());
    }
    after = a.json["next"].is_integer() ? std::to_string(a.json["next"].integer()) : "null";
  }
  EXPECT_EQ(seen, made);
}

TEST_F(Shards, KeepMarkedWorkInTheShadow) {
  add_shadow();
  configure();
  start_here();
  for (const auto& [sku, channel] : std::vector<std::pair<std::string, std::string>>{
           {"steam-50", "wallet"}, {"video-month", "alpha"}, {"sword-rare", "beta"}}) {
    const auto a = marked("b1", "POST", "/orders", R"({"sku":")" + sku + R"(","quantity":1})", sku);
    ASSERT_EQ(a.status, 201) << a.body;
    const std::string no = a.json["order_no"].text();
    EXPECT_EQ(no[0], 'S');
    EXPECT_EQ(marked("b1", "POST", "/orders/" + no + "/pay", R"({"channel":")" + channel + "\"}", "p" + sku).status,
              200);
    EXPECT_TRUE(reaches("b1", no, "delivered")) << sku << show("b1", no).body;
  }
  EXPECT_EQ(pay("b1", order("b1", "video-month"), "wallet").status, 200);  // and a real one beside it
  EXPECT_EQ(number("SELECT count(*) FROM orders"), 1);
  EXPECT_EQ(in_shadow("SELECT count(*) FROM orders WHERE status = 'delivered'"), 3);
  EXPECT_EQ(number("SELECT count(*) FROM cards WHERE order_no IS NOT NULL"), 0);
  EXPECT_EQ(marked("b1", "GET", "/wallet").json["balance_cents"].integer(), 10'000'000 - 5000);
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/wallet").json["balance_cents"].integer(), 10'000'000 - 2500);
  EXPECT_EQ(marked("b1", "GET", "/audit/orders").json["rows"].items().size(), 3U);
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/audit/orders").json["rows"].items().size(), 1U);
  const auto audit = as_buyer(url_, "b1", "GET", "/audit/marked");
  EXPECT_EQ(audit.json["real_rows_with_mark"].integer(-1), 0) << audit.body;
  EXPECT_EQ(audit.json["shadow_rows_without_mark"].integer(-1), 0) << audit.body;
}

TEST_F(Shards, TellOfEveryRowThatIsOnTheWrongSide) {
  add_shadow();
  configure();
  start_here({"order-2", "payment", "delivery"});
  dbs_.front()->take()->run(
      "INSERT INTO orders(part, order_no, buyer, sku, class, quantity, amount_cents, status, mark) VALUES (0, "
      "'H0leak', 'b', 's', 'game_card', 1, 1, 'created', 'drill')");
  dbs_.front()->take()->run(
      "INSERT INTO deliveries(card_id, order_no) VALUES (1, 'S0leak')");  // no mark column: its number tells
  store::connect(shadow_urls_.front())
      ->run(
          "INSERT INTO charges(channel, trade_no, out_trade_no, order_no, amount_cents) VALUES ('alpha', 't', "
          "'S0x-alpha', 'S0x', 1)");
  const auto a = as_buyer(url_, "b", "GET", "/audit/marked");
  EXPECT_EQ(a.json["real_rows_with_mark"].integer(), 2) << a.body;
  EXPECT_EQ(a.json["shadow_rows_without_mark"].integer(), 1) << a.body;
  EXPECT_EQ(a.json["where"].items().size(), 3U);
}

}  // namespace
}  // namespace platform::services_test
