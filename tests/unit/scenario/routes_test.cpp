// routes: which line starts which journey, what is absorbed, and that no write is replayed blind.
#include "harness/scenario/routes.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "harness/core/text.hpp"
#include "harness/scenario/describe.hpp"
#include "tests/unit/scenario/workspace.hpp"

namespace cardstorm {
namespace {

TEST(RouteFits, StarsStandForAnyText) {
  EXPECT_TRUE(route_fits("GET /goods", "GET /goods"));
  EXPECT_FALSE(route_fits("GET /goods", "GET /goods/1"));
  EXPECT_TRUE(route_fits("GET /goods/*", "GET /goods/1/x"));
  EXPECT_FALSE(route_fits("GET /goods/*", "GET /goods"));
  EXPECT_TRUE(route_fits("POST /orders/*/pay", "POST /orders/77/pay"));
  EXPECT_FALSE(route_fits("POST /orders/*/pay", "POST /orders/77/refund"));
  EXPECT_TRUE(route_fits("* /static/*", "GET /static/a.js"));
  EXPECT_TRUE(route_fits("*", ""));
  EXPECT_FALSE(route_fits("", "x"));
  EXPECT_FALSE(route_fits(std::string(200, '*') + "b", std::string(4000, 'a')));  // no explosion
}

struct Line {
  double at;
  std::uint32_t session;
  std::string method, path;
  int status = 200;
};

Recording recording_of(const std::vector<Line>& lines) {
  Recording r;
  r.first = std::chrono::seconds(1'700'000'000);
  const auto index = [](std::vector<std::string>& texts, const std::string& text) {
    const auto found = std::find(texts.begin(), texts.end(), text);
    if (found == texts.end()) texts.push_back(text);
    return static_cast<std::uint32_t>(std::find(texts.begin(), texts.end(), text) - texts.begin());
  };
  for (const Line& line : lines) {
    r.at.push_back(nanos_of_seconds(line.at));
    r.session.push_back(line.session);
    r.sessions = std::max(r.sessions, line.session + 1);
    r.method.push_back(index(r.methods, line.method));
    r.path.push_back(index(r.paths, line.path));
    r.route.push_back(index(r.routes, ""));
    r.think.emplace_back(0);
    r.status.push_back(static_cast<std::uint16_t>(line.status));
    r.latency.emplace_back(0);
  }
  return r;
}

const char* const kRoutesYaml = R"(routes: shop
why: A test.
map:
  - { route: POST /orders/*/refund, journey: refund, covers: [POST /orders, POST /orders/*/pay, GET /orders/*, GET /goods] }
  - { route: POST /orders, journey: [buy, wallet], covers: [POST /orders/*/pay, GET /orders/*, GET /goods] }
  - { route: GET /goods, journey: browse }
ignore: ["GET /static/*"]
skip_writes: ["POST /notify/*"]
replay_reads: true
)";

struct Applied {
  Trace trace;
  std::string mistakes;
};

Applied apply(const std::string& yaml, const std::vector<Line>& lines) {
  Mistakes mistakes;
  const auto tree = parse_yaml(yaml, "r.yaml", mistakes);
  Applied out;
  if (tree) {
    const RoutesFile routes = read_routes(*tree, mistakes);
    const std::vector<std::string> names{"buy", "wallet", "browse", "refund", kReplayGet};
    if (mistakes.empty())
      out.trace = apply_routes(
          routes, recording_of(lines),
          [&](const std::string& name) -> std::optional<std::uint16_t> {
            const auto found = std::find(names.begin(), names.end(), name);
            if (found == names.end()) return std::nullopt;
            return static_cast<std::uint16_t>(found - names.begin());
          },
          mistakes);
  }
  out.mistakes = text_of(mistakes);
  return out;
}

/// Starts as "second:session:choice", joined.
std::string starts(const Trace& trace) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < trace.at.size(); ++i)
    out.push_back(fixed(seconds(trace.at[i]), 0) + ":" + std::to_string(trace.lines[i].session) + ":" +
                  std::to_string(trace.lines[i].choice));
  return join(out, " ");
}

TEST(Routes, AnOrderTakesItsSessionsStepsWithIt) {
  const Applied a = apply(kRoutesYaml, {{0, 0, "GET", "/goods"},
                                        {1, 0, "GET", "/goods?page=2"},
                                        {2, 1, "GET", "/goods"},
                                        {3, 0, "POST", "/orders"},
                                        {4, 0, "POST", "/orders/7/pay"},
                                        {5, 0, "GET", "/orders/7"},
                                        {6, 0, "GET", "/orders/7"}});
  EXPECT_EQ(a.mistakes, "");
  EXPECT_EQ(starts(a.trace), "2:1:2 3:0:1");
}

TEST(Routes, WhatIsNoStartOfItsOwnIsAbsorbedByTheNearestOrder) {
  const std::string yaml = R"(routes: shop
why: A test.
map:
  - { route: POST /orders, journey: buy, covers: [POST /orders/*/pay, GET /orders/*, GET /goods/*] }
  - { route: GET /goods/*, journey: browse }
)";
  const Applied a = apply(yaml, {{0, 0, "GET", "/goods/1"},
                                 {1, 1, "GET", "/goods/1"},
                                 {2, 0, "POST", "/orders"},
                                 {3, 0, "POST", "/orders/7/pay"},
                                 {4, 0, "GET", "/orders/7"},
                                 {5, 0, "GET", "/goods/2"},
                                 {6, 0, "POST", "/orders"},
                                 {7, 0, "POST", "/orders/8/pay"}});
  EXPECT_EQ(a.mistakes, "");
  EXPECT_EQ(starts(a.trace), "1:1:1 2:0:0 6:0:0");
  EXPECT_EQ(a.trace.routes.started, 3U);
  EXPECT_EQ(a.trace.routes.absorbed, 5U);
  EXPECT_EQ(a.trace.choices, (std::vector<std::vector<std::uint16_t>>{{0}, {2}}));
}

TEST(Routes, ARefundTakesOneOrderAndLeavesTheOther) {
  const Applied a = apply(kRoutesYaml, {{0, 0, "POST", "/orders"},
                                        {1, 0, "POST", "/orders/1/pay"},
                                        {2, 0, "POST", "/orders"},
                                        {3, 0, "POST", "/orders/2/pay"},
                                        {4, 0, "GET", "/orders/2"},
                                        {5, 0, "POST", "/orders/2/refund"},
                                        {6, 0, "GET", "/orders/2"}});
  EXPECT_EQ(a.mistakes, "");
  EXPECT_EQ(starts(a.trace), "0:0:1 5:0:0");
  EXPECT_EQ(a.trace.routes.absorbed, 5U);
}

TEST(Routes, AWriteThatNobodyMapsIsRefusedWithItsShare) {
  const Applied a = apply(
      kRoutesYaml,
      {{0, 0, "GET", "/goods"}, {1, 0, "DELETE", "/cart/5"}, {2, 0, "DELETE", "/cart/5"}, {3, 0, "PUT", "/profile"}});
  EXPECT_NE(a.mistakes.find("r.yaml:4:3: 'DELETE /cart/5' changes something, 2 lines (50.0 % of the recording)"),
            std::string::npos)
      << a.mistakes;
  EXPECT_NE(a.mistakes.find("'PUT /profile' changes something, 1 lines"), std::string::npos) << a.mistakes;
  EXPECT_NE(a.mistakes.find("skip_writes: [\"DELETE /cart/5\"]"), std::string::npos);
}

TEST(Routes, AMethodThatIsNotKnownCountsAsAWrite) {
  const Applied a = apply(kRoutesYaml, {{0, 0, "GET", "/goods"}, {1, 0, "", "/cart"}, {2, 0, "BREW", "/pot"}});
  EXPECT_NE(a.mistakes.find("'? /cart'"), std::string::npos) << a.mistakes;
  EXPECT_NE(a.mistakes.find("'BREW /pot'"), std::string::npos) << a.mistakes;
}

TEST(Routes, WhatIsLeftOutIsListed) {
  const Applied a = apply(kRoutesYaml, {{0, 0, "GET", "/goods"},
                                        {1, 0, "POST", "/notify/alpha"},
                                        {2, 0, "POST", "/orders/9/pay"},
                                        {3, 0, "GET", "/static/a.js"},
                                        {4, 0, "GET", "/wallet"},
                                        {5, 0, "GET", "/gone", 404},
                                        {6, 0, "OPTIONS", "/wallet"},
                                        {7, 0, "GET", "http://other/"},
                                        {8, 0, "HEAD", "/wallet"},
                                        {9, 0, "GET", "/slow", 502},
                                        {10, 0, "GET", "/bill?no=~card-7a0f9818a7af&x=1"},
                                        {11, 0, "GET", "/a~b-c?q=~card"}});
  EXPECT_EQ(a.mistakes, "");
  EXPECT_EQ(starts(a.trace), "0:0:2 4:0:3 8:0:3 9:0:3 11:0:3");  // what failed in the recording was wanted all the same
  const RouteCounts& r = a.trace.routes;
  EXPECT_EQ(r.lines, 12U);
  EXPECT_EQ(r.ignored, 1U);
  EXPECT_EQ(r.replayed, 4U);
  EXPECT_EQ(r.skipped_writes,
            (std::map<std::string, std::uint64_t>{{"POST /notify/alpha", 1},
                                                  {"POST /orders/9/pay", 1}}));  // its order was before the recording
  EXPECT_EQ(r.recorded_refusals, (std::map<std::string, std::uint64_t>{{"GET /gone", 1}}));
  EXPECT_EQ(r.unmapped_reads, (std::map<std::string, std::uint64_t>{{"GET http://other/", 1}, {"OPTIONS /wallet", 1}}));
  EXPECT_EQ(r.scrubbed_reads,
            (std::map<std::string, std::uint64_t>{{"GET /bill", 1}}));      // what we took out, nobody could answer
  EXPECT_EQ(r.started + r.absorbed + r.ignored + r.replayed + 6, r.lines);  // every line stands somewhere
}

TEST(Routes, ReadsAloneNeedNoJourney) {
  const Applied a = apply("routes: x\nwhy: y\nreplay_reads: true\nskip_writes: [\"POST *\"]\n",
                          {{0, 0, "GET", "/goods?id=1"}, {1, 0, "POST", "/orders"}});
  EXPECT_EQ(a.mistakes, "");
  EXPECT_EQ(starts(a.trace), "0:0:0");
  EXPECT_NE(apply("routes: x\nwhy: y\nreplay_reads: true\n", {{0, 0, "POST", "/orders"}})
                .mistakes.find("'POST /orders' changes something"),
            std::string::npos);
  EXPECT_NE(apply("routes: x\nwhy: y\n", {}).mistakes.find("a routes file needs 'map'"), std::string::npos)
      << "nothing would be sent at all";
}

TEST(Routes, MistakesHaveTheirPlaces) {
  EXPECT_NE(apply("routes: x\nwhy: y\nmap:\n  - { route: \"/orders\", journey: buy }\n", {})
                .mistakes.find("r.yaml:4:14: '/orders' is not a route"),
            std::string::npos);
  EXPECT_NE(apply("routes: x\nwhy: y\nmap: []\n", {}).mistakes.find("'map' must be a list of 1 to 1000 entries"),
            std::string::npos);
  EXPECT_NE(apply("routes: x\nwhy: y\nmap: [ { route: GET /a, journey: buyy } ]\n", {{0, 0, "GET", "/a"}})
                .mistakes.find("r.yaml:3:34: journey 'buyy' is not known"),
            std::string::npos);
  EXPECT_NE(
      apply("routes: x\nwhy: y\nmap: [ { route: GET /a, journey: buy, cover: [] } ]\n", {}).mistakes.find("cover"),
      std::string::npos);
}

// ---- through the loader

const char* const kRecording = "ts_ns,session,method,path,route,think_ns,status,latency_ns\n";

std::string recorded(int seconds) {
  std::string out = kRecording;
  std::int64_t at = 1'700'000'000'000'000'000;
  for (int i = 0; i < seconds * 10; ++i, at += 100'000'000) {
    const char* const lines[]{"GET,/goods,/goods", "POST,/orders,/orders", "GET,/me,/me"};
    out += std::to_string(at) + "," + std::to_string(i / 3) + "," + lines[i % 3] + ",0,200,1000000\n";
  }
  return out;
}

const char* const kReplayScenario = R"(scenario: again
why: A test.
target: lab
traffic:
  mode: clone
  trace: traces/log.csv
  scale: 1.5
  routes: shop
slo: { samples_min: 5 }
)";

class ReplayScenario : public Workspace {
 protected:
  ReplayScenario() {
    put("small.yaml", kReplayScenario);
    put("traces/log.csv", recorded(30));
    put("routes/shop.yaml",
        "routes: shop\nwhy: A test.\nmap:\n  - { route: POST /orders, journey: buy, covers: [GET /goods] "
        "}\nreplay_reads: true\n");
  }
};

TEST_F(ReplayScenario, TakesJourneyBuyerAndPathFromTheRecording) {
  const Loaded loaded = good();
  EXPECT_EQ(loaded.plan.load_end, 31s + 6s);  // the recording, a second for the clones' jitter, the gap
  EXPECT_EQ(loaded.plan.traffic.routes_sha256.size(), 64U);
  EXPECT_EQ(loaded.plan.journeys.back().name, kReplayGet);
  EXPECT_EQ(loaded.plan.journeys.back().steps[0].headers,
            (std::vector<std::pair<std::string, std::string>>{{"X-Buyer", "${buyer}"}}));
  const PlannedTrades trades(loaded.plan, loaded.trace);
  EXPECT_EQ(trades.size(), loaded.plan.planned_trades);
  EXPECT_NEAR(static_cast<double>(trades.size()), 1.5 * 200, 3);  // whole sessions
  std::uint64_t steps = 0;
  for (TradeId i = 0; i < trades.size(); ++i) {
    const Arrival a = trades.arrival(i);
    steps += loaded.plan.journeys[a.journey].steps.size();
    EXPECT_EQ(a.trace_path, loaded.plan.journeys[a.journey].name == "buy" ? "/orders" : "/me");
  }
  EXPECT_EQ(steps, loaded.plan.planned_steps);
  const auto again = plan_of_json(json_of_plan(loaded.plan));
  ASSERT_TRUE(again) << again.error().what;
}

TEST_F(ReplayScenario, PlanSaysWhatItDoesAndWhatItCannot) {
  const Loaded loaded = good();
  const std::string text = describe_plan(loaded.plan, loaded.trace);
  for (const char* wanted :
       {"mode       clone, 1.50 times", "its lie    clones start within a second", "recorded peak   index",
        "start a journey", "are replayed as they are", "sent once", "routes     shop: of 300 recorded lines"})
    EXPECT_NE(text.find(wanted), std::string::npos) << wanted << "\n" << text;
  Request r = request();
  r.set = {{"timing.steady", "70s"}, {"timing.fault", "1s"}, {"timing.observe", "1s"}};
  const Loaded longer = good(r);
  EXPECT_NE(describe_plan(longer.plan, longer.trace).find("round and round"), std::string::npos);
  r.set = {{"timing.steady", "8s"}, {"timing.fault", "1s"}, {"timing.observe", "1s"}};
  const Loaded shorter = good(r);
  EXPECT_NE(describe_plan(shorter.plan, shorter.trace).find("cut after 10.0 s of 31.0 s"), std::string::npos);
}

TEST_F(ReplayScenario, TheShardsDoNotChangeTheDigest) {
  Request r = request();
  const std::string one = arrivals_digest(good(r).plan, good(r).trace);
  for (const char* shards : {"2", "8"}) {
    r.set = {{"traffic.shards", shards}};
    const Loaded loaded = good(r);
    EXPECT_EQ(arrivals_digest(loaded.plan, loaded.trace), one);
  }
  r.set = {{"traffic.shards", "3"}};
  EXPECT_NE(bad_text(r).find("'shards' is 3"), std::string::npos);
}

TEST_F(ReplayScenario, FaultsMayStandInAReplay) {
  Request r = request();
  r.set = {{"faults", "[ { fault: node_kill, on: order, steady: 5s, duration: 5s, observe: 10s } ]"}};
  EXPECT_EQ(good(r).plan.segments.size(), 1U);
}

TEST_F(ReplayScenario, RefusesWhatCannotBe) {
  const auto said = [&](std::vector<std::pair<std::string, std::string>> set) {
    Request r = request();
    r.set = std::move(set);
    return bad_text(r);
  };
  EXPECT_NE(said({{"traffic.scale", "0"}}).find("'scale'"), std::string::npos);
  EXPECT_NE(said({{"traffic.from", "2h"}}).find("'from' is 7200s, the recording lasts 30.0 s"), std::string::npos)
      << said({{"traffic.from", "2h"}});
  EXPECT_NE(said({{"traffic.peak_rate", "20"}}).find("'peak_rate' does nothing in mode 'clone'"), std::string::npos);
  EXPECT_NE(said({{"traffic.mode", "clones"}}).find("mode 'clones' is not known"), std::string::npos);
  EXPECT_NE(said({{"traffic.trace", "~"}}).find("trace"), std::string::npos);
  EXPECT_NE(said({{"traffic.trace", "traces/burst.csv"}}).find("holds times only"), std::string::npos);
  EXPECT_NE(said({{"traffic.routes", "shoop"}}).find("shop"), std::string::npos);
  EXPECT_NE(said({{"levels", "[ { for: 20s, load: 2 } ]"}}).find("'load' belongs to mode shaped"), std::string::npos);
  EXPECT_NE(said({{"slo.samples_min", "500"}}).find("hold fewer than the 500 planned steps"), std::string::npos);
  put("traces/log.csv", kRecording);
  EXPECT_NE(said({}).find("log.csv:2:1"), std::string::npos) << said({});
  put("traces/log.csv", std::string(kRecording) + "1700000000000000000,0,POST,/orders,/orders,0,200,1\n");
  EXPECT_NE(said({}).find("starts 1 trade only"), std::string::npos) << said({});
  put("traces/log.csv", std::string(kRecording) +
                            "1700000000,0,POST,/orders,/orders,0,200,1\n1700000001,0,POST,/orders,/orders,0,200,1\n");
  EXPECT_NE(said({}).find("1970"), std::string::npos) << said({});
  put("traces/log.csv",
      std::string(kRecording) + "1700000000000000000,0,GET,/x,/x,0,404,1\n1700000001000000000,0,GET,/x,/x,0,404,1\n");
  EXPECT_NE(said({}).find("no line of the recording starts a journey"), std::string::npos) << said({});
}

TEST_F(ReplayScenario, UnmappedWritesStopTheLoad) {
  put("traces/log.csv", recorded(30) + "1700000100000000000,99,PATCH,/cart,/cart,0,200,1\n");
  EXPECT_NE(bad_text().find("routes/shop.yaml:4:3: 'PATCH /cart' changes something"), std::string::npos) << bad_text();
}

}  // namespace
}  // namespace cardstorm
