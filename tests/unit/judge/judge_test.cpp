// The judge over whole run folders, written with the real history writer: sums, rule 1, damage, repeats, drills, same bytes.
#include "harness/judge/judge.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "harness/core/files.hpp"
#include "harness/plan/arrivals.hpp"
#include "harness/plan/trace_id.hpp"

namespace cardstorm {
namespace {

namespace fs = std::filesystem;
constexpr std::int64_t kStart = 7'000'000'000'000;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "cs-judge-XXXXXX").string();
    dir = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(dir); }
  std::string dir;
};

Plan small_plan() {
  Plan p;
  p.scenario = "small";
  p.target = "shop";
  p.version = "0.1.0";
  Journey buy;
  buy.name = "buy";
  buy.flow = "buy";
  buy.goods = "game_card";
  buy.skus = {"game"};
  buy.channels = {"alpha"};
  Step order, receive;
  order.name = "order";
  order.fact = Fact::order;
  receive.name = "receive";
  receive.fact = Fact::cards;
  receive.poll = Poll{};
  buy.steps = {order, receive};
  p.journeys = {buy};
  p.stock = {{"game", "game_card", 100, 1000}};
  p.segments = {{0, 0s, 10s, 15s, 30s, 32s, {"payment_delay", "alpha", 5s, Json::object()}, 1}};
  p.load_end = 30s;
  p.drain = 20s;
  p.planned_trades = 450;   // 15 trades = 30 steps a second
  p.planned_steps = 900;
  p.expect = {{"success_rate", ">=", 0.99}};
  return p;
}

/// A run as it lies on the disk; the tests spoil it before write().
struct RunOnDisk {
  Plan plan = small_plan();
  std::vector<Event> drive, fault, run;
  std::string alpha = R"({"journal":"alpha","version":1,"mono_ns":7000000000000})" "\n";
  std::string audit = R"({"row":"source","source":"api"})" "\n";
  Json info = Json::object({{"schema", "cardstorm.run/1"}, {"start_mono_ns", kStart}, {"wall", "2026-11-23T00:00:00.000Z"},
                            {"target", "shop"}, {"target_version", "9"}, {"seed", 1}, {"command", "cardstorm run small"},
                            {"drained", true}, {"interrupted", false}, {"assumed_restart_s", -1}, {"environment", "lab"},
                            {"errors", Json::array()}});

  RunOnDisk() {
    for (TradeId t = 0; t < plan.planned_trades; ++t) trade(t);
    drive.push_back(GeneratorSeen{50s, 80us, 700us, 3.5, 0.1, 0, "rr"});
    fault = {FaultChanged{10s, 0, "payment_delay", "alpha", FaultEdge::injecting, ""},
             FaultChanged{10s + 1ms, 0, "payment_delay", "alpha", FaultEdge::injected, ""},
             FaultChanged{10s + 90ms, 0, "payment_delay", "alpha", FaultEdge::verified, ""},
             FaultChanged{15s, 0, "payment_delay", "alpha", FaultEdge::healed, ""},
             FaultChanged{15s + 20ms, 0, "payment_delay", "alpha", FaultEdge::cleared, ""}};
    run = {PhaseMarked{0s, Phase::steady, 0}, PhaseMarked{10s, Phase::fault, 0}, PhaseMarked{15s, Phase::observe, 0},
           PhaseMarked{50s, Phase::done, 0}};
  }

  static Nanos at(TradeId t) { return Nanos(static_cast<std::int64_t>(t) * 1'000'000'000 / 15); }

  void trade(TradeId t) {
    const std::string no = "n" + std::to_string(t);
    const Nanos start = at(t);
    const auto index = static_cast<std::uint32_t>(t);
    drive.push_back(TradePlanned{t, start, 0, 2});
    drive.push_back(StepEnded{t, 0, start, start, start + 20ms, Outcome::ok, Cause::none, 201, 1, 0});
    drive.push_back(OrderSeen{t, start + 20ms, no, "game", 1, 1000});
    drive.push_back(PaySeen{t, start + 20ms, no, "alpha", Outcome::ok});
    drive.push_back(StepEnded{t, 1, start + 20ms, start + 20ms, start + 4s, Outcome::ok, Cause::none, 200, 8, 0});
    drive.push_back(CardSeen{t, start + 4s, no, true, 1, index, ""});
    drive.push_back(TradeEnded{t, start + 4s, TradeOutcome::ok, Cause::none});
    const std::string mono = std::to_string(kStart + (start + 100ms).count());
    alpha += R"({"mono_ns":)" + mono + R"(,"kind":"charged","trade_no":"t)" + std::to_string(t) + R"(","out_trade_no":"o)" +
             std::to_string(t) + R"(","order":")" + no + R"(","amount_cents":1000})" "\n";
    audit += R"({"row":"order","id":)" + std::to_string(t + 1) + R"(,"order_no":")" + no +
             R"(","buyer":"b1","sku":"game","class":"game_card","status":"delivered","paid_via":"alpha","quantity":1,"amount_cents":1000,)" +
             R"("paid_cents":1000,"refunded_cents":0,"cards":[{"sku":1,"index":)" + std::to_string(t) + "}]}\n";
  }

  /// Breaks the trades planned in [from, to): no answer in time.
  RunOnDisk& broken(Nanos from, Nanos to) {
    for (auto& e : drive) {
      auto* s = std::get_if<StepEnded>(&e);
      if (s != nullptr && at(s->trade) >= from && at(s->trade) < to) s->outcome = Outcome::unknown, s->cause = Cause::timeout;
      auto* d = std::get_if<TradeEnded>(&e);
      if (d != nullptr && at(d->trade) >= from && at(d->trade) < to) d->outcome = TradeOutcome::unknown, d->cause = Cause::timeout;
    }
    return *this;
  }

  void write(const std::string& dir, bool closed = true) {
    fs::create_directories(dir + "/history");
    fs::create_directories(dir + "/partners");
    put(dir + "/plan.json", json_of_plan(plan).dump(2));
    put(dir + "/run.json", info.dump(2));
    put(dir + "/minted.json", R"({"skus":[{"sku":"game","goods":"game_card","number":1,"cards":1000,"price_cents":1000}]})");
    put(dir + "/audit.jsonl", audit);
    const std::string end = R"({"kind":"closed","mono_ns":7060000000000})" "\n";
    put(dir + "/partners/alpha.jsonl", alpha + (closed ? end : ""));
    for (const std::string name : {"beta", "topup"})
      put(dir + "/partners/" + name + ".jsonl", R"({"journal":")" + name + R"(","version":1,"mono_ns":0})" "\n" + end);
    lane(dir, "drive", drive);
    lane(dir, "fault", fault);
    lane(dir, "run", run);
  }

  static void put(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
  static void lane(const std::string& dir, const std::string& name, std::vector<Event> events) {
    std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return time_of(a) < time_of(b); });
    auto writer = HistoryWriter::open(dir + "/history", name);
    ASSERT_TRUE(writer) << writer.error().what;
    for (const auto& e : events) (*writer)->write(e);
    ASSERT_TRUE((*writer)->close());
  }
};

Scorecard judged(RunOnDisk& run) {
  Folder f;
  run.write(f.dir);
  auto card = judge_run(f.dir);
  EXPECT_TRUE(card) << card.error().what;
  return card ? *std::move(card) : Scorecard{};
}

std::vector<std::string> codes(const Scorecard& c) {
  std::vector<std::string> out;
  for (const auto& r : c.why) out.push_back(r.code);
  return out;
}
using Codes = std::vector<std::string>;

const Finding& finding(const Scorecard& c, const std::string& name) {
  for (const auto& f : c.checks)
    if (f.name == name) return f;
  static const Finding none;
  return none;
}

// The small run uses no wallet: its scenario leaves that check out.
RunOnDisk healthy() {
  RunOnDisk r;
  r.plan.checks = {"money_conserved", "paid_then_credited", "one_charge_per_intent", "one_credit_per_charge", "card_unique", "card_genuine", "no_oversell"};
  return r;
}

/// The fault is on beta, where this shop's buyers do not pay.
RunOnDisk slow_elsewhere() {
  RunOnDisk r = healthy();
  r.plan.segments[0].fault.on = "beta";
  for (auto& e : r.fault) std::get<FaultChanged>(e).on = "beta";
  return r;
}

bool lists(const Scorecard& c, const std::string& situation) { return std::find(c.not_exercised.begin(), c.not_exercised.end(), situation) != c.not_exercised.end(); }

TEST(JudgeBypass, AFaultThatNothingMetIsNoMerit) {
  auto run = slow_elsewhere();
  const auto c = judged(run);
  ASSERT_EQ(c.episodes.size(), 1U);
  EXPECT_TRUE(c.episodes[0].bypassed && !c.episodes[0].absorbed);
  EXPECT_TRUE(lists(c, "payment_delay on beta"));
  EXPECT_EQ(c.mttr.at("payment_delay").absorbed, 0);
  EXPECT_EQ(c.verdict, Verdict::pass);   // what did not occur blocks only a certification
  const Json json = json_of_scorecard(c);
  EXPECT_TRUE(json["episodes"].items()[0]["bypassed"].boolean());
  EXPECT_TRUE(scorecard_of_json(json)->episodes[0].bypassed);
}

TEST(JudgeBypass, AFaultThatWasMetIsAbsorbed) {
  auto met = healthy();
  const auto c = judged(met);
  EXPECT_TRUE(c.episodes.at(0).absorbed && !c.episodes[0].bypassed);
  EXPECT_FALSE(lists(c, "payment_delay on alpha"));
  EXPECT_FALSE(json_of_scorecard(c)["episodes"].items()[0].has("bypassed"));
}

TEST(JudgeBypass, HarmIsShownWhateverItCameFrom) {
  auto run = slow_elsewhere();
  run.broken(11s, 14s);
  const auto c = judged(run);
  EXPECT_FALSE(c.episodes.at(0).bypassed);
  EXPECT_TRUE(c.episodes[0].ttr_s.has_value());
  EXPECT_TRUE(lists(c, "payment_delay on beta"));
}

TEST(JudgeTraces, NamesTheWorstStepsAndTheOrdersOfWitnesses) {
  auto run = healthy();
  run.info.set("target_facts", Json::object({{"trace_link", "http://jaeger/trace/${trace_id}"}}));
  run.broken(11s, 12s);
  run.drive.push_back(CardSeen{200, 20s, "n200", true, 1, 7, ""});   // card 7 went to trade 7 already
  const auto c = judged(run);
  EXPECT_EQ(c.trace_link, "http://jaeger/trace/${trace_id}");
  const auto& worst = c.episodes.at(0).worst;
  ASSERT_EQ(worst.size(), 3U);
  EXPECT_EQ(worst[0].step, "receive");     // 4 s against the order's 20 ms
  EXPECT_EQ(worst[0].cause, "timeout");
  EXPECT_EQ(worst[0].id, trace_id_of(run.plan.seed, 165, 1));   // the first of equals
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
  for (const char* member : {"trace_link", "\"worst\"", "\"traces\""}) EXPECT_EQ(text.find(member), std::string::npos) << member;
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
  ASSERT_EQ(c.shades.size(), 1U);
  EXPECT_EQ(c.shades[0].from_s, 10);
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
  std::erase_if(run.drive, [](const Event& e) { const auto* d = std::get_if<TradeEnded>(&e); return d != nullptr && d->trade == 5; });
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
  std::erase_if(run.drive, [](const Event& e) { const auto* s = std::get_if<StepEnded>(&e); return s != nullptr && s->trade == 5 && s->step == 1; });
  EXPECT_EQ(codes(judged(run)), Codes{"sums_do_not_add_up"});
}

TEST(Judge, TradeAfterItsDeadlineIsNotGood) {
  auto run = healthy();
  for (auto& e : run.drive)
    if (auto* d = std::get_if<TradeEnded>(&e); d != nullptr && d->trade == 7) d->at = RunOnDisk::at(7) + 31s;
  EXPECT_LT(judged(run).success_rate, 1);
}

/// Trade 449 is refused as sold out, with `cards` in the mint.
Scorecard sold_out(std::uint32_t cards) {
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
  RunOnDisk::put(f.dir + "/minted.json", R"({"skus":[{"sku":"game","goods":"game_card","number":1,"cards":)" + std::to_string(cards) + "}]}");
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

TEST(Judge, ChecksGetTimesFromLoadStart) {
  auto run = healthy();
  run.alpha += R"({"mono_ns":7005000000000,"kind":"charged","trade_no":"x","out_trade_no":"ox","order":"n0","amount_cents":1000})" "\n";
  const auto c = judged(run);
  const auto& f = finding(c, "one_charge_per_intent");
  EXPECT_EQ(f.verdict, Verdict::fail);
  ASSERT_EQ(f.witnesses.size(), 1U);
  EXPECT_EQ(f.witnesses[0].at_s, 5);
  EXPECT_EQ(c.verdict, Verdict::fail);
  EXPECT_EQ(c.why.front().code, "invariant_broken");
}

TEST(Judge, TornJournalMakesMoneyUnknown) {
  auto run = healthy();
  Folder f;
  run.alpha += R"({"mono_ns":7059000000000,"kind":"cha)";
  run.write(f.dir, false);
  const auto c = *judge_run(f.dir);
  EXPECT_EQ(c.verdict, Verdict::unknown);
  EXPECT_EQ(finding(c, "money_conserved").verdict, Verdict::unknown);
  EXPECT_EQ(finding(c, "card_unique").verdict, Verdict::pass);
  EXPECT_EQ(codes(c).back(), "history_damaged");
}

TEST(Judge, JournalThatWasNotClosedIsNotWhole) {
  auto run = healthy();
  Folder f;
  run.write(f.dir, false);
  EXPECT_EQ(judge_run(f.dir)->verdict, Verdict::unknown);
}

TEST(Judge, MissingJournalMakesTheChecksUnknown) {
  auto run = healthy();
  Folder f;
  run.write(f.dir);
  fs::remove(f.dir + "/partners/topup.jsonl");
  const auto c = *judge_run(f.dir);
  EXPECT_EQ(c.verdict, Verdict::unknown);
  EXPECT_EQ(finding(c, "paid_then_credited").verdict, Verdict::unknown);
}

TEST(Judge, MissingAuditIsNamed) {
  auto run = healthy();
  Folder f;
  run.write(f.dir);
  fs::remove(f.dir + "/audit.jsonl");
  const auto c = *judge_run(f.dir);
  EXPECT_EQ(c.verdict, Verdict::unknown);
  EXPECT_EQ(codes(c).back(), "audit_missing");
}

TEST(Judge, TornAuditIsNoAudit) {
  auto run = healthy();
  run.audit += R"({"row":"order","order_no":"n9)";
  const auto all = codes(judged(run));
  EXPECT_NE(std::find(all.begin(), all.end(), "history_damaged"), all.end());
  EXPECT_NE(std::find(all.begin(), all.end(), "audit_missing"), all.end());
}

TEST(Judge, DamagedHistoryIsUnknown) {
  auto run = healthy();
  Folder f;
  run.write(f.dir);
  const std::string lane = f.dir + "/history/drive.hist";
  auto bytes = *read_file(lane);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x40);
  RunOnDisk::put(lane, bytes);
  const auto c = *judge_run(f.dir);
  EXPECT_NE(c.verdict, Verdict::pass);
  const auto all = codes(c);
  EXPECT_NE(std::find(all.begin(), all.end(), "history_damaged"), all.end());
}

TEST(Judge, InterruptedRunIsUnknown) {
  auto run = healthy();
  run.info.set("interrupted", true).set("drained", false);
  const auto c = judged(run);
  EXPECT_EQ(c.verdict, Verdict::unknown);
  EXPECT_EQ(codes(c), Codes{"interrupted"});
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
  EXPECT_GT(money_of(TradeOutcome::not_sent, Cause::in_flight_cap), 0) << "the target held all permitted requests";
  EXPECT_GT(money_of(TradeOutcome::failed, Cause::timeout), 0);
}

TEST(Judge, LateGeneratorIsNotTrusted) {
  for (const auto& bad : {GeneratorSeen{50s, 1ms, 51ms, 1, 0.1, 0, "plain"}, GeneratorSeen{50s, 1ms, 2ms, 1, 0.9, 0, "plain"}}) {
    auto run = healthy();
    std::erase_if(run.drive, [](const Event& e) { return std::holds_alternative<GeneratorSeen>(e); });
    run.drive.push_back(bad);
    const auto c = judged(run);
    EXPECT_FALSE(c.generator.trusted);
    EXPECT_EQ(codes(c), Codes{"generator_untrusted"});
  }
  auto silent = healthy();
  std::erase_if(silent.drive, [](const Event& e) { return std::holds_alternative<GeneratorSeen>(e); });
  EXPECT_EQ(codes(judged(silent)), Codes{"generator_untrusted"});
}

TEST(Judge, FaultThatNobodySawIsUnknown) {
  auto run = healthy();
  run.fault.clear();
  EXPECT_EQ(codes(judged(run)), Codes{"fault_unverified"});
  auto stayed = healthy();
  stayed.fault.resize(1);   // injecting, and nothing after it
  EXPECT_EQ(codes(judged(stayed)), (Codes{"fault_unverified", "fault_not_reverted"}));
}

TEST(Judge, RunThatWasStoppedBeforeItsLoadIsUnknownAndSaysWhy) {
  auto run = healthy();
  run.info.set("interrupted", true).set("drained", false);
  run.drive.clear();
  run.fault.clear();
  run.run = {PhaseMarked{0s, Phase::done, 0}};
  const auto c = judged(run);
  EXPECT_EQ(c.verdict, Verdict::unknown);
  EXPECT_EQ(c.traffic.planned, 0U);
  const auto all = codes(c);
  EXPECT_NE(std::find(all.begin(), all.end(), "interrupted"), all.end());
  EXPECT_EQ(std::find(all.begin(), all.end(), "fault_not_reverted"), all.end()) << "no fault was made";
  EXPECT_EQ(std::find(all.begin(), all.end(), "sums_do_not_add_up"), all.end());
}

class Thrower final : public Check {
 public:
  void observe(const Event&) override { throw std::runtime_error("oops"); }
  Finding conclude(const Evidence&) override { return {"thrower", Verdict::pass, "", 1, 0, {}, 0}; }
};

TEST(Judge, CheckThatThrowsIsUnknown) {
  auto run = healthy();
  run.plan.checks.clear();
  Folder f;
  run.write(f.dir);
  auto record = read_run(f.dir);
  ASSERT_TRUE(record);
  const std::vector<CheckEntry> entries{{"thrower", "", "", []() -> std::unique_ptr<Check> { return std::make_unique<Thrower>(); }}};
  const auto c = judge_record(*record, [&](const auto& visit) { return read_history(f.dir + "/history", visit); }, entries);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->verdict, Verdict::unknown);
  EXPECT_EQ(c->checks.at(0).verdict, Verdict::unknown);
  EXPECT_NE(c->checks.at(0).why.find("oops"), std::string::npos);
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

TEST(Evidence, MissesNoBankOnlyWhereAllMoneyIsInPurses) {
  const auto whole = [](const std::string& paid_via, bool partners) {
    Folder f;
    auto run = healthy();
    run.info.set("partners", partners);
    run.write(f.dir);
    fs::remove_all(f.dir + "/partners");
    EXPECT_TRUE(write_file(f.dir + "/audit.jsonl", "{\"row\":\"source\",\"source\":\"sql\"}\n{\"row\":\"order\",\"id\":1,\"order_no\":\"A1\",\"buyer\":\"b\",\"sku\":\"s\",\"class\":\"game_card\","
                                                   "\"status\":\"delivered\",\"paid_via\":\"" + paid_via + "\",\"quantity\":1,\"amount_cents\":5,\"paid_cents\":5,\"refunded_cents\":0,\"cards\":[]}\n"));
    auto record = read_run(f.dir);
    EXPECT_TRUE(record && record->audit) << (record ? (record->damage.empty() ? "" : record->damage.front()) : record.error().what);
    return record && record->evidence.journals_whole;
  };
  EXPECT_TRUE(whole("wallet", false));
  EXPECT_FALSE(whole("stripe", false)) << "there is a bank, and we do not see its books";
  EXPECT_FALSE(whole("wallet", true)) << "partners that left no journal are missing";
}

TEST(Judge, FolderWithoutPlanOrRunIsNotFound) {
  Folder f;
  EXPECT_EQ(judge_run(f.dir).error().code, Errc::not_found);
  auto run = healthy();
  run.write(f.dir);
  fs::remove(f.dir + "/run.json");
  const auto c = judge_run(f.dir);
  ASSERT_FALSE(c);
  EXPECT_EQ(c.error().code, Errc::not_found);
  EXPECT_NE(c.error().what.find("run.json"), std::string::npos);
}

TEST(Pool, AddsRepeatsAndKeepsTheWorstVerdict) {
  auto good = healthy(), bad = healthy();
  bad.broken(11s, 20s);
  auto a = judged(good), b = judged(bad);
  b.episodes[0].repeat = 2;
  const auto c = pool({a, b});
  EXPECT_EQ(c.repeats, 2);
  EXPECT_EQ(c.traffic.planned, 900U);
  EXPECT_EQ(c.success_rate, 0.85);
  EXPECT_EQ(c.verdict, Verdict::fail);
  ASSERT_EQ(c.episodes.size(), 2U);
  EXPECT_EQ(c.episodes[1].repeat, 2);
  EXPECT_EQ(c.mttr.at("payment_delay").absorbed, 1);
  EXPECT_EQ(c.mttr.at("payment_delay").n, 1);
  EXPECT_EQ(finding(c, "card_unique").examined, 900U);
  EXPECT_GE(c.latency_ms.max, b.latency_ms.max);
}

TEST(Pool, FailOutweighsUnknownAndUnknownOutweighsPass) {
  Scorecard pass, fail, unknown;
  pass.verdict = Verdict::pass;
  fail.verdict = Verdict::fail;
  EXPECT_EQ(pool({pass, unknown}).verdict, Verdict::unknown);
  EXPECT_EQ(pool({unknown, fail, pass}).verdict, Verdict::fail);
  EXPECT_EQ(pool({pass, pass}).verdict, Verdict::pass);
}

TEST(Drill, ComparesTheSidesOfAFolder) {
  Folder f;
  for (int n = 1; n <= 2; ++n) {
    auto bad = healthy(), good = healthy();
    bad.broken(11s, 21s);
    good.broken(11s, 13s);
    bad.write(f.dir + "/baseline/" + std::to_string(n));
    good.write(f.dir + "/candidate/" + std::to_string(n));
  }
  const auto d = judge_drill(f.dir);
  ASSERT_TRUE(d) << d.error().what;
  EXPECT_EQ(d->runs.size(), 4U);
  EXPECT_EQ(d->runs[1].dir, "baseline/2");
  EXPECT_EQ(d->baseline.episodes[1].repeat, 2);
  ASSERT_TRUE(d->mttr_reduction);
  EXPECT_NEAR(*d->mttr_reduction, 0.8, 0.01);
  const auto json = json_of_drill(*d);
  const auto back = drill_of_json(json);
  ASSERT_TRUE(back);
  EXPECT_EQ(json_of_drill(*back).dump(), json.dump());
}

TEST(Drill, SideWithoutRunsIsNotFound) {
  Folder f;
  auto run = healthy();
  run.write(f.dir + "/baseline/1");
  fs::create_directory(f.dir + "/candidate");
  const auto d = judge_drill(f.dir);
  ASSERT_FALSE(d);
  EXPECT_EQ(d.error().code, Errc::not_found);
}

TEST(Drill, StoppedInItsFirstRunIsUnknownAndSaysWhatWasNotRun) {
  Folder f;
  auto run = healthy();
  run.info.set("interrupted", true).set("drained", false);
  run.write(f.dir + "/baseline/1");
  const auto d = judge_drill(f.dir);
  ASSERT_TRUE(d) << d.error().what;
  EXPECT_EQ(d->candidate.verdict, Verdict::unknown);
  EXPECT_EQ(codes(d->candidate), Codes{"side_not_run"});
  EXPECT_EQ(d->runs.size(), 1U);
  EXPECT_FALSE(d->mttr_reduction);
}

TEST(Scorecard, JsonKeepsTheContractsOrderAndComesBackWhole) {
  auto run = healthy();
  run.broken(11s, 20s);
  const auto json = json_of_scorecard(judged(run));
  std::vector<std::string> names;
  for (const auto& [name, value] : json.members()) names.push_back(name);
  const std::vector<std::string> contract{"schema", "scenario", "target", "version", "environment", "seed", "verdict", "why", "traffic",
                                          "success_rate", "by_phase", "by_flow", "by_goods", "money", "latency_ms", "generator",
                                          "episodes", "mttr", "checks", "not_exercised"};
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
