// The driver on real sockets and real time: a small shop on loopback, one that hangs, and one that is not there.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "harness/drive/driver.hpp"
#include "harness/net/http_server.hpp"
#include "tests/support/history_builder.hpp"

namespace cardstorm {
namespace {

AllowList loopback() { return *AllowList::parse({"127.0.0.0/8"}); }

Plan small_plan(std::vector<Step> steps) {
  Plan plan;
  plan.journeys.push_back({});
  plan.journeys[0].name = "browse";
  plan.journeys[0].steps = std::move(steps);
  plan.traffic.base_rate = 100;
  plan.traffic.trace.clear();
  plan.load_end = 1s;
  plan.drain = 5s;
  plan.segments.push_back({0, Nanos(0), 1s, 1s, 1s, 1s, {}});
  return plan;
}

Step step(std::string path) {
  Step s;
  s.name = path;
  s.path = std::move(path);
  return s;
}

struct Outcomes { std::size_t planned = 0, ok = 0; std::vector<GeneratorSeen> generator; std::vector<TradeEnded> trades; };

Outcomes run(const Plan& plan, int port, const std::stop_token& stop = {}) {
  const MonotonicClock clock;
  const auto client = make_http_client(clock, loopback(), {});
  test::RecordingSink history;
  const Mint mint("key");
  DriveLive live;
  const Trace trace;
  const DriverParts parts{plan, trace, clock, *client, history, mint, "http://127.0.0.1:" + std::to_string(port), "", live};
  std::thread([&] { drive(parts, stop); }).join();   // its own thread, because drive() takes priority for it
  return {history.all<TradePlanned>().size(), live.trades_ok, history.all<GeneratorSeen>(), history.all<TradeEnded>()};
}

TEST(DriverOnSockets, DrivesAShop) {
  auto shop = serve(0, [](const ServerRequest& request, const HttpServer::Reply& reply) {
    reply({request.path == "/goods/1" ? 200 : 404, R"({"sku":"game-1"})"});
  });
  ASSERT_TRUE(shop);
  const Plan plan = small_plan({step("/goods/1"), step("/goods/1")});
  const Outcomes out = run(plan, (*shop)->port());
  EXPECT_GE(out.planned, 90u);
  std::size_t late = 0;   // on a machine that is busy beyond measure; then the generator says so itself
  for (const TradeEnded& e : out.trades) late += e.cause == Cause::late_generator;
  EXPECT_EQ(out.ok + late, out.planned);
  EXPECT_GE(out.ok, 1u);
  ASSERT_EQ(out.generator.size(), 1u);
  EXPECT_GT(out.generator[0].cpu_seconds, 0);
}

TEST(DriverOnSockets, FailsFastOnAPortWhereNobodyListens) {
  int port = 0;
  {
    auto gone = serve(0, [](const ServerRequest&, const HttpServer::Reply& reply) { reply({}); });
    ASSERT_TRUE(gone);
    port = (*gone)->port();
  }
  Step once = step("/a");
  once.resend = false;
  const Outcomes out = run(small_plan({once}), port);
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
    stopped = monotonic_now();
    stop.request_stop();
  });
  const Outcomes out = run(small_plan({step("/hang")}), (*shop)->port(), stop.get_token());
  const Nanos ended = monotonic_now();
  stopper.join();
  EXPECT_GE(asked, 20);
  EXPECT_LT(ended - stopped, Nanos(500ms));   // 100 ms by contract; the rest is for a loaded machine under sanitizers
  EXPECT_EQ(out.trades.size(), out.planned);
  for (const TradeEnded& e : out.trades) EXPECT_EQ(e.cause, Cause::interrupted);
  for (auto& reply : held) reply({});
}

}  // namespace
}  // namespace cardstorm
