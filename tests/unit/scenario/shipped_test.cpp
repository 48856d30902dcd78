// What we ship loads, keeps its promises, and the examples in scenarios/README.md are true.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/support/paths.hpp"
#include "tests/unit/scenario/workspace.hpp"

namespace cardstorm {
namespace {

Request shipped(const std::string& scenario, const std::string& target, bool quick) {
  Request r;
  r.scenario_path = scenario;
  r.target = target;
  r.quick = quick;
  r.root = testing_paths::source_dir();
  return r;
}

std::variant<Loaded, std::vector<Mistake>> load_shipped(const Request& r) {
  Known known = some_known();
  return load(r, known);
}

TEST(Shipped, EveryScenarioLoadsAgainstBothVariants) {
  for (const char* scenario : {"drill", "smoke", "control", "knee", "replay", "promotion"})
    for (const char* target : {"fragile", "hardened"})
      for (const bool quick : {false, true}) {
        const auto loaded = load_shipped(shipped(scenario, target, quick));
        ASSERT_EQ(loaded.index(), 0U) << scenario << " " << target << "\n" << text_of(std::get<1>(loaded));
      }
}

TEST(Shipped, DrillKeepsToItsTime) {
  const Plan full = std::get<0>(load_shipped(shipped("drill", "", false))).plan;
  EXPECT_LE(full.load_end, 225s);
  const Plan quick = std::get<0>(load_shipped(shipped("drill", "", true))).plan;
  EXPECT_LE(quick.load_end + quick.drain, 140s);
  for (const Plan* plan : {&full, &quick}) {
    std::set<std::string> faults;
    for (const Segment& s : plan->segments) faults.insert(s.fault.fault);
    EXPECT_EQ(faults, (std::set<std::string>{"db_pool_exhaustion", "payment_delay", "node_kill"}));
  }
  for (const Segment& s : full.segments)
    if (s.fault.fault == "node_kill") {
      EXPECT_GE(s.horizon_at - s.fault_at, 50s);
    }  // the operator alone needs 20 s
}

TEST(Shipped, BothSidesOfADrillGetTheSamePlan) {
  Plan a = std::get<0>(load_shipped(shipped("drill", "fragile", false))).plan,
       b = std::get<0>(load_shipped(shipped("drill", "hardened", false))).plan;
  EXPECT_NE(a.target, b.target);
  b.target = a.target;
  EXPECT_EQ(json_of_plan(a).dump(), json_of_plan(b).dump());
}

TEST(Shipped, DrillSellsOutTheLimitedCardAndNoOther) {
  for (const bool quick : {false, true}) {
    const Loaded loaded = std::get<0>(load_shipped(shipped("drill", "", quick)));
    std::map<std::string, std::uint64_t> asked;
    const auto times = arrival_times(loaded.plan, loaded.trace);
    for (std::size_t i = 0; i < times.size(); ++i) {
      const Arrival a = arrival(loaded.plan, i, times[i]);
      if (loaded.plan.journeys[a.journey].flow != "browse") asked[a.sku] += a.quantity;
    }
    for (const SkuStock& s : loaded.plan.stock) {
      if (s.goods != "game_card") continue;
      if (s.sku == "card-limited") {
        EXPECT_GT(asked[s.sku], s.cards + 10U);
      } else {
        EXPECT_LT(asked[s.sku], s.cards * 3U / 4U) << s.sku;
      }
    }
  }
}

TEST(Shipped, ReplayAccountsForEveryLineOfItsRecording) {
  const Loaded loaded = std::get<0>(load_shipped(shipped("replay", "", false)));
  const RouteCounts& r = loaded.trace.routes;
  std::uint64_t left_out = 0;
  for (const auto* some : {&r.skipped_writes, &r.unmapped_reads, &r.scrubbed_reads, &r.recorded_refusals})
    for (const auto& [route, n] : *some) left_out += n;
  EXPECT_EQ(r.lines, 1967U);
  EXPECT_EQ(r.started + r.absorbed + r.replayed + r.ignored + left_out, r.lines);
  EXPECT_GT(r.started, 250U);
  const PlannedTrades trades(loaded.plan, loaded.trace);
  EXPECT_NEAR(static_cast<double>(trades.size()), 1.5 * static_cast<double>(loaded.trace.at.size()),
              0.03 * static_cast<double>(trades.size()));
  std::map<std::string, int> flows;
  for (TradeId i = 0; i < trades.size(); ++i) ++flows[loaded.plan.journeys[trades.journey(i)].flow];
  for (const char* flow : {"buy", "refund", "topup", "bulk", "browse", "wallet"}) EXPECT_GT(flows[flow], 0) << flow;
}

TEST(Shipped, SmokeRunsAgainstAnExternalTargetWithoutFaults) {
  Request r = shipped("smoke", "external-example", false);
  r.set = {{"faults", "[]"}};
  const auto loaded = load_shipped(r);
  ASSERT_EQ(loaded.index(), 0U) << text_of(std::get<1>(loaded));
  EXPECT_EQ(std::get<0>(loaded).plan.load_end, 17s);
  r.set.clear();
  EXPECT_EQ(load_shipped(r).index(), 1U);  // with its fault it needs an ability that this target does not offer
}

TEST(Shipped, TheWorkedExamplesOfTargetsLoadWithTheirFaults) {
  for (const auto& [target, faults] : {std::pair{"compose-example", "[{fault: node_kill, on: order}]"},
                                       {"compose-example", "[{fault: db_pool_exhaustion, on: stock}]"},
                                       {"kubernetes-example", "[{fault: node_kill, on: worker}]"}}) {
    Known known = some_known();
    known.targets[1].abilities = {"pool", "channels", "nodes"};
    Request r = shipped("smoke", target, false);
    r.set = {{"faults", faults}};
    const auto loaded = load(r, known);
    ASSERT_EQ(loaded.index(), 0U) << target << "\n" << text_of(std::get<1>(loaded));
  }
}

class Readme : public Workspace {};

TEST_F(Readme, ItsScenarioLoads) {
  std::stringstream text;
  text << std::ifstream(testing_paths::source_dir() + "/scenarios/README.md").rdbuf();
  const std::string all = text.str();
  const auto from = all.find("```yaml\n"), to = all.find("```", from + 8);
  ASSERT_NE(from, std::string::npos);
  put("readme.yaml", all.substr(from + 8, to - from - 8));
  Request r =
      shipped((root_ / "scenarios/readme.yaml").string(),
              (std::filesystem::path(testing_paths::source_dir()) / "scenarios/targets/hardened.yaml").string(), false);
  const auto loaded = load_shipped(r);
  EXPECT_EQ(loaded.index(), 0U) << text_of(std::get<1>(loaded));
}

}  // namespace
}  // namespace cardstorm
