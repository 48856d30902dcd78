// The judge over whole run folders: sums, money, times, traces, the same bytes.
#include <algorithm>

#include "harness/plan/trace_id.hpp"
#include "tests/unit/judge/run_on_disk.hpp"

namespace cardstorm {
namespace {

namespace fs = std::filesystem;
using testing::Codes;
using testing::codes;
using testing::finding;
using testing::Folder;
using testing::healthy;
using testing::judged;
using testing::RunOnDisk;

TEST(JudgeTraces, NamesTheWorstStepsAndTheOrdersOfWitnesses) {
  auto run = healthy();
  run.info.set("target_facts", Json::object({{"trace_link", "http://jaeger/trace/${trace_id}"}}));
  run.broken(11s, 12s);
  run.drive.push_back(CardSeen{200, 20s, "n200", true, 1, 7, ""});  // card 7 went to trade 7 already
  const auto c = judged(run);
  EXPECT_EQ(c.trace_link, "http://jaeger/trace/${trace_id}");
  const auto& worst = c.episodes.at(0).worst;
  ASSERT_EQ(worst.size(), 3U);
  EXPECT_EQ(worst[0].step, "receive");  // 4 s against the order's 20 ms
  EXPECT_EQ(worst[0].cause, "timeout");
  EXPECT_EQ(worst[0].id, trace_id_of(run.plan.seed, 165, 1));  // the first of equals
  const auto& witnesses = finding(c, "card_unique").witnesses;
  ASSERT_FALSE(witnesses.empty());
  const Witness& second = witnesses.back();
  ASSERT_EQ(second.traces.size(), 1U);
  EXPECT_EQ(second.traces[0].step, "order");
  const TradeId trade = std::stoull(second.order.substr(1));
  EXPECT_EQ(second.traces[0].id, trace_id_of(run.plan.seed, trade, 0));
  const auto again = scorecard_of_json(json_of_scorecard(c));
  ASSERT_TRUE(again);
  EXPECT_EQ(json_of_scorecard(*again).dump(), json_of_scorecard(c).dump());
}

TEST(JudgeTraces, SaysNothingWithoutALink) {
  auto run = healthy();
  run.broken(11s, 12s);
  const std::string text = json_of_scorecard(judged(run)).dump();
  for (const char* member : {"trace_link", "\"worst\"", "\"traces\""})
    EXPECT_EQ(text.find(member), std::string::npos) << member;
}

TEST(Judge, PassesAHealthyRun) {
  auto run = healthy();
  const auto c = judged(run);
  EXPECT_EQ(c.verdict, Verdict::pass) << (c.why.empty() ? "" : c.why[0].code + ": " + c.why[0].text);
  EXPECT_EQ(c.traffic.planned, 450U);
  EXPECT_EQ(c.traffic.outcomes.at(TradeOutcome::ok), 450U);
  EXPECT_EQ(c.success_rate, 1);
  EXPECT_EQ(c.by_phase.at("fault").planned, 75U);
  EXPECT_EQ(c.by_flow.at("buy").good, 450U);
  EXPECT_NEAR(c.latency_ms.p99, 20, 0.2) << "polls do not count as latency";
  EXPECT_TRUE(c.generator.trusted);
  ASSERT_EQ(c.episodes.size(), 1U);
  EXPECT_TRUE(c.episodes[0].absorbed && c.episodes[0].verified && c.episodes[0].reverted);
  EXPECT_EQ(c.target, "shop");
  EXPECT_EQ(c.version, "9");
  EXPECT_EQ(c.timeline.size(), 30U);
  EXPECT_EQ(c.timeline[3].planned, 30U);
  EXPECT_EQ(c.timeline[3].trades, 15U);
  ASSERT_EQ(c.fault_bands.size(), 1U);
  EXPECT_EQ(c.fault_bands[0].from_s, 10);
  EXPECT_EQ(c.checks.size(), 7U) << "only the checks that the plan names";
}

TEST(Judge, SameFolderSameBytesWhereverItLies) {
  auto run = healthy();
  run.broken(11s, 20s);
  Folder a, b;
  run.write(a.dir);
  fs::copy(a.dir, b.dir + "/moved away", fs::copy_options::recursive);
  const auto first = json_of_scorecard(*judge_run(a.dir)).dump(2);
  EXPECT_EQ(first, json_of_scorecard(*judge_run(a.dir)).dump(2));
  EXPECT_EQ(first, json_of_scorecard(*judge_run(b.dir + "/moved away")).dump(2));
}

TEST(Judge, OutageBecomesAnEpisodeAndLostMoney) {
  auto run = healthy();
  run.broken(11s, 20s);
  const auto c = judged(run);
  const auto& e = c.episodes.at(0);
  EXPECT_EQ(e.onset_s, 11.0);
  EXPECT_NEAR(*e.recover_s, 20.0, 0.1);
  EXPECT_EQ(e.lost, 135U);
  EXPECT_EQ(c.money.lost_trades_cents, 135 * 1000);
  EXPECT_EQ(c.success_rate, 0.7);
  EXPECT_EQ(c.verdict, Verdict::fail);
  EXPECT_EQ(codes(c), Codes{"expectation_missed"});
  EXPECT_EQ(c.mttr.at("payment_delay").n, 1);
}

TEST(Judge, MissingEndOfATradeBreaksTheSums) {
  auto run = healthy();
  std::erase_if(run.drive, [](const Event& e) {
    const auto* d = std::get_if<TradeEnded>(&e);
    return d != nullptr && d->trade == 5;
  });
  const auto c = judged(run);
  EXPECT_EQ(c.verdict, Verdict::unknown);
  EXPECT_EQ(codes(c), Codes{"sums_do_not_add_up"});
  EXPECT_EQ(c.traffic.outcomes.at(TradeOutcome::unfinished), 1U);
}

TEST(Judge, TradeThatEndsTwiceBreaksTheSums) {
  auto run = healthy();
  run.drive.push_back(TradeEnded{5, 20s, TradeOutcome::ok, Cause::none});
  EXPECT_EQ(codes(judged(run)), Codes{"sums_do_not_add_up"});
}

TEST(Judge, MissingStepBreaksTheSums) {
  auto run = healthy();
  std::erase_if(run.drive, [](const Event& e) {
    const auto* s = std::get_if<StepEnded>(&e);
    return s != nullptr && s->trade == 5 && s->step == 1;
  });
  EXPECT_EQ(codes(judged(run)), Codes{"sums_do_not_add_up"});
}

TEST(Judge, TradeAfterItsDeadlineIsNotGood) {
  auto run = healthy();
  for (auto& e : run.drive)
    if (auto* d = std::get_if<TradeEnded>(&e); d != nullptr && d->trade == 7) d->at = RunOnDisk::at(7) + 31s;
  EXPECT_LT(judged(run).success_rate, 1);
}

/// Trade 449 is refused as sold out, with `cards` in the mint, of which `earlier` were sold before the run.
Scorecard sold_out(std::uint32_t cards, std::uint32_t earlier = 0) {
  auto run = healthy();
  std::erase_if(run.drive, [](const Event& e) {
    const auto about = [](const auto* p) { return p != nullptr && p->trade == 449; };
    return about(std::get_if<StepEnded>(&e)) || about(std::get_if<OrderSeen>(&e)) || about(std::get_if<PaySeen>(&e)) ||
           about(std::get_if<CardSeen>(&e)) || about(std::get_if<TradeEnded>(&e));
  });
  const Nanos t = RunOnDisk::at(449);
  run.drive.push_back(StepEnded{449, 0, t, t, t + 10ms, Outcome::failed, Cause::sold_out, 409, 1, 0});
  run.drive.push_back(StepEnded{449, 1, t + 10ms, t + 10ms, t + 10ms, Outcome::failed, Cause::earlier_step, 0, 0, 0});
  run.drive.push_back(TradeEnded{449, t + 10ms, TradeOutcome::failed, Cause::sold_out});
  Folder f;
  run.write(f.dir);
  RunOnDisk::put(f.dir + "/minted.json",
                 R"({"skus":[{"sku":"game","goods":"game_card","number":1,"cards":)" + std::to_string(cards) + "}]}");
  if (earlier > 0)
    RunOnDisk::put(f.dir + "/audit.jsonl",
                   run.audit + R"({"row":"earlier","sku":1,"cards":)" + std::to_string(earlier) + "}\n");
  return *judge_run(f.dir);
}

TEST(Judge, SoldOutIsGoodOnlyWhenTheMintIsReallyExhausted) {
  const auto truly = sold_out(449), lie = sold_out(1000);
  EXPECT_EQ(truly.success_rate, 1);
  EXPECT_EQ(truly.by_flow.at("buy").good, 450U);
  EXPECT_EQ(truly.money.lost_trades_cents, 0);
  EXPECT_EQ(lie.by_flow.at("buy").good, 449U);
  EXPECT_EQ(lie.money.lost_trades_cents, 1000) << "price times quantity, for no order was seen";
  EXPECT_EQ(truly.traffic.causes.at("sold_out"), 1U);
}

TEST(Judge, SoldOutIsGoodWhenTheRestWasSoldBeforeTheRun) {
  EXPECT_EQ(sold_out(1000, 550).by_flow.at("buy").good, 450U)
      << "the books know an order of this buyer too: the last of 450";
  EXPECT_EQ(sold_out(1000, 549).by_flow.at("buy").good, 449U) << "one was left";
}

TEST(Judge, ChecksGetTimesFromLoadStart) {
  auto run = healthy();
  run.alpha +=
      R"({"mono_ns":7005000000000,"kind":"charged","trade_no":"x","out_trade_no":"ox","order":"n0","amount_cents":1000})"
      "\n";
  const auto c = judged(run);
  const auto& f = finding(c, "one_charge_per_intent");
  EXPECT_EQ(f.verdict, Verdict::fail);
  ASSERT_EQ(f.witnesses.size(), 1U);
  EXPECT_EQ(f.witnesses[0].at_s, 5);
  EXPECT_EQ(c.verdict, Verdict::fail);
  EXPECT_EQ(c.why.front().code, "invariant_broken");
}

TEST(Judge, CallsMoneyLostOnlyWhereThePlatformHadItsChance) {
  const auto money_of = [](TradeOutcome outcome, Cause cause) {
    auto run = healthy();
    for (Event& e : run.drive)
      if (auto* ended = std::get_if<TradeEnded>(&e)) ended->outcome = outcome, ended->cause = cause;
    return judged(run).money.lost_trades_cents;
  };
  EXPECT_EQ(money_of(TradeOutcome::not_sent, Cause::interrupted), 0);
  EXPECT_EQ(money_of(TradeOutcome::not_sent, Cause::late_generator), 0);
  EXPECT_EQ(money_of(TradeOutcome::unfinished, Cause::interrupted), 0) << "we hung up";
  EXPECT_GT(money_of(TradeOutcome::unfinished, Cause::deadline), 0);
  EXPECT_GT(money_of(TradeOutcome::not_sent, Cause::in_flight_cap), 0) << "the target held all permitted requests";
  EXPECT_GT(money_of(TradeOutcome::failed, Cause::timeout), 0);
}

TEST(Judge, TellsBurstsAsPlannedAndAsSent) {
  auto run = healthy();
  const auto c = judged(run);
  ASSERT_EQ(c.bursts.size(), 4U);
  EXPECT_EQ(c.bursts[1].window_s, 1);
  EXPECT_GT(c.bursts[1].planned_peak, 0U);
  EXPECT_EQ(c.bursts[3].planned_peak, c.bursts[3].sent_peak) << "over a minute nothing is lost";
  const auto again = scorecard_of_json(json_of_scorecard(c));
  ASSERT_TRUE(again);
  EXPECT_EQ(json_of_scorecard(*again).dump(), json_of_scorecard(c).dump());
}

TEST(Judge, GapsWithoutLoadAreNoBursts) {
  auto run = healthy();
  const auto index = [&] { return *judged(run).bursts.at(1).planned_index; };
  const double before = index();
  EXPECT_EQ(before, 0) << "15 trades in each second";
  run.plan.load_end = 60s;
  run.plan.segments.back().end = 60s;  // half a minute of silence behind the horizon
  EXPECT_EQ(index(), before);
}

TEST(Scorecard, JsonKeepsTheContractsOrderAndComesBackWhole) {
  auto run = healthy();
  run.broken(11s, 20s);
  const auto json = json_of_scorecard(judged(run));
  std::vector<std::string> names;
  for (const auto& [name, value] : json.members()) names.push_back(name);
  const std::vector<std::string> contract{"schema",    "scenario", "target",   "version", "environment",
                                          "seed",      "verdict",  "why",      "traffic", "success_rate",
                                          "by_phase",  "by_flow",  "by_goods", "money",   "latency_ms",
                                          "generator", "episodes", "mttr",     "checks",  "not_exercised"};
  ASSERT_GE(names.size(), contract.size());
  EXPECT_TRUE(std::equal(contract.begin(), contract.end(), names.begin()));
  const auto back = scorecard_of_json(json);
  ASSERT_TRUE(back);
  EXPECT_EQ(json_of_scorecard(*back).dump(2), json.dump(2));
  std::vector<std::string> outcomes;
  for (const auto& [name, value] : json["traffic"]["outcomes"].members()) outcomes.push_back(name);
  EXPECT_EQ(outcomes, (std::vector<std::string>{"ok", "failed", "unknown", "not_sent", "unfinished"}));
  EXPECT_FALSE(scorecard_of_json(Json::object({{"schema", "other"}})));
}

}  // namespace
}  // namespace cardstorm
