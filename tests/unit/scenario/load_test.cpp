// load: a good scenario becomes a plan; every kind of mistake is found, with its place, all of them at once.
#include "harness/scenario/load.hpp"

#include <gtest/gtest.h>

#include "tests/unit/scenario/workspace.hpp"

namespace cardstorm {
namespace {

class Load : public Workspace {
 protected:
  /// One edit of one file must give a mistake with these words.
  void expect_mistake(const std::string& file, const std::string& text, const std::string& from, const std::string& to,
                      const std::string& words) {
    edit(file, text, from, to);
    const std::string found = bad_text();
    EXPECT_NE(found.find(words), std::string::npos) << "after '" << to << "' wanted: " << words << "\nfound: " << found;
    put(file, text);
  }
  void in_scenario(const std::string& from, const std::string& to, const std::string& words) {
    expect_mistake("small.yaml", kScenario, from, to, words);
  }
  void in_target(const std::string& from, const std::string& to, const std::string& words) {
    expect_mistake("targets/lab.yaml", kTarget, from, to, words);
  }
  void in_journeys(const std::string& from, const std::string& to, const std::string& words) {
    expect_mistake("journeys/buyers.yaml", kJourneys, from, to, words);
  }
};

TEST_F(Load, MakesTheWholePlan) {
  const Loaded loaded = good();
  const Plan& p = loaded.plan;
  EXPECT_EQ(p.scenario, "small");
  EXPECT_EQ(p.target, "lab");
  EXPECT_EQ(p.seed, 3U);
  ASSERT_EQ(p.segments.size(), 2U);
  EXPECT_EQ(p.segments[0].fault_at, 5s);
  EXPECT_EQ(p.segments[0].heal_at, 11s);
  EXPECT_EQ(p.segments[0].horizon_at, 19s);
  EXPECT_EQ(p.segments[0].end, 21s);
  EXPECT_EQ(p.segments[1].begin, 21s);
  EXPECT_EQ(p.segments[0].fault.on, "order");  // the target resolves its own alias, so both sides share one plan
  EXPECT_EQ(p.segments[1].fault.params.dump(), R"({"delay":"3s"})");
  EXPECT_EQ(p.load_end, 42s);
  EXPECT_EQ(p.drain, 4s);
  EXPECT_EQ(p.planned_trades, arrival_times(p, loaded.trace).size());
  EXPECT_EQ(p.planned_steps, 2 * p.planned_trades);
  EXPECT_EQ(p.traffic.trace_sha256, loaded.trace.sha256);
  EXPECT_EQ(p.expect.at(0).relation, ">=");
  EXPECT_EQ(p.journeys.at(0).steps.at(0).headers.size(), 2U);  // the file's and the step's own
  EXPECT_EQ(loaded.target.options.at("restart_delay"), "20");
  EXPECT_EQ(loaded.target.nodes.at("order").node, "order-1");
}

TEST_F(Load, SameInputSameBytes) {
  EXPECT_EQ(json_of_plan(good().plan).dump(), json_of_plan(good().plan).dump());
  Request other = request();
  other.seed = 4;
  EXPECT_NE(json_of_plan(good().plan).dump(), json_of_plan(good(other).plan).dump());
}

TEST_F(Load, QuickMergesOverTheScenario) {
  Request r = request();
  r.quick = true;
  const Plan p = good(r).plan;
  EXPECT_EQ(p.segments[0].fault_at, 4s);
  EXPECT_EQ(p.segments[0].heal_at, 10s);  // what quick does not name stays
}

TEST_F(Load, SetGoesOverFileAndQuick) {
  Request r = request();
  r.quick = true;
  r.set = {{"faults[0].duration", "3s"}, {"timing.steady", "7s"}, {"slo.recover_good", "4"}};
  const Plan p = good(r).plan;
  EXPECT_EQ(p.segments[0].fault_at, 7s);
  EXPECT_EQ(p.segments[0].heal_at, 10s);
  EXPECT_EQ(p.slo.recover_good, 4);
}

TEST_F(Load, NoFaultsLeaveOneQuietStretch) {
  Request r = request();
  r.set = {{"faults", "[]"}};
  const Plan p = good(r).plan;
  ASSERT_EQ(p.segments.size(), 1U);
  EXPECT_EQ(p.segments[0].fault.fault, "");
  EXPECT_EQ(p.segments[0].fault_at, 19s);
  EXPECT_EQ(p.segments[0].horizon_at, 19s);
}

TEST_F(Load, LevelsClimbWithoutTrace) {
  Request r = request();
  r.set = {{"faults", "[]"}, {"levels", "[{for: 10s, load: 1}, {for: 10s, load: 3}]"}, {"traffic.trace", "~"}};
  const Plan p = good(r).plan;
  ASSERT_EQ(p.segments.size(), 2U);
  EXPECT_EQ(p.segments[1].load, 3);
  EXPECT_EQ(p.planned_trades, 50U + 150U);
}

TEST_F(Load, FindsScenarioAndTargetByNameAndByPath) {
  Request r = request();
  r.scenario_path = "small";
  EXPECT_EQ(good(r).plan.scenario, "small");
  r.target = (root_ / "scenarios/targets/lab.yaml").string();
  EXPECT_EQ(good(r).plan.target, "lab");
}

TEST_F(Load, FindsAScenarioInAFolderByItsName) {
  put("external/guest.yaml", kScenario);
  Request r = request();
  r.scenario_path = "external/guest";
  EXPECT_EQ(good(r).plan.target, "lab");
}

TEST_F(Load, ScenarioStockChangesCountsOfTheJourneysStock) {
  put("small.yaml", std::string(kScenario) + "stock: [ { sku: red, cards: 7 } ]\n");
  const Plan p = good().plan;
  ASSERT_EQ(p.stock.size(), 2U);
  EXPECT_EQ(p.stock[0].cards, 7U);
  EXPECT_EQ(p.stock[0].price_cents, 1000);
  EXPECT_EQ(p.stock[1].cards, 100U);
}

TEST_F(Load, TellsAllMistakesOfAllFilesAtOnce) {
  edit("small.yaml", kScenario, "  base_rate: 5", "  base_rat: 5");
  edit("targets/lab.yaml", kTarget, "variant: hardened", "variant: hardend");
  edit("journeys/buyers.yaml", kJourneys, "/orders/${order_no}", "/orders/${order_nr}");
  put("traces/burst.csv", "5\n4\n");
  const std::string text = bad_text();
  for (const char* words :
       {"small.yaml:7:3: unknown key 'base_rat' in 'traffic'\n    did you mean 'base_rate'?",
        "targets/lab.yaml:3:10: variant 'hardend' is not known\n    did you mean 'hardened'?",
        "journeys/buyers.yaml:26:15: '${order_nr}' is not defined at this step\n    did you mean 'order_no'?",
        "traces/burst.csv:2:1: the recording goes back in time"})
    EXPECT_NE(text.find(words), std::string::npos) << words << "\nin:\n" << text;
}

TEST_F(Load, FindsMistakesOfTheScenario) {
  in_scenario("seed: 3", "seed: three", "small.yaml:4:7: 'seed' must be a whole number, found 'three'");
  in_scenario("seed: 3", "seed: \"3\"", "'seed' must be a whole number");
  in_scenario("seed: 3", "seed: 3\nseed: 4", "small.yaml:5:1: key 'seed' stands twice, first in line 4");
  in_scenario("steady: 5s", "steady: 5", "small.yaml:10:19: 'steady': a duration was wanted, '5' was found");
  in_scenario("steady: 5s", "steady: 5 parsecs", "'steady': a duration was wanted");
  in_scenario("steady: 5s", "steady: -5s", "'steady'");
  in_scenario("steady: 5s", "steady: [5s]", "'steady' must be a duration, found a list");
  in_scenario("why: A test.\n", "", "small.yaml:1:1: a scenario needs 'why'");
  in_scenario("node_kill", "node_kil",
              "small.yaml:12:12: fault 'node_kil' is not known\n    did you mean 'node_kill'?");
  in_scenario("on: order", "on: ordr", "'ordr' is not a node of target 'lab'\n    did you mean 'order'?");
  in_scenario("on: alpha", "on: alfa", "'alfa' is not a channel of the journeys");
  in_scenario("delay: 3s", "dely: 3s", "fault 'payment_delay' has no parameter 'dely'\n    did you mean 'delay'?");
  in_scenario("delay: 3s", "delay: 3", "'delay': a duration was wanted");
  in_scenario("target: lab", "target: lob", "'lob' is not known in targets\n    did you mean 'lab'?");
  in_scenario("[money_conserved]", "[money_conservd]",
              "check 'money_conservd' is not known\n    did you mean 'money_conserved'?");
  in_scenario("success_rate:", "sucess_rate:", "metric 'sucess_rate' is not known\n    did you mean 'success_rate'?");
  in_scenario("success_rate:", "zzz:",
              "metric 'zzz' is not known\n    known: success_rate, by_flow.buy, by_flow.browse, by_goods.game_card, "
              "by_goods.catalogue, mttr.by_fault.node_kill.p90_s, mttr.by_fault.payment_delay.p90_s, violations");
  in_scenario(">= 0.99", "about 1", "'about 1' is not a relation and a number");
  in_scenario("traces/burst.csv", "traces/bust.csv", "small.yaml:6:10: there is no trace 'traces/bust.csv'");
  in_scenario("  trace: traces/burst.csv\n", "", "faults without a trace");
  in_scenario("scale: 1.5", "scale: 0", "'scale' is 0, outside");
  in_scenario("scale: 1.5", "scale: nan", "'scale' must be a number");
  in_scenario("traffic:\n", "traffic: []\ntraffic2:\n", "'traffic' must be a map, found a list");
  in_scenario("quick:\n  timing: { steady: 4s }", "quick: 4", "'quick' must be a map");
  in_scenario("quick:\n  timing: { steady: 4s }", "quick:\n  timing: { stedy: 4s }",
              "small.yaml:22:13: unknown key 'stedy' in 'timing'");
}

TEST_F(Load, FindsTimesThatContradictEachOther) {
  in_scenario("fault: 6s", "fault: 2s", "'duration' is 2s, shorter than three peak windows of 1s");
  in_scenario("observe: 8s", "observe: 4s", "recovery needs 5 good windows");
  in_scenario("samples_min: 10", "samples_min: 10, breach_bad: 9", "'breach_bad' is 9 of only 3 windows");
  in_scenario("base_rate: 5", "base_rate: 11", "leaves no room below the scaled peak");
  in_scenario("samples_min: 10", "samples_min: 20", "a window of 1s holds 10.0 planned steps");
  in_scenario("steady: 5s, fault: 6s, observe: 8s", "steady: 24h, fault: 24h, observe: 24h",
              "trades are planned, more than");
  in_journeys("think: 1s", "think: 30s", "add up to 30s, its deadline is 30s");
  in_journeys("think: 1s", "timeout: 40s", "'timeout' is 40s, outside 1ms to 30s");
}

TEST_F(Load, FindsMistakesOfTheTarget) {
  in_target("touch: [pool, channels, nodes]", "touch: [pool, channels]",
            "small.yaml:12:12: target 'lab' cannot carry 'node_kill': it does not let 'nodes' be touched");
  in_target("touch: [pool", "touch: [pol", "ability 'pol' is not known");
  in_target("kind: reference", "kind: refrence", "kind 'refrence' is not known\n    did you mean 'reference'?");
  in_target("variant: hardened\n", "", "a target needs 'variant'");
  in_target("restart_delay", "restart_dely", "unknown option 'restart_dely'");
  in_target("restart_delay: 20", "restart_delay: 20s", "'restart_delay' must be a number");
  in_target("journeys: buyers", "journeys: buyer", "'buyer' is not known in journeys\n    did you mean 'buyers'?");
  in_target("kind: reference\nvariant: hardened", "kind: external\nurl: http://8.8.8.8/", "8.8.8.8");
  in_target("kind: reference\nvariant: hardened", "kind: external\nurl: http://127.0.0.1:1\nallow: [10.0.0.0/8]",
            "127.0.0.1");
  in_target("kind: reference\nvariant: hardened", "kind: external\nurl: http://127.0.0.1:1",
            "a target of kind 'external' cannot offer 'pool'");
  in_target("kind: reference\nvariant: hardened", "kind: external", "a target of kind 'external' needs 'url'");
  in_target("kind: reference\nvariant: hardened", "kind: external\nurl: 127.0.0.1:80", "is not an address of a target");
  in_target("kind: reference", "kind: reference\nallow: [300.0.0.0/8]", "300.0.0.0/8");
}

TEST_F(Load, FindsMistakesOfTheJourneys) {
  in_journeys("weight: 3", "weight: 0", "journeys/buyers.yaml:11:13: 'weight' must be above 0");
  in_journeys("weight: 3", "weight: -1", "'weight' must be above 0");
  in_journeys("[red, blue]", "[red, blu]",
              "journeys/buyers.yaml:12:17: SKU 'blu' is not in the stock\n    did you mean 'blue'?");
  in_journeys("goods: game_card\n    weight", "goods: membership\n    weight",
              "SKU 'red' is of class 'game_card', the journey buys 'membership'");
  in_journeys("quantity: [1, 2]", "quantity: [2, 1]", "'quantity' goes from 2 down to 1");
  in_journeys("${key}", "${ky}", "'${ky}' is not defined at this step\n    did you mean 'key'?");
  in_journeys("${key}", "${key", "'${' without '}'");
  in_journeys("path: /goods,", "path: \"/goods/${sku}\",", "'${sku}' is not defined at this step");
  in_journeys("path: /goods,", "path: \"http://evil.example/\",", "is not a path on the target");
  in_journeys("path: /goods,", "path: //evil.example/,", "is not a path on the target");
  in_journeys("\"quantity\":${quantity}}", "\"quantity\":${quantity}",
              "the body is not JSON once its variables have values");
  in_journeys("/amount_cents", "amount_cents",
              "'amount_cents' is not a JSON Pointer\n    write for example /amount_cents");
  in_journeys("is: cards", "is: card", "fact 'card' is not known\n    did you mean 'cards'?");
  in_journeys(", cards: /cards", "", "'fact' needs 'cards'");
  in_journeys("until: [delivered]", "until: [delivered, closed]", "'closed' stands in 'until' and in 'fail_on'");
  in_journeys("step: again", "step: list", "journey 'browse' has two steps called 'list'");
  in_journeys("sold_out: { status: [409], at: /error, value: sold_out }", "sold_out: { status: [201] }",
              "status 201 is both expected and sold out");
  in_journeys("extract: { order_no", "extract: { key", "'key' is always defined");
  in_journeys("method: POST", "method: PUSH", "method 'PUSH' is not known");
}

TEST_F(Load, FindsBrokenYaml) {
  in_scenario("timing: {", "timing: {{", "small.yaml:");
  in_scenario("why: A test.", "why: [A test.", "not valid YAML");
  in_scenario("why: A test.", "why: !secret A test.", "YAML tag '!secret' is not used here");
  put("small.yaml", "");
  EXPECT_NE(bad_text().find("small.yaml:1:1: the file is empty"), std::string::npos);
  put("small.yaml", std::string(kScenario) + "---\na: b\n");
  EXPECT_NE(bad_text().find("more than one YAML document"), std::string::npos);
  put("small.yaml", "a: &a [*a]\n");
  EXPECT_NE(bad_text().find("not valid YAML"), std::string::npos);
  std::string bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n";
  for (char c = 'b'; c < 'z'; ++c)
    bomb += std::string(1, c) + ": &" + c + " [" +
            [&] {
              std::string s;
              for (int i = 0; i < 9; ++i) s += std::string("*") + static_cast<char>(c - 1) + ",";
              return s;
            }() +
            "*" + static_cast<char>(c - 1) + "]\n";
  put("small.yaml", bomb);
  EXPECT_NE(bad_text().find("more than 50000 values"), std::string::npos);
  put("small.yaml", std::string(5000, '['));
  EXPECT_FALSE(bad().empty());
}

TEST_F(Load, PlacesMistakesOfSet) {
  Request r = request();
  r.set = {{"faults[0].duraton", "3s"}, {"faults[9].duration", "3s"}, {"traffic.scale", "much"}, {"a..b", "1"}};
  const std::string text = bad_text(r);
  for (const char* words : {"--set faults[0].duraton: unknown key 'duraton' in a fault\n    did you mean 'duration'?",
                            "--set faults[9].duration: there is no item [9]",
                            "--set traffic.scale: 'scale' must be a number, found 'much'", "--set a..b: not a path"})
    EXPECT_NE(text.find(words), std::string::npos) << words << "\nin:\n" << text;
}

TEST_F(Load, TellsWhatIsThereWhenTheScenarioIsNot) {
  Request r = request();
  r.scenario_path = "smal";
  EXPECT_NE(bad_text(r).find("smal: there is no such scenario\n    did you mean 'small'?"), std::string::npos)
      << bad_text(r);
  r = request();
  r.target = "lbb";
  EXPECT_NE(bad_text(r).find("--target lbb: 'lbb' is not known in targets"), std::string::npos) << bad_text(r);
  r = request();
  r.seed = 1ULL << 63U;
  EXPECT_NE(bad_text(r).find("--seed: the seed is above"), std::string::npos);
}

TEST_F(Load, ATargetAloneIsReadWithTheJourneysThatItNames) {
  const auto told = [&] {
    const auto loaded = load_target((root_ / "scenarios/targets/lab.yaml").string(), root_.string(), some_known());
    const auto* mistakes = std::get_if<std::vector<Mistake>>(&loaded);
    return mistakes == nullptr ? std::string() : text_of(*mistakes);
  };
  EXPECT_EQ(told(), "");
  put("targets/lab.yaml", std::string(kTarget) + "preflight: { journey: bye }\n");
  EXPECT_NE(told().find("the preflight journey 'bye' is not among the journeys"), std::string::npos) << told();
  edit("targets/lab.yaml", kTarget, "journeys: buyers", "journeys: byers");
  EXPECT_NE(told().find("'byers' is not known in journeys"), std::string::npos) << told();
  put("targets/lab.yaml", kTarget);
  edit("journeys/buyers.yaml", kJourneys, "weight: 3", "weight: none");
  EXPECT_NE(told().find("buyers.yaml:"), std::string::npos) << told();
}

TEST_F(Load, AliasesRepeatSteps) {
  edit("journeys/buyers.yaml", kJourneys, "- { step: list, path: /goods }", "- &list { step: list, path: /goods }");
  put("journeys/more.yaml",
      "mix: more\nwhy: x\njourneys:\n  - &one { journey: a, flow: browse, weight: 1, steps: [ &s { step: x, path: / }, "
      "{ step: y, path: / } ] }\n"
      "  - { journey: b, flow: browse, weight: 1, steps: [ *s, { step: z, path: / } ] }\n");
  edit("targets/lab.yaml", kTarget, "journeys: buyers", "journeys: [buyers, more]");
  const Plan p = good().plan;
  ASSERT_EQ(p.journeys.size(), 4U);
  EXPECT_EQ(p.journeys[3].steps.size(), 2U);
  EXPECT_EQ(p.journeys[3].steps[0].name, "x");
}

}  // namespace
}  // namespace cardstorm
