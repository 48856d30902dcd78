// The driver on real sockets and real time: a small shop on loopback, one that hangs, and one that is not there.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "harness/drive/driver.hpp"
#include "harness/net/http_server.hpp"
#include "tests/support/history_builder.hpp"

namespace cardstorm {
namespace {

AllowList loopback() { return *AllowList::parse({"127.0.0.0/8"}); }

/// Patient: how fast a busy machine answers is not the matter here.
Plan small_plan(std::vector<Step> steps) {
  Plan plan;
  plan.journeys.push_back({});
  plan.journeys[0].name = "browse";
  plan.journeys[0].deadline = 60s;
  plan.journeys[0].steps = std::move(steps);
  for (Step& step : plan.journeys[0].steps) step.timeout = 30s;
  plan.traffic.base_rate = 100;
  plan.traffic.trace.clear();
  plan.load_end = 1s;
  plan.drain = 60s;
  plan.segments.push_back({0, Nanos(0), 1s, 1s, 1s, 1s, {}});
  return plan;
}

Step step(std::string path) {
  Step s;
  s.name = path;
  s.path = std::move(path);
  return s;
}

struct Outcomes {
  std::size_t planned = 0, ok = 0;
  std::vector<GeneratorSeen> generator;
  std::vector<TradeEnded> trades;
  Nanos ended{0};
};

Outcomes run(const Plan& plan, int port, const std::stop_token& stop = {}) {
  const MonotonicClock clock;
  test::RecordingSink history;
  const Mint mint("key");
  DriveLive live;
  const Trace trace;
  const auto client = [&](const HttpClientLimits& share) { return make_http_client(clock, loopback(), share); };
  const auto lane = [&](const std::string&) -> EventSink& { return history; };
  const DriverParts parts{plan, trace, clock, client, lane, mint, "http://127.0.0.1:" + std::to_string(port), "", live};
  Nanos ended{0};
  std::thread([&] {  // its own thread, because drive() takes priority for it
    drive(parts, stop);
    ended = monotonic_now();
  })
      .join();
  return {history.all<TradePlanned>().size(), live.trades_ok, history.all<GeneratorSeen>(), history.all<TradeEnded>(),
          ended};
}

TEST(DriverOnSockets, DrivesAShop) {
  auto shop = serve(0, [](const ServerRequest& request, const HttpServer::Reply& reply) {
    reply({request.path == "/goods/1" ? 200 : 404, R"({"sku":"game-1"})"});
  });
  ASSERT_TRUE(shop);
  const Plan plan = small_plan({step("/goods/1"), step("/goods/1")});
  const Outcomes out = run(plan, (*shop)->port());
  EXPECT_GE(out.planned, 90u);
  std::size_t late = 0;  // on a machine that is busy beyond measure; then the generator says so itself
  for (const TradeEnded& e : out.trades) late += e.cause == Cause::late_generator;
  EXPECT_EQ(out.ok + late, out.planned);
  EXPECT_GE(out.ok, 1u);
  ASSERT_EQ(out.generator.size(), 1u);
  EXPECT_GT(out.generator[0].cpu_seconds, 0);
}

TEST(DriverOnSockets, AsksAgainForWhatAShopWithAQueueHasAccepted) {
  std::map<std::string, int> asked;  // by key; only the server's thread writes, and it has ended when we read
  auto shop = serve(0, [&](const ServerRequest& request, const HttpServer::Reply& reply) {
    const bool made = ++asked[request.header("idempotency-key")] > 2;
    reply({made ? 201 : 202, made ? R"({"order_no":"7"})" : R"({"order_no":"7","status":"queued"})"});
  });
  ASSERT_TRUE(shop);
  Step order = step("/orders");
  order.method = "POST";
  order.body = "{}";
  order.headers = {{"Idempotency-Key", "${key}"}};
  order.expect.status = {201};
  order.pending = Pending{{202}, 20ms};
  Plan plan = small_plan({order});
  plan.traffic.base_rate = 20;
  plan.traffic.late_max = 5s;  // a loaded machine is not the matter here
  const Outcomes out = run(plan, (*shop)->port());
  shop->reset();
  EXPECT_GE(out.planned, 10u);
  EXPECT_EQ(out.ok, out.planned);
  EXPECT_EQ(asked.size(), out.planned);
  for (const auto& [key, times] : asked) EXPECT_EQ(times, 3) << key;
}

TEST(DriverOnSockets, FailsFastOnAPortWhereNobodyListens) {
  Step once = step("/a");
  once.resend = false;
  Plan plan = small_plan({once});
  plan.traffic.late_max = 5s;  // a loaded machine is not the matter here
  const Outcomes out = run(plan, 1);
  EXPECT_GE(out.trades.size(), 90u);
  EXPECT_EQ(out.ok, 0u);
  for (const TradeEnded& e : out.trades) EXPECT_EQ(e.cause, Cause::refused);
}

TEST(DriverOnSockets, StopsWithinATenthOfASecondWhileTheTargetHangs) {
  std::vector<HttpServer::Reply> held;
  std::atomic<int> asked{0};
  auto shop = serve(0, [&](const ServerRequest&, HttpServer::Reply reply) {
    held.push_back(std::move(reply));
    ++asked;
  });
  ASSERT_TRUE(shop);
  std::stop_source stop;
  Nanos stopped{0};
  std::thread stopper([&] {
    const Nanos limit = monotonic_now() + 10s;
    while (asked < 20 && monotonic_now() < limit) std::this_thread::yield();
    stop.request_stop();
    stopped = monotonic_now();
  });
  Plan plan = small_plan({step("/hang")});
  plan.traffic.late_max = 5s;
  const Outcomes out = run(plan, (*shop)->port(), stop.get_token());
  stopper.join();
  EXPECT_GE(asked, 20);
  EXPECT_LT(out.ended - stopped,
            Nanos(500ms));  // 100 ms by contract; the rest is for a loaded machine under sanitizers
  EXPECT_EQ(out.trades.size(), out.planned);
  for (const TradeEnded& e : out.trades) EXPECT_EQ(e.cause, Cause::interrupted);
  for (auto& reply : held) reply({});
}

TEST(DriverOnSockets, SendsOnePlanOverAnyNumberOfShards) {
  auto shop = serve(0, [](const ServerRequest&, const HttpServer::Reply& reply) { reply({200, "{}"}); });
  ASSERT_TRUE(shop);
  const auto drive_over = [&](std::uint32_t shards) {
    Plan plan = small_plan({step("/a"), step("/b")});
    plan.traffic.shards = shards;
    plan.traffic.late_max = 5s;  // a loaded machine is not the matter here
    const MonotonicClock clock;
    std::map<std::string, test::RecordingSink> lanes;
    const Mint mint("key");
    DriveLive live;
    const Trace trace;
    const DriverParts parts{plan,
                            trace,
                            clock,
                            [&](const HttpClientLimits& share) { return make_http_client(clock, loopback(), share); },
                            [&](const std::string& lane) -> EventSink& { return lanes[lane]; },
                            mint,
                            "http://127.0.0.1:" + std::to_string((*shop)->port()),
                            "",
                            live};
    std::thread([&] { drive(parts, {}); }).join();
    std::map<TradeId, Nanos> planned;
    std::size_t ok = 0, generators = 0, steps = 0;
    for (const auto& [name, sink] : lanes) {
      for (const auto& e : sink.all<TradePlanned>())
        EXPECT_TRUE(planned.emplace(e.trade, e.planned).second) << "sent twice: " << e.trade;
      for (const auto& e : sink.all<TradeEnded>()) ok += e.outcome == TradeOutcome::ok;
      steps += sink.all<StepEnded>().size();
      generators += sink.all<GeneratorSeen>().size();
    }
    EXPECT_EQ(lanes.size(), shards);
    EXPECT_TRUE(lanes.contains(shards == 1 ? "drive" : "drive-0"));
    EXPECT_EQ(generators, 1u);
    EXPECT_EQ(ok, planned.size());
    EXPECT_EQ(steps, 2 * planned.size());
    EXPECT_EQ(live.trades_ok, planned.size());
    EXPECT_EQ(live.trades_open, 0u);
    EXPECT_EQ(live.in_flight, 0u);
    return planned;
  };
  const auto one = drive_over(1);
  EXPECT_GE(one.size(), 90u);
  EXPECT_EQ(drive_over(2), one);
  EXPECT_EQ(drive_over(3), one);
}

TEST(DriverOnSockets, SplitsTheCapsOverTheShards) {
  Plan plan;
  plan.connections_max = 10;
  plan.traffic.connects_per_second = 90;
  std::size_t sum = 0;
  for (std::uint32_t i = 0; i < 3; ++i) {
    sum += limits_of_shard(plan, i, 3).connections_max;
    EXPECT_EQ(limits_of_shard(plan, i, 3).connects_per_second, 30);
  }
  EXPECT_EQ(sum, 10u);
}

}  // namespace
}  // namespace cardstorm
