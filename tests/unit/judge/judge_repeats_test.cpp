// The judge over many runs: repeats pooled, the two sides of a drill compared.
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

}  // namespace
}  // namespace cardstorm
