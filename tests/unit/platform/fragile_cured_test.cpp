// The monolith with all traits off keeps every promise, under buyers who press twice, channels that tell thrice, or not
// at all.
#include "tests/unit/platform/fragile_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

class CuredMonolith : public FragileTraits {
 protected:
  void expect_books_in_order() {
    EXPECT_EQ(number("SELECT count(*) - count(DISTINCT card_id) FROM shop_deliveries"), 0) << "one card for two";
    EXPECT_EQ(number("SELECT count(*) FROM orders o WHERE class = 'game_card' AND quantity <> (SELECT count(*) FROM "
                     "shop_deliveries d WHERE d.order_no = o.order_no)"),
              0);
    EXPECT_EQ(number("SELECT count(*) FROM orders WHERE paid_cents <> amount_cents"), 0);
    EXPECT_EQ(number("SELECT count(*) FROM wallets w WHERE balance_cents - opening_cents <> (SELECT "
                     "coalesce(sum(delta_cents), 0) FROM ledger l WHERE l.account = w.wallet)"),
              0);
    EXPECT_EQ(number("SELECT count(*) FROM (SELECT balance_after_cents - delta_cents - lag(balance_after_cents, 1, "
                     "10000000) OVER (PARTITION BY account ORDER BY id) AS gap FROM ledger) g WHERE gap <> 0"),
              0);
    EXPECT_EQ(number("SELECT count(*) FROM goods g WHERE class = 'game_card' AND stock <> (SELECT count(*) FROM cards "
                     "c WHERE c.sku = g.sku AND NOT c.sold)"),
              0);
    EXPECT_EQ(number("SELECT count(*) FROM shop_messages"), 0);
    for (const auto& trade : partners_->trades()) {
      EXPECT_EQ(partners_->charges(trade.order), 1);
      EXPECT_EQ(number("SELECT count(*) FROM orders WHERE order_no = '" + trade.order + "' AND paid_via = '" +
                       trade.channel + "' AND paid_cents = " + std::to_string(trade.amount)),
                1);
    }
  }
};

TEST_F(CuredMonolith, KeepsItsPromisesInARush) {
  partners_->notify_copies = 3;
  const std::string url = shop({}).url;
  const std::vector<std::pair<std::string, std::string>> wanted = {{"steam-50", "alpha"},  {"qcoin-10", "wallet"},
                                                                   {"steam-50", "wallet"}, {"video-month", "beta"},
                                                                   {"phone-30", "alpha"},  {"steam-50", "beta"}};
  std::atomic<int> orders{0};
  for (int b = 0; b < 6; ++b) {
    threads_.emplace_back([&, b] {
      const std::string buyer = b < 2 ? "together" : "b" + std::to_string(b);  // two at one wallet
      for (const auto& [sku, channel] : wanted) {
        const std::string key = "k" + std::to_string(b) + sku + channel, phone = sku == "phone-30" ? "13800000000" : "";
        const int quantity = sku == "steam-50" ? 5 : 1;
        const auto once = [&] {
          std::string no;
          for (int again = 0; again < 20 && no.empty(); ++again) {
            no = as_buyer(url, buyer, "POST", "/orders",
                          R"({"sku":")" + sku + R"(","quantity":)" + std::to_string(quantity) + R"(,"phone":")" +
                              phone + "\"}",
                          key)
                     .json["order_no"]
                     .text();
          }
          for (int again = 0; again < 20 && pay(url, buyer, no, channel).status != 200; ++again) {
          }
          return no;
        };
        std::string first;
        std::thread impatient([&] { first = once(); });
        const std::string second = once();
        impatient.join();
        EXPECT_EQ(first, second);
        ++orders;
      }
    });
  }
  for (auto& t : threads_) t.join();
  threads_.clear();
  EXPECT_EQ(number("SELECT count(*) FROM orders"), orders);
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM orders WHERE status <> 'delivered'") == 0; }))
      << text("SELECT string_agg(status || ' ' || class, ', ') FROM orders WHERE status <> 'delivered'");
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM shop_messages") == 0; }));
  expect_books_in_order();
  EXPECT_EQ(number("SELECT count(*) FROM shop_inbox"), static_cast<std::int64_t>(partners_->trades().size()));
}

TEST_F(CuredMonolith, AsksForWhatNobodyTold) {
  partners_->notifies = false;
  const std::string url = shop({}).url;
  const std::string card = order(url, "b1", "steam-50"), topup = order(url, "b1", "phone-30", 1, "13800000000");
  for (const auto& no : {card, topup}) EXPECT_EQ(pay(url, "b1", no, "alpha").json["status"].text(), "paying");
  for (const auto& no : {card, topup}) EXPECT_TRUE(reaches(url, "b1", no, "delivered"));
  EXPECT_EQ(partners_->topups(topup), 1);
  expect_books_in_order();
}

TEST_F(CuredMonolith, StaysWithOneChannelWhileItIsSlow) {
  const std::string url = shop({}).url;
  partners_->delay("alpha", 20s);
  const std::string no = order(url, "b1", "video-month");
  for (const char* channel : {"alpha", "beta", "wallet", "alpha"})
    EXPECT_EQ(pay(url, "b1", no, channel).json["status"].text(), "paying");
  EXPECT_TRUE(wait_until([&] { return partners_->creates("alpha") == 1; }));
  partners_->delay("alpha", 0s);
  EXPECT_TRUE(reaches(url, "b1", no, "delivered"));
  expect_books_in_order();
}

TEST_F(CuredMonolith, RefundsOnce) {
  const std::string url = shop({}).url;
  for (const char* channel : {"alpha", "wallet"}) {
    const std::string no = order(url, "b1", "video-month");
    pay(url, "b1", no, channel);
    ASSERT_TRUE(reaches(url, "b1", no, "delivered"));
    for (int i = 0; i < 6; ++i)
      threads_.emplace_back([=] { as_buyer(url, "b1", "POST", "/orders/" + no + "/refund", "{}", "r"); });
    for (auto& t : threads_) t.join();
    threads_.clear();
    EXPECT_TRUE(reaches(url, "b1", no, "refunded"));
    EXPECT_EQ(partners_->kept_cents(no), 0);
  }
  EXPECT_EQ(number("SELECT balance_cents FROM wallets WHERE wallet = 'b1'"), 10'000'000);
  EXPECT_EQ(number("SELECT count(*) FROM ledger WHERE kind = 'refund'"), 1);
}

TEST_F(CuredMonolith, IsNotConfusedByFieldsThatItDoesNotKnow) {
  for (const auto& on : std::vector<std::vector<Trait>>{{}, {Trait::A03, Trait::A05, Trait::A07}}) {
    const std::string url = shop(on).url;
    const auto a = as_buyer(url, "b1", "POST", "/orders",
                            R"({"sku":"steam-50","quantity":1,"coupon":"X1","account":{"a":[1]},"tier":3})", "k");
    EXPECT_EQ(a.status, 201) << a.body;
    for (const char* query : {"?page=-1", "?size=0", "?page=99999999999999999999", "?before=x", "?size=1000000"})
      EXPECT_EQ(as_buyer(url, "b1", "GET", std::string("/orders") + query).status, 200) << query;
  }
}

}  // namespace
}  // namespace platform::services_test
