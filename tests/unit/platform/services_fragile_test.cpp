// The fragile shop: right when it is quiet, wrong by its own mechanisms when it is not.
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

class FragileShop : public ServicesTest {
 protected:
  FragileShop() : ServicesTest("fragile") {}
  void SetUp() override {
    ServicesTest::SetUp();
    url_ = start(config("shop", "shop", "fragile"));
  }
  std::string order(const std::string& buyer, const std::string& sku, int quantity = 1, const std::string& phone = "") {
    const auto a = as_buyer(
        url_, buyer, "POST", "/orders",
        R"({"sku":")" + sku + R"(","quantity":)" + std::to_string(quantity) + R"(,"phone":")" + phone + "\"}", "k");
    EXPECT_EQ(a.status, 201) << a.body;
    return a.json["order_no"].text();
  }
  int pay(const std::string& buyer, const std::string& no, const std::string& channel) {
    return as_buyer(url_, buyer, "POST", "/orders/" + no + "/pay", R"({"channel":")" + channel + "\"}", "p").status;
  }
  std::string status(const std::string& buyer, const std::string& no) {
    return as_buyer(url_, buyer, "GET", "/orders/" + no).json["status"].text();
  }
  std::int64_t waiting_for_locks() {
    return number(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()");
  }
  bool delivered(const std::string& buyer, const std::string& no) {
    return wait_until([&] { return status(buyer, no) == "delivered"; });
  }
  std::string url_;
};

TEST_F(FragileShop, SellsEveryClassOfGoodsWhenItIsQuiet) {
  const std::vector<std::pair<std::string, std::string>> cases = {{"steam-50", "alpha"},
                                                                  {"qcoin-10", "wallet"},
                                                                  {"video-month", "beta"},
                                                                  {"phone-30", "alpha"},
                                                                  {"sword-rare", "wallet"}};
  for (const auto& [sku, channel] : cases) {
    const std::string no = order("b1", sku, 1, sku == "phone-30" ? "13800000000" : "");
    EXPECT_EQ(pay("b1", no, channel), 200);
    EXPECT_TRUE(delivered("b1", no)) << sku;
    const auto shown = as_buyer(url_, "b1", "GET", "/orders/" + no);
    EXPECT_EQ(shown.json["cards"].items().size(), sku == "steam-50" || sku == "qcoin-10" ? 1U : 0U) << shown.body;
    if (channel != "wallet") {
      EXPECT_EQ(partners_->charges(no), 1);
    }
  }
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/wallet").json["balance_cents"].integer(), 10'000'000 - 1000 - 8800);
}

TEST_F(FragileShop, RefundsAMembershipAtItsChannelAndNoCard) {
  const std::string membership = order("b1", "video-month"), card = order("b1", "steam-50");
  for (const auto& no : {membership, card}) {
    EXPECT_EQ(pay("b1", no, "alpha"), 200);
    ASSERT_TRUE(delivered("b1", no));
  }
  EXPECT_EQ(as_buyer(url_, "b1", "POST", "/orders/" + membership + "/refund", "{}", "r").json["status"].text(),
            "refunded");
  EXPECT_EQ(partners_->kept_cents(membership), 0);
  EXPECT_EQ(as_buyer(url_, "b1", "POST", "/orders/" + card + "/refund", "{}", "r").status, 409);
}

// Both have looked before either may mark: wherever among the first 32 they began, of 40 cards each some are the same.
TEST_F(FragileShop, HandsOutOneCardTwiceWhenTwoBuyTogether) {
  const std::string one = order("b1", "steam-50", 40), other = order("b2", "steam-50", 40);
  {
    const auto busy = store::connect(database_urls_[0]);
    busy->script("BEGIN; LOCK TABLE cards IN EXCLUSIVE MODE");
    EXPECT_EQ(pay("b1", one, "wallet"), 200);
    EXPECT_EQ(pay("b2", other, "wallet"), 200);
    EXPECT_TRUE(wait_until([&] { return waiting_for_locks() == 2; }));
  }
  EXPECT_TRUE(delivered("b1", one));
  EXPECT_TRUE(delivered("b2", other));
  EXPECT_GT(number("SELECT count(*) - count(DISTINCT card_id) FROM shop_deliveries"), 0);
}

TEST_F(FragileShop, DeliversTwiceWhenANotifyComesTwiceAtOnce) {
  partners_->buyers_pay = false;
  const std::string no = order("b1", "qcoin-10", 5);
  EXPECT_EQ(pay("b1", no, "alpha"), 200);
  const auto trade = partners_->trades().at(0);
  std::vector<std::thread> copies;
  {
    const auto busy = store::connect(database_urls_[0]);  // both have read the order before either may write to it
    busy->run("BEGIN");
    busy->run("SELECT 1 FROM orders WHERE order_no = $1 FOR UPDATE", {no});
    for (int i = 0; i < 2; ++i) copies.emplace_back([&] { partners_->say_again(trade); });
    EXPECT_TRUE(wait_until([&] { return waiting_for_locks() == 2; }));
  }
  for (auto& c : copies) c.join();
  ASSERT_TRUE(delivered("b1", no));
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM shop_deliveries") == 10; }));
}

TEST_F(FragileShop, StopsForEverybodyWhenManyPayAtOnceAtASlowChannel) {
  auto c = config("shop", "shop", "fragile");
  c.switches.set(domain::Trait::A04,
                 false);  // else eight payments wait 30 s for each other's connections: fragile_waiting_test
  const std::string url = start(c);
  partners_->delay("alpha", 30s);
  std::vector<std::string> numbers;
  for (int i = 0; i < 20; ++i) numbers.push_back(order("b1", "video-month"));
  std::vector<std::thread> buyers;
  for (const auto& no : numbers)
    buyers.emplace_back(
        [&, no] { as_buyer(url, "b1", "POST", "/orders/" + no + "/pay", R"({"channel":"alpha"})", "p"); });
  EXPECT_TRUE(wait_until([&] { return partners_->creates("alpha") >= 16; }));  // as many as there are workers
  EXPECT_EQ(edge::call("GET", url + "/goods", "", {}, {1s, 1s}).status, 0);
  partners_->delay("alpha", 0ms);
  EXPECT_EQ(as_buyer(url, "b2", "GET", "/goods").status, 200);
  for (auto& b : buyers) b.join();
}

TEST_F(FragileShop, ChargesTwiceWhenABuyerPaysAgainWhileTheChannelIsSlow) {
  partners_->delay("alpha", 30s);
  const std::string no = order("b1", "video-month");
  std::thread first([&] { pay("b1", no, "alpha"); });
  EXPECT_TRUE(wait_until([&] { return partners_->creates("alpha") == 1; }));
  std::thread again([&] { pay("b1", no, "alpha"); });
  EXPECT_TRUE(wait_until([&] { return waiting_for_locks() == 1; }));
  partners_->delay("alpha", 0ms);
  first.join();
  again.join();
  EXPECT_TRUE(wait_until([&] { return partners_->charges(no) == 2; }));
}

TEST_F(FragileShop, PagesTheAuditByKey) {
  for (int i = 0; i < 5; ++i) {
    const std::string no = order("b1", "qcoin-10", 2);
    pay("b1", no, "wallet");
    ASSERT_TRUE(delivered("b1", no));
  }
  const auto page = as_buyer(url_, "", "GET", "/audit/orders?after=0&limit=3");
  ASSERT_EQ(page.json["rows"].items().size(), 3U) << page.body;
  EXPECT_EQ(page.json["rows"].items()[0]["cards"].items().size(), 2U);
  const auto last =
      as_buyer(url_, "", "GET", "/audit/orders?after=" + std::to_string(page.json["next"].integer()) + "&limit=3");
  EXPECT_EQ(last.json["rows"].items().size(), 2U);
  EXPECT_EQ(last.body.find("\"next\":null") != std::string::npos, true);
  EXPECT_EQ(as_buyer(url_, "", "GET", "/audit/ledger").json["rows"].items().size(), 5U);
  EXPECT_EQ(as_buyer(url_, "", "GET", "/audit/wallets").json["rows"].items()[0]["opening_cents"].integer(), 10'000'000);
}

TEST_F(FragileShop, AnswersBadInputByName) {
  const auto code = [&](const std::string& body) {
    return as_buyer(url_, "b1", "POST", "/orders", body).json["error"].text();
  };
  EXPECT_EQ(code(R"({"sku":"none","quantity":1})"), "unknown_sku");
  EXPECT_EQ(code(R"({"sku":"steam-50","quantity":0})"), "bad_quantity");
  EXPECT_EQ(code(R"({"sku":"phone-30","quantity":1,"phone":"12"})"), "bad_phone");
  EXPECT_EQ(code("{"), "bad_request");
  EXPECT_EQ(as_buyer(url_, "b 1", "GET", "/wallet").status, 400);
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/orders/none").status, 404);
  const std::string no = order("b1", "steam-50");
  EXPECT_EQ(as_buyer(url_, "b2", "GET", "/orders/" + no).status, 404);  // not his
  EXPECT_EQ(as_buyer(url_, "b1", "POST", "/notify/alpha", "{}").status, 401);
}

}  // namespace
}  // namespace platform::services_test
