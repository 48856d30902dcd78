// The JSON of scorecard and drill keeps every member; the figures that `expect:` may name come from the same list.
#include "harness/judge/scorecard.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "harness/judge/figures.hpp"
#include "tests/support/every_field.hpp"

namespace cardstorm {
namespace {

Scorecard filled_scorecard() {
  Scorecard card;
  every_field::fill(card);
  std::uint64_t n = 0;
  for (const TradeOutcome o : {TradeOutcome::ok, TradeOutcome::failed, TradeOutcome::unknown, TradeOutcome::not_sent,
                               TradeOutcome::unfinished})
    card.traffic.outcomes[o] = ++n;
  return card;
}

TEST(ScorecardFields, AllAreWrittenAndReadBack) {
  every_field::expect_every_field_is_kept(filled_scorecard(), json_of_scorecard, scorecard_of_json);
}

TEST(ScorecardFields, ThoseOfADrillToo) {
  DrillCard drill;
  drill.runs.resize(1);
  every_field::fill(drill.runs);
  drill.mttr_reduction = 11;
  drill.mttr_reduction_by_fault["node_kill"] = 12;
  drill.mttr_reduction_assumed_restart = {{"5", 13}, {"20", 14}, {"120", 15}};
  drill.mttr_reduction_without_restart = 16;
  drill.repeat_command = "again";
  drill.baseline.scenario = "before";
  drill.candidate.scenario = "after";
  for (Scorecard* side : {&drill.baseline, &drill.candidate}) {
    const std::vector<TradeOutcome> all{TradeOutcome::ok, TradeOutcome::failed, TradeOutcome::unknown,
                                        TradeOutcome::not_sent, TradeOutcome::unfinished};
    for (const TradeOutcome o : all) side->traffic.outcomes[o] = 0;
  }
  every_field::expect_every_field_is_kept(drill, json_of_drill, drill_of_json);
}

TEST(ScorecardFields, ADefaultOneComesBackToo) {
  const Json written = json_of_scorecard(Scorecard{});
  const auto again = scorecard_of_json(written);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(json_of_scorecard(*again).dump(), written.dump());
}

TEST(ScorecardFields, WhatIsWrongIsNamedWithItsPlace) {
  const auto what = [](const Json& json) {
    const auto drill = drill_of_json(json);
    return drill ? std::string("nothing") : drill.error().what;
  };
  Json drill = json_of_drill({});
  drill.set("candidate", Json());
  EXPECT_EQ(what(drill), "candidate is missing");
  Json side = json_of_scorecard(filled_scorecard());
  Json check = side["checks"].items()[0];
  check.set("verdict", "maybe");
  side.set("checks", Json(Json::Array{check}));
  drill.set("candidate", side);
  EXPECT_EQ(what(drill),
            "candidate: check " + check["name"].string() + ": verdict is 'maybe', wanted pass, fail or unknown");
  side.set("schema", "cardstorm.scorecard/9");
  drill.set("candidate", side);
  EXPECT_EQ(what(drill), "candidate: schema is 'cardstorm.scorecard/9', wanted cardstorm.scorecard/1");
}

TEST(Figures, AreFoundByTheirPlaceInTheJson) {
  Scorecard card;
  card.success_rate = 0.999;
  card.latency_ms.p99 = 321;
  card.by_flow["browse"] = {10, 9};
  card.mttr["node_kill"].p90_s = 4.5;
  card.generator.lateness_p99_us = 61;
  Episode e;
  e.absorbed = true;
  card.episodes = {e};
  EXPECT_EQ(figure_of(card, "success_rate"), 0.999);
  EXPECT_EQ(figure_of(card, "latency_ms.p99"), 321);
  EXPECT_EQ(figure_of(card, "by_flow.browse"), 0.9);
  EXPECT_EQ(figure_of(card, "mttr.by_fault.node_kill.p90_s"), 4.5);
  EXPECT_EQ(figure_of(card, "generator.lateness_us.p99"), 61);
  EXPECT_EQ(figure_of(card, "ttr_s"), 0);
  EXPECT_EQ(figure_of(card, "censored"), 0);
  EXPECT_FALSE(figure_of(card, "by_flow.buy"));
  EXPECT_FALSE(figure_of(card, "scenario"));
  EXPECT_FALSE(figure_of(card, "seed"));
  EXPECT_FALSE(figure_of(card, "nothing.here"));
}

TEST(Figures, TheirNamesAreWhatScenariosMaySay) {
  const std::vector<std::string> found = figure_names();
  // What users have written into `expect:` stays valid.
  const std::set<std::string> wanted{"success_rate",
                                     "latency_ms.p50",
                                     "latency_ms.p90",
                                     "latency_ms.p99",
                                     "latency_ms.p999",
                                     "latency_ms.max",
                                     "ttr_s",
                                     "censored",
                                     "violations",
                                     "money.lost_trades_cents",
                                     "money.paid_overdue_cents",
                                     "money.double_delivered_cents",
                                     "by_phase.steady",
                                     "by_phase.fault",
                                     "by_phase.observe",
                                     "traffic.resends",
                                     "generator.lateness_us.p99",
                                     "by_flow.{flow}",
                                     "by_goods.{goods}",
                                     "mttr.by_fault.{fault}.mean_s",
                                     "mttr.by_fault.{fault}.p50_s",
                                     "mttr.by_fault.{fault}.p90_s"};
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), wanted);
  EXPECT_EQ(found.size(), wanted.size()) << "none stands twice";
}

TEST(Figures, OfThePathAreWhatTheJsonSaysThere) {
  const Scorecard card = filled_scorecard();
  const Json json = json_of_scorecard(card);
  for (const Figure& one : figures_of(card)) {
    std::string pointer = "/" + one.name;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    const Json* there = json.at_pointer(pointer);
    if (there == nullptr) {
      EXPECT_TRUE(one.name == "ttr_s" || one.name == "censored" || one.name == "violations") << one.name;
      continue;
    }
    if (there->has("share")) there = &(*there)["share"];
    EXPECT_EQ(one.value, there->number()) << one.name;
  }
}

}  // namespace
}  // namespace cardstorm
