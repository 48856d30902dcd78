// Episodes: one sentence each, one load of 40 steps a second, fault at 20 s, healed at 35 s, horizon at 65 s.
#include "harness/judge/episodes.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace cardstorm {
namespace {

constexpr int kPerSecond = 40;

struct Scene {
  Segment segment{};
  FaultTimes times;
  Slo slo;
  std::vector<StepPoint> steps;
  std::vector<TradePoint> trades;
  Episode judged() const { return judge_episode(segment, times, slo, steps, trades); }
};

/// `share(t)`: how many of 40 steps of second t are good.
Scene scene(const std::function<int(int)>& good_of_40, int per_second = kPerSecond) {
  Scene s;
  s.segment.begin = 0s;
  s.segment.fault_at = 20s;
  s.segment.heal_at = 35s;
  s.segment.horizon_at = 65s;
  s.segment.end = 70s;
  s.segment.fault = {"payment_delay", "alpha", 15s, Json::object()};
  s.times.injecting = 20s;
  s.times.verified = 20s + 50ms;
  s.times.healed = 35s;
  s.times.cleared = 35s + 100ms;
  for (int t = 0; t < 70; ++t)
    for (int i = 0; i < per_second; ++i) {
      const Nanos at = std::chrono::seconds(t) + Nanos(1'000'000'000LL * i / per_second);
      const bool good = i >= per_second - good_of_40(t) * per_second / 40;
      s.steps.push_back({at, 10ms, good});
      if (i == 0) s.trades.push_back({at, good});
    }
  return s;
}

bool within(int t, int from, int to) { return t >= from && t < to; }

TEST(Episodes, TargetThatNeverBreachesAbsorbs) {
  const auto e = scene([](int) { return 40; }).judged();
  EXPECT_TRUE(e.absorbed && e.steady && e.verified && e.reverted && !e.censored);
  EXPECT_FALSE(e.onset_s || e.ttr_s);
  EXPECT_EQ(e.horizon_s, 45);
  EXPECT_EQ(e.lost, 0U);
}

TEST(Episodes, OneBadWindowIsNoBreach) {
  EXPECT_TRUE(scene([](int t) { return t == 25 ? 0 : 40; }).judged().absorbed);
}

TEST(Episodes, RecoveryIsTheStartOfTheFirstOfFiveGoodWindows) {
  const auto e = scene([](int t) { return within(t, 22, 40) ? 0 : 40; }).judged();
  EXPECT_EQ(e.onset_s, 22.0);
  EXPECT_EQ(e.recover_s, 40.0);
  EXPECT_EQ(e.ttr_s, 18.0);
  EXPECT_DOUBLE_EQ(*e.lag_s, 4.9);  // after the probe saw the channel normal at 35.1 s
  EXPECT_EQ(e.lost, 18U);
  EXPECT_FALSE(e.absorbed || e.censored || e.metastable);
}

TEST(Episodes, OnsetIsTheFirstBadStepOfTheFirstBadWindow) {
  auto s = scene([](int t) { return within(t, 23, 40) ? 0 : 40; });
  for (auto& step : s.steps)  // second 22 breaks from 22.5 s on: half of its steps are bad
    if (step.planned >= 22s + 500ms && step.planned < 23s) step.good = false;
  EXPECT_EQ(s.judged().onset_s, 22.5);
}

TEST(Episodes, WindowsCountFromTheInjection) {
  auto s = scene([](int t) { return within(t, 21, 40) ? 0 : 40; });
  s.times.injecting = 20s + 400ms;
  const auto e = s.judged();
  EXPECT_EQ(e.inject_s, 20.4);
  EXPECT_EQ(e.onset_s, 21.0);
  EXPECT_DOUBLE_EQ(*e.recover_s, 40.4);  // the window from 39.4 s still holds bad steps
}

TEST(Episodes, TargetThatDoesNotComeBackIsCensored) {
  const auto e = scene([](int t) { return t >= 22 ? 10 : 40; }).judged();
  EXPECT_TRUE(e.censored);
  EXPECT_FALSE(e.recover_s || e.ttr_s);
  EXPECT_TRUE(e.metastable) << "the fault was gone for 29.9 s";
}

TEST(Episodes, CensoredWithoutProofThatTheFaultWasGoneIsNotMetastable) {
  auto s = scene([](int t) { return t >= 22 ? 10 : 40; });
  s.times.cleared.reset();
  const auto e = s.judged();
  EXPECT_TRUE(e.censored);
  EXPECT_FALSE(e.metastable || e.reverted);
}

TEST(Episodes, FaultThatClearedJustBeforeTheHorizonIsNoProofOfMetastability) {
  auto s = scene([](int t) { return t >= 22 ? 10 : 40; });
  s.times.cleared = 60s;
  EXPECT_FALSE(s.judged().metastable);
}

TEST(Episodes, TargetThatHadNoTimeToBeSeenRecoveringIsNotMetastable) {
  auto s = scene([](int t) { return within(t, 22, 36) ? 10 : 40; });
  s.times.cleared = 35s;
  s.segment.horizon_at = 40s;  // it is back a second after the fault went; five good windows no longer fit
  const auto e = s.judged();
  EXPECT_TRUE(e.censored);
  EXPECT_FALSE(e.metastable);
}

TEST(Episodes, RecoveryTooLateToHoldFiveWindowsIsCensored) {
  EXPECT_TRUE(scene([](int t) { return within(t, 22, 61) ? 0 : 40; }).judged().censored);
  EXPECT_EQ(scene([](int t) { return within(t, 22, 60) ? 0 : 40; }).judged().recover_s, 60.0);
}

TEST(Episodes, FlapOpensTheSameEpisodeAgain) {
  const auto e = scene([](int t) { return within(t, 22, 25) || within(t, 32, 38) ? 0 : 40; }).judged();
  EXPECT_EQ(e.onset_s, 22.0);
  EXPECT_EQ(e.recover_s, 38.0);
}

TEST(Episodes, FlapNearTheHorizonIsCensored) {
  EXPECT_TRUE(scene([](int t) { return within(t, 22, 25) || t >= 62 ? 0 : 40; }).judged().censored);
}

TEST(Episodes, ThinWindowsAreNoEvidenceEitherWay) {
  const auto quiet = scene([](int) { return 40; }, 10).judged();
  EXPECT_FALSE(quiet.absorbed) << "ten steps a second prove nothing";
  EXPECT_FALSE(quiet.judged);
  const auto broken = scene([](int t) { return t >= 22 ? 0 : 40; }, 10).judged();
  EXPECT_FALSE(broken.censored || broken.judged);
}

TEST(Episodes, ThinWindowBreaksARowOfGoodOnes) {
  auto s = scene([](int t) { return within(t, 22, 30) ? 0 : 40; });
  std::erase_if(s.steps, [](const StepPoint& p) { return p.planned >= 33s && p.planned < 34s; });
  EXPECT_EQ(s.judged().recover_s, 34.0);
}

TEST(Episodes, BreachBeforeTheFaultMeansNotSteady) {
  EXPECT_FALSE(scene([](int t) { return within(t, 5, 8) ? 0 : 40; }).judged().steady);
}

TEST(Episodes, WeakShareBeforeTheFaultMeansNotSteady) {
  EXPECT_FALSE(scene([](int t) { return t < 20 && t % 3 == 0 ? 30 : 40; }).judged().steady);
}

TEST(Episodes, TheSteadyMarkLeavesTheWarmupOut) {
  auto s = scene([](int t) { return t < 5 ? 0 : 40; });
  EXPECT_FALSE(s.judged().steady);
  s.times.steady_from = 5s;
  EXPECT_TRUE(s.judged().steady);
}

TEST(Episodes, KillIsClearWhenMadeAndRevertedWhenReady) {
  auto s = scene([](int t) { return within(t, 20, 42) ? 0 : 40; });
  s.segment.fault.fault = "node_kill";
  s.times.healed.reset();
  s.times.cleared = 40s;
  const auto e = s.judged();
  EXPECT_EQ(e.clear_s, 20.0);
  EXPECT_EQ(e.ttr_s, 22.0);
  EXPECT_EQ(e.lag_s, 22.0);
  EXPECT_TRUE(e.reverted);
}

TEST(Episodes, RecoveryWhileTheFaultIsInForceHasNegativeLag) {
  const auto e = scene([](int t) { return within(t, 21, 25) ? 0 : 40; }).judged();
  EXPECT_EQ(e.ttr_s, 4.0);
  EXPECT_LT(*e.lag_s, 0);
}

TEST(Episodes, EdgesSayWhetherTheFaultWasProved) {
  FaultTimes t;
  const auto edge = [&](FaultEdge e, Nanos at) { fold_edge(t, FaultChanged{at, 0, "payment_delay", "alpha", e, ""}); };
  edge(FaultEdge::injecting, 1s);
  edge(FaultEdge::injected, 2s);
  EXPECT_EQ(t.injecting, Nanos(1s));
  EXPECT_FALSE(t.verified);
  edge(FaultEdge::verified, 3s);
  edge(FaultEdge::cleared, 4s);
  edge(FaultEdge::not_cleared, 5s);
  EXPECT_FALSE(t.cleared);
  edge(FaultEdge::cleared, 6s);
  EXPECT_EQ(t.cleared, Nanos(6s));
}

TEST(Episodes, EmptyRecordSaysNothing) {
  auto s = scene([](int) { return 40; });
  s.steps.clear();
  s.trades.clear();
  s.times = {};
  const auto e = s.judged();
  EXPECT_FALSE(e.verified || e.steady || e.judged || e.absorbed || e.censored);
  EXPECT_TRUE(e.reverted) << "a fault that was never made cannot have stayed";
}

}  // namespace
}  // namespace cardstorm
