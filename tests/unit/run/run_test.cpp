// run: where in the plan we are, when a target counts as back, what goes into the audit file, which exit code a card
// means.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <semaphore>
#include <sstream>

#include "harness/run/active.hpp"
#include "harness/run/audit_file.hpp"
#include "harness/run/interrupt.hpp"
#include "harness/run/progress.hpp"
#include "harness/run/recovery_watch.hpp"
#include "harness/run/run_folder.hpp"
#include "harness/run/timeline.hpp"
#include "harness/run/verdict.hpp"
#include "tests/support/temp_dir.hpp"

namespace cardstorm {
namespace {

Plan two_segments() {
  Plan plan;
  for (std::uint32_t i = 0; i < 2; ++i) {
    const Nanos begin = i * 30s;
    plan.segments.push_back({i, begin, begin + 5s, begin + 10s, begin + 25s, begin + 30s, {"node_kill", "order"}});
  }
  plan.load_end = 55s;  // the last gap is part of the drain
  plan.drain = 10s;
  return plan;
}

TEST(Timeline, NamesThePhaseOfEveryMoment) {
  const Plan plan = two_segments();
  const std::vector<std::pair<Nanos, Phase>> table{{0s, Phase::steady}, {5s, Phase::fault},   {10s, Phase::observe},
                                                   {25s, Phase::gap},   {30s, Phase::steady}, {54s, Phase::observe},
                                                   {55s, Phase::drain}, {64s, Phase::drain},  {65s, Phase::done}};
  for (const auto& [at, phase] : table) EXPECT_EQ(to_text(moment_at(plan, at).phase), to_text(phase)) << seconds(at);
  EXPECT_EQ(moment_at(plan, 31s).segment, 1U);
}

TEST(Timeline, WalksThroughAllChangesInOrderAndEnds) {
  const Plan plan = two_segments();
  std::optional<Nanos> at = Nanos(0);
  int changes = 0;
  while (const auto next = next_change(plan, *at)) {
    EXPECT_GT(*next, *at);
    at = next;
    ++changes;
  }
  EXPECT_EQ(*at, 65s);
  EXPECT_EQ(changes, 9);
}

TEST(RecoveryWatch, CallsATargetBackOnlyAfterEnoughGoodSeconds) {
  Slo slo;
  slo.recover_good = 3;
  RecoveryWatch watch(slo);
  std::uint64_t ok = 0, bad = 0;
  const auto second = [&](std::uint64_t good, std::uint64_t broken) { watch.second(ok += good, bad += broken); };
  second(20, 0);
  second(20, 0);
  EXPECT_FALSE(watch.healthy()) << "too few seconds seen";
  second(20, 0);
  EXPECT_TRUE(watch.healthy());
  second(0, 0);
  EXPECT_FALSE(watch.healthy()) << "a second in which nothing ended is no good second";
  second(20, 0);
  second(20, 0);
  second(10, 10);
  EXPECT_FALSE(watch.healthy());
  EXPECT_NEAR(watch.recent_share(), 50.0 / 60, 1e-9);
}

TEST(AuditFile, LetsNoCardTextThrough) {
  const Mint mint("key");
  const std::string secret = mint.secret({3, 7});
  const std::vector<Json> rows{
      Json::object(
          {{"row", "order"}, {"order_no", "A1"}, {"cards", Json(Json::Array{Json(secret), Json("sorry, sold out")})}}),
      Json::object({{"row", "wallet"}, {"wallet", "b1"}})};
  const std::string lines = audit_lines(rows, mint);
  EXPECT_EQ(lines.find(secret), std::string::npos);
  EXPECT_EQ(lines.find("sorry"), std::string::npos);
  EXPECT_NE(lines.find(R"({"sku":3,"index":7})"), std::string::npos) << lines;
  EXPECT_NE(lines.find(mint.digest("sorry, sold out")), std::string::npos) << lines;
}

TEST(AuditFile, CountsEachCardThatWasSoldBeforeOnce) {
  const Mint mint("key");
  Json cards = Json::array();
  for (const CardId id : {CardId{3, 7}, CardId{3, 8}, CardId{3, 7}, CardId{4, 0}}) cards.push(mint.secret(id));
  cards.push("none of ours");
  const std::string lines = audit_lines({Json::object({{"row", "earlier"}, {"cards", cards}})}, mint);
  EXPECT_EQ(lines, R"({"row":"earlier","sku":3,"cards":2})"
                   "\n"
                   R"({"row":"earlier","sku":4,"cards":1})"
                   "\n");
}

TEST(RunFolder, NeverTakesAFolderThatExists) {
  const test::TempDir dir;
  const std::string out = dir.path() + "/run";
  ASSERT_TRUE(make_run_folder(out));
  EXPECT_TRUE(std::filesystem::is_directory(out + "/history"));
  const Status again = make_run_folder(out);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::unavailable);
}

TEST(Active, NamesTheWholePathOfARunsFolder) {
  const test::TempDir dir;
  const char* before = std::getenv("XDG_RUNTIME_DIR");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("XDG_RUNTIME_DIR", dir.path().c_str(), 1);
  {
    const ActiveEntry run("run", "runs/one");
    const auto all = list_active();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].dir, std::filesystem::current_path().string() + "/runs/one");
  }
  if (before == nullptr)
    ::unsetenv("XDG_RUNTIME_DIR");
  else
    ::setenv("XDG_RUNTIME_DIR", kept.c_str(), 1);
}

TEST(SecretFolder, IsClosedToOthersAndGoesWithItsOwner) {
  std::string path;
  {
    const auto secrets = SecretFolder::make();
    ASSERT_TRUE(secrets);
    path = secrets->path();
    const auto mode = std::filesystem::status(path).permissions();
    EXPECT_EQ(mode & std::filesystem::perms::others_all, std::filesystem::perms::none);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ExitCode, PutsResidueBeforeEverythingAndUnknownNeverToPass) {
  Scorecard card;
  card.verdict = Verdict::pass;
  EXPECT_EQ(exit_code_of(card), kPass);
  card.verdict = Verdict::unknown;
  EXPECT_EQ(exit_code_of(card), kUnknown);
  card.verdict = Verdict::fail;
  EXPECT_EQ(exit_code_of(card), kFail);
  card.why.push_back({"fault_not_reverted", "", ""});
  EXPECT_EQ(exit_code_of(card), kResidue);

  DrillCard drill;
  drill.candidate.verdict = Verdict::pass;
  EXPECT_EQ(exit_code_of(drill), kUnknown) << "no comparison could be made";
  drill.mttr_reduction = 0.5;
  EXPECT_EQ(exit_code_of(drill), kPass);
  drill.baseline.why.push_back({"fault_not_reverted", "", ""});
  EXPECT_EQ(exit_code_of(drill), kResidue);
}

TEST(Progress, WritesALineForEachChangeOfPhaseAndElseEveryFiveSeconds) {
  std::ostringstream out;
  Progress progress(out, false);
  progress.prefix("candidate");
  for (int s = 0; s < 12; ++s) {
    ProgressRow row;
    row.at = Nanos(s * 1s);
    row.end = 60s;
    row.phase = s < 8 ? "steady" : "fault";
    if (s >= 8) row.fault = "node_kill on order";
    progress.show(row);
  }
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;  // 0 s, 5 s, the change at 8 s
  EXPECT_NE(text.find("FAULT node_kill on order"), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(Interrupt, SaysWhatIsDoneBeforeTheEnd) {
  testing::internal::CaptureStderr();
  {
    const Interrupt interrupt("ending the simulators");
    std::binary_semaphore asked{0};
    const std::stop_callback heard(interrupt.token(), [&] { asked.release(); });
    ::raise(SIGTERM);
    asked.acquire();
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("stopping: ending the simulators\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("faults"), std::string::npos) << text;
}

TEST(Progress, ShowsNoEmptyBracketsWithoutASide) {
  std::ostringstream out;
  Progress progress(out, false);
  progress.say("ready");
  progress.show(ProgressRow{});
  EXPECT_EQ(out.str().find('['), std::string::npos) << out.str();
}

}  // namespace
}  // namespace cardstorm
