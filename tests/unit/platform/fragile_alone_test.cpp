// Each trait by itself, all others off: the shop works in quiet times, and the trait's own symptom is there without the
// help of another one. Those whose tests elsewhere name one trait only (A02, A03, A05, A06, A07, A09, A11, A12, A14,
// A15) are not repeated.
#include "reference_platform/services/shop_limiter.hpp"
#include "tests/unit/platform/edge_raw.hpp"
#include "tests/unit/platform/fragile_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using services::Urgency;

/// Many who look at their wallets at once and stay on the line.
class Crowd {
 public:
  Crowd(int port, int count) : port_(port) { grow(count); }
  void grow(int count) {
    for (int i = 0; i < count; ++i) {
      people_.push_back(std::make_unique<edge::Raw>(port_));
      people_.back()->send("GET /wallet HTTP/1.1\r\nHost: shop\r\nX-Buyer: b1\r\n\r\n");
    }
  }
  [[nodiscard]] std::size_t size() const { return people_.size(); }

 private:
  const int port_;
  std::vector<std::unique_ptr<edge::Raw>> people_;
};

TEST_F(FragileTraits, EachAloneSellsInQuietTimes) {
  for (const auto& entry : domain::trait_entries()) {
    const std::string url = shop({entry.trait}).url;
    const std::string card = order(url, "b1", "steam-50", 2), month = order(url, "b1", "video-month");
    EXPECT_EQ(pay(url, "b1", card, "alpha").status, 200) << entry.id;
    EXPECT_EQ(pay(url, "b1", month, "wallet").status, 200) << entry.id;
    EXPECT_TRUE(reaches(url, "b1", card, "delivered")) << entry.id;
    EXPECT_TRUE(reaches(url, "b1", month, "delivered")) << entry.id;
    EXPECT_EQ(number("SELECT count(*) FROM shop_deliveries WHERE order_no = '" + card + "'"), 2) << entry.id;
    EXPECT_EQ(partners_->charges(card), 1) << entry.id;
    quit();
  }
}

TEST_F(FragileTraits, A01AloneStopsBrowsing) {
  const Shop& blocked = shop({Trait::A01});
  const Shop& cured = shop({});
  partners_->delay("alpha", 20s);
  pay_many(cured.url, 12, "alpha");
  EXPECT_TRUE(wait_until([&] { return metric(cured, "shop_calls_in_flight") == 6; }));
  EXPECT_EQ(get(cured.url, "/goods", 5s), 200);
  pay_many(blocked.url, 60, "alpha");  // where one finds no connection in time, the next one takes its worker
  EXPECT_TRUE(wait_until([&] { return get(blocked.url, "/goods", 300ms) == 0; }, 3s));
}

TEST_F(FragileTraits, A04AloneKeepsTransactionsOpen) {
  const auto idle_in_transaction = [&] {
    return number(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'");
  };
  const Shop& open = shop({Trait::A04});
  partners_->delay("alpha", 20s);
  EXPECT_TRUE(wait_until([&] {  // some find no second connection in time: others come and pay
    if (metric(open, "shop_calls_in_flight") == 0) pay_many(open.url, 6, "alpha");
    return wait_until([&] { return idle_in_transaction() >= 4 && open.service.pool->state().used >= 4; }, 1s);
  }));
}

TEST_F(FragileTraits, A10AloneQueuesWhoeverComes) {
  const auto waiting = [&](const std::vector<Trait>& on) {
    const Shop& s = shop(on);
    const auto locked = lock("wallets");
    Crowd crowd(s.server->port(), 300);
    std::size_t most = 0;
    // Workers give up their waiting for a connection after 100 ms and take the next: people come until more wait than
    // that drains.
    wait_until(
        [&] {
          most = std::max(most, s.server->queued());
          if (most <= 200 && crowd.size() < 900) crowd.grow(20);
          return most > 200;
        },
        1500ms);
    return most;
  };
  EXPECT_GT(waiting({Trait::A10}), 200U);
  EXPECT_LE(waiting({}), 200U);
}

TEST_F(FragileTraits, A13AloneIsBlindInARush) {
  auto blind = with({Trait::A13}), watched = with({});
  blind.name = "blind";
  std::vector<ops::Process> nodes;
  nodes.push_back(spawn(blind));
  nodes.push_back(spawn(watched));
  const auto metrics = [](const ops::NodeConfig& c) {
    return get("http://127.0.0.1:" + std::to_string(c.admin_port), "/metrics", 5s);
  };
  for (const auto& c : {blind, watched}) ASSERT_TRUE(wait_until([&] { return metrics(c) == 200; }));
  const auto locked = lock("wallets");
  const Crowd rush(watched.port, 250);
  EXPECT_EQ(metrics(watched), 200);
  Crowd other(blind.port, 250);
  EXPECT_TRUE(wait_until(
      [&] {  // as long as the rush goes on
        other.grow(50);
        return metrics(blind) != 200;
      },
      10s));
}

// The saw teeth: who knows the window's edge gets twice the limit within a moment.
TEST(ShopLimiter, AFixedWindowLetsTwiceTheLimitThroughAtItsEdge) {
  const auto through_the_edge =
      [](const std::function<std::unique_ptr<services::ShopLimiter>(services::LimiterClock)>& make) {
        auto now = std::chrono::steady_clock::time_point(1999ms);
        const auto limiter = make([&now] { return now; });
        int admitted = 0;
        for (int i = 0; i < 100; ++i) admitted += limiter->admit(Urgency::create) ? 1 : 0;
        now += 2ms;
        for (int i = 0; i < 100; ++i) admitted += limiter->admit(Urgency::create) ? 1 : 0;
        return admitted;
      };
  EXPECT_EQ(through_the_edge([](auto now) { return services::fixed_window(50, now); }), 100);
  EXPECT_LE(through_the_edge([](auto now) { return services::token_buckets(50, now); }), 50);
}

}  // namespace
}  // namespace platform::services_test
