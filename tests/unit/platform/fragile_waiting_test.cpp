// The traits of the fragile shop that show when somebody has to wait: A01 to A04, A09, A10, A12, A13; each beside its
// cure.
#include "tests/unit/platform/fragile_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

TEST_F(FragileTraits, A01BrowsingStopsWithPayingWhenWorkersCallTheChannel) {
  const Shop& blocked = shop({Trait::A01, Trait::A02});
  const Shop& cured = shop({Trait::A02});
  partners_->delay("alpha", 20s);
  pay_many(cured.url, 16, "alpha");
  EXPECT_EQ(get(cured.url, "/goods", 5s), 200);
  pay_many(blocked.url, 16, "alpha");
  EXPECT_TRUE(wait_until([&] { return metric(blocked, "shop_calls_in_flight") == 16; }));
  EXPECT_EQ(get(blocked.url, "/goods", 700ms), 0);
  EXPECT_EQ(get(cured.url, "/goods", 5s), 200);
}

TEST_F(FragileTraits, A02WaitsForStatementsConnectionsAndCallsEndWithinTheirLimits) {
  const Shop& absurd = shop({Trait::A02});
  const Shop& cured = shop({});
  {
    const auto locked = lock("wallets");
    int answer = -1;
    std::thread waits([&] { answer = get(absurd.url, "/wallet", 2500ms); });
    EXPECT_EQ(get(cured.url, "/wallet", 10s), 503);
    waits.join();
    EXPECT_EQ(answer, 0);
  }
  for (const Shop* s : {&absurd, &cured}) s->service.pool->hold(20s);
  EXPECT_EQ(get(absurd.url, "/wallet", 600ms), 0);
  EXPECT_EQ(get(cured.url, "/wallet", 10s), 503);
  for (const Shop* s : {&absurd, &cured}) s->service.pool->hold(0s);

  partners_->delay("alpha", 20s);
  for (const Shop* s : {&absurd, &cured}) pay(s->url, "b1", order(s->url, "b1", "video-month"), "alpha");
  EXPECT_TRUE(
      wait_until([&] { return metric(absurd, "shop_calls_in_flight") == 1 && partners_->creates("alpha") == 2; }));
  EXPECT_TRUE(wait_until([&] { return metric(cured, "shop_calls_in_flight") == 0; }));
  EXPECT_EQ(metric(absurd, "shop_calls_in_flight"), 1);
}

TEST_F(FragileTraits, A03ABrokenChannelIsTriedNineTimesUnderNineNumbers) {
  Stub broken([](const edge::Request&) { return services::error_answer(503, "broken"); });
  const auto numbers = [&](const std::string& no) {
    std::set<std::string> out;
    for (const auto& asked : broken.asked("POST /channel/alpha/pay")) {
      const auto json = domain::Json::parse(asked.substr(asked.find('{')));
      if ((*json)["order"].text() == no) out.insert((*json)["out_trade_no"].text());
    }
    return out.size();
  };
  const auto run_on = [&](const std::vector<Trait>& on) {
    auto c = with(on);
    c.partners_url = broken.url();
    return run(c).url;
  };
  const std::string naive = run_on({Trait::A03}), cured = run_on({});
  const std::string one = order(naive, "b1", "video-month"), other = order(cured, "b1", "video-month");
  EXPECT_EQ(pay(naive, "b1", one, "alpha").status, 200);
  EXPECT_EQ(pay(cured, "b1", other, "alpha").status, 200);
  EXPECT_TRUE(reaches(naive, "b1", one, "created"));  // as if nothing had been sent
  EXPECT_EQ(numbers(one), 9U);
  EXPECT_TRUE(
      wait_until([&] { return broken.asked("GET /channel/alpha/pay").size() >= 2; }));  // it is asked what became of it
  EXPECT_EQ(numbers(other), 1U);
  EXPECT_EQ(status(cured, "b1", other), "paying");
}

TEST_F(FragileTraits, A03ARequestSentAgainMakesASecondOrder) {
  const std::string naive = shop({Trait::A03}).url, cured = shop({}).url;
  EXPECT_NE(order_again(naive, "b1", "video-month", 1, "same"), order_again(naive, "b1", "video-month", 1, "same"));
  EXPECT_EQ(order_again(cured, "b1", "video-month", 1, "same"), order_again(cured, "b1", "video-month", 1, "same"));
  EXPECT_NE(order_again(cured, "b2", "video-month", 1, "same"), order_again(cured, "b1", "video-month", 1, "same"));
}

TEST_F(FragileTraits, A04TransactionsStayOpenWhileTheChannelIsCalled) {
  const auto idle_in_transaction = [&] {
    return number(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'");
  };
  const Shop& open = shop({Trait::A02, Trait::A04});
  const Shop& cured = shop({Trait::A02});
  partners_->delay("alpha", 20s);
  pay_many(cured.url, 6, "alpha");
  EXPECT_TRUE(wait_until([&] { return metric(cured, "shop_calls_in_flight") == 6; }));
  EXPECT_TRUE(wait_until([&] { return idle_in_transaction() == 0; }));  // its background work comes and goes
  EXPECT_TRUE(wait_until([&] { return cured.service.pool->state().used == 0; }));
  pay_many(open.url, 6, "alpha");
  EXPECT_TRUE(wait_until([&] { return metric(open, "shop_calls_in_flight") == 6; }));
  EXPECT_EQ(idle_in_transaction(), 6);
  EXPECT_GE(open.service.pool->state().used, 6);
}

TEST_F(FragileTraits, A04FourPaymentsTakeEightConnectionsForTheirAuditLines) {
  const Shop& open = shop({Trait::A02, Trait::A04});
  const Shop& cured = shop({Trait::A02});
  const auto locked = lock("shop_audit");
  pay_many(cured.url, 4, "alpha");
  EXPECT_EQ(get(cured.url, "/wallet", 10s), 200);
  pay_many(open.url, 4, "beta");
  EXPECT_TRUE(wait_until([&] {
    return number(
               "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
               "current_database()") == 4;
  }));
  EXPECT_EQ(get(open.url, "/wallet", 700ms), 0);
  EXPECT_EQ(get(cured.url, "/wallet", 10s), 200);
}

TEST_F(FragileTraits, A09PayingIsRefusedWhileCrawlersPass) {
  const auto refused_payments = [&](const std::string& url, bool& crawled) {
    int refused = 0;
    for (int round = 0; round < 12; ++round) {
      for (int i = 0; i < 30; ++i) crawled = get(url, "/goods", 5s) == 200 || crawled;
      refused += pay(url, "b1", "none", "alpha").status == 429 ? 1 : 0;
    }
    return refused;
  };
  bool crawled = false, crawled_too = false;
  EXPECT_GT(refused_payments(shop({Trait::A09}, {{"limit_per_s", "5"}}).url, crawled), 0);
  EXPECT_EQ(refused_payments(shop({}, {{"limit_per_s", "5"}}).url, crawled_too), 0);
  EXPECT_TRUE(crawled && crawled_too);
}

TEST_F(FragileTraits, A09AQuietShopRefusesNobody) {
  const std::string url = shop({Trait::A09}).url;
  for (int i = 0; i < 200; ++i) ASSERT_EQ(get(url, "/goods", 5s), 200);
}

TEST_F(FragileTraits, A10WorksForBuyersWhoHaveLeft) {
  const Shop& unbounded = shop({Trait::A01, Trait::A02, Trait::A10});
  const Shop& cured = shop({Trait::A01, Trait::A02});
  partners_->delay("alpha", 20s);
  for (const Shop* s : {&unbounded, &cured}) {
    pay_many(s->url, 16, "alpha");
    EXPECT_TRUE(wait_until([&] { return metric(*s, "shop_calls_in_flight") == 16; }));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(get(s->url, "/goods", 300ms), 0);  // five buyers give up
  }
  EXPECT_EQ(get(cured.url, "/goods", 10s), 503);  // too old, and so are the five before it
  EXPECT_EQ(unbounded.server->queued(), 5U);
  EXPECT_EQ(cured.server->queued(), 0U);
  partners_->delay("alpha", 0s);
  EXPECT_TRUE(wait_until([&] { return metric(unbounded, "requests_total{path=\"/goods\"}") == 5; }));
  EXPECT_EQ(metric(cured, "requests_total{path=\"/goods\"}"), 0);
}

TEST_F(FragileTraits, A12SaysThatItCanServeWhenItCannot) {
  const Shop& lying = shop({Trait::A12});
  const Shop& honest = shop({});
  EXPECT_EQ(honest.service.not_ready(), "");
  for (const Shop* s : {&lying, &honest}) {
    s->service.pool->hold(20s);
    EXPECT_EQ(get(s->url, "/wallet", 10s), 503);
  }
  EXPECT_EQ(lying.service.not_ready(), "");
  EXPECT_NE(honest.service.not_ready(), "");
  honest.service.pool->hold(0s);
  EXPECT_EQ(honest.service.not_ready(), "");
}

TEST_F(FragileTraits, A12KnowsThatAllItsWorkersAreStuck) {
  const Shop& honest = shop({Trait::A01, Trait::A02});
  partners_->delay("alpha", 20s);
  pay_many(honest.url, 16, "alpha");
  EXPECT_TRUE(wait_until([&] { return honest.service.not_ready() == "all workers are stuck"; }));
}

TEST_F(FragileTraits, A13MetricsAreSilentWhenTheWorkersAreBlocked) {
  auto blind = with({Trait::A01, Trait::A02, Trait::A13}), watched = with({Trait::A01, Trait::A02});
  blind.name = "blind";
  std::vector<ops::Process> nodes;
  nodes.push_back(spawn(blind));
  nodes.push_back(spawn(watched));
  const auto admin = [](const ops::NodeConfig& c) { return "http://127.0.0.1:" + std::to_string(c.admin_port); };
  for (const auto& c : {blind, watched}) {
    ASSERT_TRUE(wait_until([&] { return get(admin(c), "/ready", 1s) == 200; }));
    EXPECT_EQ(get(admin(c), "/metrics", 5s), 200);
  }
  partners_->delay("alpha", 20s);
  int called = 0;
  for (const auto& c : {blind, watched}) {
    pay_many(c.public_url, 16, "alpha");
    called += 16;  // by every worker of this one
    EXPECT_TRUE(wait_until([&] { return partners_->creates("alpha") == called; }));
    EXPECT_EQ(get(c.public_url, "/goods", 200ms), 0);
  }
  for (const char* path : {"/metrics", "/health", "/ready"}) {
    EXPECT_NE(get(admin(blind), path, 500ms), 200) << path;
    EXPECT_NE(get(admin(watched), path, 5s), 0) << path;
  }
  EXPECT_EQ(get(admin(watched), "/metrics", 5s), 200);
  EXPECT_EQ(get(admin(blind), "/admin/pool", 5s), 200);  // the fault lane is no part of what is broken
  nodes.clear();
  partners_->delay("alpha", 0s);
}

}  // namespace
}  // namespace platform::services_test
