// traffic: the keys of a scenario that say how load comes, when a run stops, and what a front wall looks like.
#include <gtest/gtest.h>

#include "harness/scenario/describe.hpp"
#include "tests/unit/scenario/workspace.hpp"

namespace cardstorm {
namespace {

std::string shaped_scenario(const std::string& traffic, const std::string& rest = {}) {
  return "scenario: s\nwhy: A test.\ntarget: lab\ntraffic: " + traffic +
         "\ntiming: { gap: 0s }\nslo: { samples_min: 5 }\n" + rest;
}

class TrafficKeys : public Workspace {};

TEST_F(TrafficKeys, EveryShapeMakesAPlanThatReadsBack) {
  for (const char* traffic : {"{ mode: constant, rate: 20 }", "{ mode: poisson, rate: 20 }",
                              "{ mode: ramp, rate: 5, rate_to: 40 }", "{ mode: step, rate: 5, rate_to: 20, steps: 4 }",
                              "{ mode: spike, rate: 5, rate_to: 50, every: 20s, lasts: 2s }",
                              "{ mode: promotion, rate: 5, rate_to: 90, every: 20s, lasts: 4s }"}) {
    put("small.yaml", shaped_scenario(traffic));
    const Loaded loaded = good();
    EXPECT_GT(loaded.plan.planned_trades, 100U) << traffic;
    EXPECT_EQ(loaded.plan.load_end, 60s);
    const std::string text = json_of_plan(loaded.plan).dump(2);
    const auto again = plan_of_json(*Json::parse(text));
    ASSERT_TRUE(again) << again.error().what;
    EXPECT_EQ(json_of_plan(*again).dump(2), text);
    EXPECT_EQ(again->traffic.mode, loaded.plan.traffic.mode);
    EXPECT_EQ(again->traffic.every, loaded.plan.traffic.every);
    EXPECT_NE(describe_plan(loaded.plan, loaded.trace).find("mode       " + loaded.plan.traffic.mode),
              std::string::npos);
  }
}

TEST_F(TrafficKeys, EverythingNewSurvivesPlanJson) {
  Plan plan = good().plan;
  Traffic& t = plan.traffic;
  t.mode = "resample";
  t.rate = 0.1;
  t.rate_to = 0.3;
  t.steps = 9;
  t.every = 7s;
  t.lasts = 3s;
  t.from = 11s;
  t.length = 13s;
  t.routes = "r";
  t.routes_sha256 = "abc";
  t.shards = 8;
  t.connects_per_second = 17;
  t.late_max = 19ms;
  plan.abort = {{"p99_ms", "<=", 800, 5s, "steady"}, {"good_share", ">=", 0.5, 10s, ""}};
  plan.front_walls = {{{403, 429}, "Server", "cloudflare", "captcha"}};
  const std::string text = json_of_plan(plan).dump();
  const auto again = plan_of_json(*Json::parse(text));
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(json_of_plan(*again).dump(), text);
  EXPECT_EQ(again->traffic.late_max, 19ms);
  EXPECT_EQ(again->traffic.steps, 9U);
  EXPECT_EQ(again->abort[0].phase, "steady");
  EXPECT_EQ(again->front_walls[0].status, (std::vector<int>{403, 429}));
  Plan usual = good().plan;
  EXPECT_EQ(json_of_plan(usual)["traffic"].members().size(),
            6U);  // what is usual is not written: older plans stay readable
}

TEST_F(TrafficKeys, AbortAndFrontWallAreRead) {
  put("small.yaml",
      shaped_scenario(
          "{ mode: constant, rate: 20, late_max: 100ms, connects_per_second: 50, shards: 2 }",
          "abort:\n  - { metric: good_share, is: \">= 0.5\", window: 5s, phase: steady }\n  - { metric: p99_ms, is: "
          "\"<= 900\", phase: any }\n"
          "front_wall:\n  - { status: [403, 429], header: Server, has: cloudflare }\n  - { body_has: captcha }\n"));
  const Loaded loaded = good();
  const Plan& plan = loaded.plan;
  ASSERT_EQ(plan.abort.size(), 2U);
  EXPECT_EQ(plan.abort[0].relation, ">=");
  EXPECT_EQ(plan.abort[0].bound, 0.5);
  EXPECT_EQ(plan.abort[0].window, 5s);
  EXPECT_EQ(plan.abort[0].phase, "steady");
  EXPECT_EQ(plan.abort[1].phase, "");
  ASSERT_EQ(plan.front_walls.size(), 2U);
  EXPECT_EQ(plan.front_walls[0].header_has, "cloudflare");
  EXPECT_EQ(plan.front_walls[1].body_has, "captcha");
  EXPECT_EQ(plan.traffic.late_max, 100ms);
  EXPECT_EQ(plan.traffic.connects_per_second, 50);
  const std::string text = describe_plan(plan, loaded.trace);
  EXPECT_NE(text.find("stops when good_share is not >= 0.5 over 5s while steady lasts"), std::string::npos) << text;
  EXPECT_NE(text.find("front wall 403 or 429 with header Server: cloudflare"), std::string::npos) << text;
  EXPECT_NE(text.find("2 shards, at most 50 connects/s; later than 100ms is not sent"), std::string::npos) << text;
}

TEST_F(TrafficKeys, MistakesHaveTheirPlaces) {
  const auto said = [&](const std::string& traffic, const std::string& rest = {}) {
    put("small.yaml", shaped_scenario(traffic, rest));
    return bad_text();
  };
  EXPECT_NE(said("{ mode: constant }").find("'rate'"), std::string::npos);
  EXPECT_NE(said("{ mode: constant, rate: 0 }").find("small.yaml:4:18: a rate of 0 gives no load"), std::string::npos);
  EXPECT_NE(said("{ mode: ramp, rate: 5 }").find("'rate_to'"), std::string::npos);
  EXPECT_NE(
      said("{ mode: constant, rate: 5, steps: 4 }").find("small.yaml:4:37: 'steps' does nothing in mode 'constant'"),
      std::string::npos)
      << bad_text();
  EXPECT_NE(said("{ mode: spike, rate: 50, rate_to: 5 }").find("does not rise above"), std::string::npos);
  EXPECT_NE(said("{ mode: spike, rate: 5, rate_to: 50, every: 5s, lasts: 5s }").find("never ends"), std::string::npos);
  EXPECT_NE(said("{ mode: promotion, rate: 20, rate_to: 50, every: 2m }").find("the first burst comes after 120s"),
            std::string::npos)
      << bad_text();
  EXPECT_NE(said("{ mode: constant, rate: 100000 }").find("trades are planned, more than"), std::string::npos)
      << bad_text();
  EXPECT_NE(said("{ mode: constant, rate: 1 }").find("hold fewer than the 5 planned steps"), std::string::npos)
      << bad_text();
  EXPECT_NE(said("{ mode: clone, trace: traces/burst.csv, from: 3h }").find("'from' is 10800s"), std::string::npos)
      << bad_text();
  const std::string rest = said("{ mode: constant, rate: 20 }",
                                "abort:\n  - { metric: p50_ms, is: \">= 1\" }\n  - { metric: p99_ms, is: soon, phase: "
                                "lunch }\n  - { window: 5s }\n"
                                "front_wall:\n  - { status: [403] }\n  - { has: x, body_has: y }\n  - 5\n");
  for (const char* wanted :
       {"small.yaml:8:15: metric 'p50_ms' is not known in 'abort'", "small.yaml:9:27: 'soon' is not a relation",
        "phase 'lunch' is not known", "'metric'", "small.yaml:12:5: nothing tells this front wall",
        "small.yaml:13:12: 'has' without a header"})
    EXPECT_NE(rest.find(wanted), std::string::npos) << wanted << "\n" << rest;
}

TEST_F(TrafficKeys, AValueThatCannotBeReadIsOneMistake) {
  for (const char* traffic :
       {"{ mode: constant }", "{ mode: constant, rate: -3 }", "{ mode: constant, rate: yes }",
        "{ mode: spike, rate: 5, rate_to: many }", "{ mode: spike, rate: 5, rate_to: 50, every: 5, lasts: 20s }"}) {
    put("small.yaml", shaped_scenario(traffic, "levels: [ { for: 100s } ]\n"));
    EXPECT_EQ(bad().size(), 1U) << traffic << "\n" << bad_text();
  }
  put("small.yaml", shaped_scenario("{ mode: constant, rate: 20 }", "levels: [ { for: 60 } ]\n"));
  EXPECT_EQ(bad().size(), 1U) << bad_text();
}

TEST_F(TrafficKeys, AnAbortWindowThatNoStretchHoldsIsAMistake) {
  const std::string abort = "levels: [ { for: 30s } ]\nabort:\n  - { metric: good_share, is: \">= 0.5\", window: ";
  put("small.yaml", shaped_scenario("{ mode: constant, rate: 20 }", abort + "60s }\n"));
  EXPECT_NE(bad_text().find("or it never decides"), std::string::npos) << bad_text();
  put("small.yaml", shaped_scenario("{ mode: constant, rate: 20 }", abort + "30s }\n"));
  EXPECT_GT(good().plan.planned_trades, 100U);
}

TEST_F(TrafficKeys, ANameThatCannotBeAFolderIsRefused) {
  for (const std::string name : {"../../x", "a/b", "\"a\\nb\"", "\"\\e[31m\"", "\"a\\0b\""}) {
    put("small.yaml",
        "scenario: " + name +
            "\nwhy: A test.\ntarget: lab\ntraffic: { mode: constant, rate: 20 }\nslo: { samples_min: 5 }\n");
    EXPECT_NE(bad_text().find("small.yaml:1:11: the name of a scenario"), std::string::npos) << name << "\n"
                                                                                             << bad_text();
  }
  put("small.yaml",
      "scenario: \"双十一 <b> & 'x'\"\nwhy: A test.\ntarget: lab\ntraffic: { mode: constant, rate: 20 }\nslo: { "
      "samples_min: 5 }\n");
  EXPECT_GT(good().plan.planned_trades, 100U);
}

TEST_F(TrafficKeys, ARecordingOfTimesCanBeReplayedInEveryMode) {
  for (const char* mode : {"compress", "clone", "resample"}) {
    put("small.yaml",
        shaped_scenario(
            "{ mode: " + std::string(mode) + ", trace: traces/burst.csv, scale: 6, from: 10s, length: 100s }", ""));
    Request r = request();
    r.set = {{"slo.window", "5s"}};
    const Loaded loaded = good(r);
    EXPECT_NEAR(static_cast<double>(loaded.plan.planned_trades), std::string(mode) == "compress" ? 320 : 6 * 320, 200)
        << mode;
    EXPECT_EQ(loaded.plan.load_end, std::string(mode) == "compress" ? Nanos(16667ms)
                                    : std::string(mode) == "clone"  ? Nanos(101s)
                                                                    : Nanos(100s))
        << mode;
  }
}

}  // namespace
}  // namespace cardstorm
