// What the judge makes of a folder that is torn, cut short, incomplete or not to be trusted: unknown, with the reason,
// never good.
#include <algorithm>
#include <stdexcept>

#include "harness/core/files.hpp"
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

TEST(Judge, StopOfARunSaysNothingAboutThePlatform) {
  auto run = healthy();
  run.stopped(13s);  // 3 s after the injection, 17 s before the horizon
  const auto c = judged(run);
  EXPECT_EQ(codes(c), (Codes{"interrupted", "expectation_missed"}));
  ASSERT_EQ(c.episodes.size(), 1U);
  const Episode& e = c.episodes[0];
  EXPECT_FALSE(e.onset_s || e.censored || e.metastable) << "all that was asked was answered";
  EXPECT_FALSE(e.judged || e.absorbed) << "and the rest of the fault was not seen";
  EXPECT_EQ(e.lost, 0U);
  EXPECT_EQ(c.money.lost_trades_cents, 0);
  EXPECT_EQ(c.mttr.at("payment_delay").censored, 0);
  for (const WindowRow& row : c.timeline) EXPECT_EQ(row.good, row.planned) << "second " << row.at_s;
}

TEST(Judge, WhatWasDownWhenTheRunWasStoppedIsNotCalledUnrecovered) {
  auto run = healthy();
  run.broken(11s, 30s).stopped(20s);
  const auto c = judged(run);
  const Episode& e = c.episodes.at(0);
  EXPECT_EQ(e.onset_s, 11.0);
  EXPECT_FALSE(e.judged || e.absorbed || e.censored || e.metastable || e.ttr_s);
  EXPECT_GT(e.lost, 0U) << "those that ended badly before the stop";
}

TEST(Judge, RecoveryBeforeAStopIsOne) {
  auto run = healthy();
  run.broken(11s, 14s).stopped(28s);
  const auto c = judged(run);
  const Episode& e = c.episodes.at(0);
  EXPECT_TRUE(e.judged);
  EXPECT_EQ(e.ttr_s, 3.0);
}

TEST(Judge, LateGeneratorIsNotTrusted) {
  for (const auto& bad :
       {GeneratorSeen{50s, 1ms, 51ms, 1, 0.1, 0, "plain"}, GeneratorSeen{50s, 1ms, 2ms, 1, 0.9, 0, "plain"}}) {
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
  stayed.fault.resize(1);  // injecting, and nothing after it
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
  const std::vector<CheckEntry> entries{
      {"thrower", "", "", []() -> std::unique_ptr<Check> { return std::make_unique<Thrower>(); }}};
  const auto c = judge_record(
      *record, [&](const auto& visit) { return read_history(f.dir + "/history", visit); }, entries);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->verdict, Verdict::unknown);
  EXPECT_EQ(c->checks.at(0).verdict, Verdict::unknown);
  EXPECT_NE(c->checks.at(0).why.find("oops"), std::string::npos);
}

TEST(Evidence, MissesNoBankOnlyWhereAllMoneyIsInPurses) {
  const auto whole = [](const std::string& paid_via, bool partners) {
    Folder f;
    auto run = healthy();
    run.info.set("partners", partners);
    run.write(f.dir);
    fs::remove_all(f.dir + "/partners");
    EXPECT_TRUE(write_file(
        f.dir + "/audit.jsonl",
        "{\"row\":\"source\",\"source\":\"sql\"}\n{\"row\":\"order\",\"id\":1,\"order_no\":\"A1\",\"buyer\":\"b\","
        "\"sku\":\"s\",\"class\":\"game_card\","
        "\"status\":\"delivered\",\"paid_via\":\"" +
            paid_via + "\",\"quantity\":1,\"amount_cents\":5,\"paid_cents\":5,\"refunded_cents\":0,\"cards\":[]}\n"));
    auto record = read_run(f.dir);
    EXPECT_TRUE(record && record->audit) << (record ? (record->damage.empty() ? "" : record->damage.front())
                                                    : record.error().what);
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

}  // namespace
}  // namespace cardstorm
