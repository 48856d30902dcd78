// Stop conditions in manual time: when they strike, and when they must not.
#include "harness/drive/abort.hpp"

#include <gtest/gtest.h>

namespace cardstorm {
namespace {

Plan plan_with(std::vector<AbortRule> rules) {
  Plan plan;
  plan.abort = std::move(rules);
  plan.slo.step_limit = 1s;
  return plan;
}

/// 100 steps a second, one shard telling ten times a second. `good` and `latency` by planned time.
struct Story {
  explicit Story(const Plan& plan, std::function<Phase(Nanos)> phase_at = {}) : watch(plan, 1, std::move(phase_at)) {}

  std::optional<AbortBreach> run(
      Nanos to, const std::function<bool(Nanos)>& good,
      const std::function<Nanos(Nanos)>& latency = [](Nanos) { return Nanos(10ms); }) {
    for (; now < to; now += 100ms) {
      for (Nanos planned = now; planned < now + 100ms; planned += 10ms) {
        tally.step(planned, good(planned), latency(planned));
        tally.sent(planned, lateness);
      }
      watch.tell(0, now + 100ms, tally, open);
      if (auto breach = watch.decide()) {
        decided = now + 100ms;
        return breach;
      }
    }
    return std::nullopt;
  }

  AbortWatch watch;
  AbortTally tally;
  std::vector<Nanos> open;
  Nanos now{0}, decided{0}, lateness{20us};
};

TEST(Abort, StrikesWithinTwelveTenthsOfTheBreach) {
  Story story(plan_with({{"good_share", ">=", 0.9, 10s, ""}}));
  const auto breach = story.run(60s, [](Nanos t) { return t < 20s; });
  ASSERT_TRUE(breach);
  // One second of bad in ten is 0.9 and still allowed; the next tenth breaks it.
  EXPECT_EQ(breach->at, Nanos(21100ms));
  EXPECT_LE(story.decided - breach->at, Nanos(1200ms));
  EXPECT_NEAR(breach->value, 0.89, 1e-9);
  EXPECT_EQ(breach->rule, "good_share >= 0.9 over 10s");
  EXPECT_FALSE(story.watch.decide());  // told once
}

TEST(Abort, SparesAShortDip) {
  Story story(plan_with({{"good_share", ">=", 0.9, 10s, ""}}));
  EXPECT_FALSE(story.run(60s, [](Nanos t) { return t < 20s || t >= 20900ms; }));
}

TEST(Abort, JudgesNoWindowBeforeItIsFull) {
  Story story(plan_with({{"good_share", ">=", 0.9, 10s, ""}}));
  EXPECT_FALSE(story.run(10800ms, [](Nanos) { return false; }));
  EXPECT_TRUE(story.run(12s, [](Nanos) { return false; }));
}

TEST(Abort, CountsStepsThatHangBeyondTheLimitAndNoYoungerOnes) {
  Story story(plan_with({{"good_share", ">=", 0.9, 2s, ""}}));
  const auto good = [](Nanos) { return true; };
  EXPECT_FALSE(story.run(10s, good));
  for (int i = 0; i < 100; ++i) story.open.push_back(9s + 500ms);
  EXPECT_FALSE(story.run(10500ms, good));  // not older than a second yet
  const auto breach = story.run(12s, good);
  ASSERT_TRUE(breach);
  EXPECT_LT(breach->value, 0.7);
}

TEST(Abort, KnowsThePercentile) {
  Story story(plan_with({{"p99_ms", "<=", 500, 5s, ""}}));
  const auto good = [](Nanos) { return true; };
  EXPECT_FALSE(story.run(
      20s, good, [](Nanos t) { return t % Nanos(1s) == Nanos(0) ? Nanos(900ms) : Nanos(10ms); }));  // exactly 1 %
  const auto breach =
      story.run(40s, good, [](Nanos t) { return t % Nanos(500ms) == Nanos(0) ? Nanos(900ms) : Nanos(10ms); });
  ASSERT_TRUE(breach);
  EXPECT_NEAR(breach->value, 900, 90);  // coarse: an eighth of an octave
}

TEST(Abort, WatchesTheGeneratorToo) {
  Story story(plan_with({{"lateness_p99_ms", "<=", 50, 5s, ""}}));
  const auto good = [](Nanos) { return true; };
  EXPECT_FALSE(story.run(10s, good));
  story.lateness = 80ms;
  EXPECT_TRUE(story.run(20s, good));
}

TEST(Abort, KeepsToItsPhase) {
  const auto phase_at = [](Nanos t) { return t < 20s ? Phase::steady : t < 40s ? Phase::fault : Phase::observe; };
  Story fault_only(plan_with({{"good_share", ">=", 0.9, 5s, "observe"}}), phase_at);
  EXPECT_FALSE(fault_only.run(44900ms, [](Nanos t) { return t < 20s; }));  // no whole window lies in observe yet
  const auto breach = fault_only.run(60s, [](Nanos) { return false; });
  ASSERT_TRUE(breach);
  EXPECT_EQ(breach->at, Nanos(45s));
}

TEST(Abort, NeedsSamples) {
  const Plan plan = plan_with({{"good_share", ">=", 0.9, 1s, ""}});
  AbortWatch watch(plan, 1, {});
  AbortTally tally;
  for (Nanos t{0}; t < 10s; t += 100ms) {
    tally.step(t, false, std::nullopt);  // ten in each window
    watch.tell(0, t + 100ms, tally, {});
    EXPECT_FALSE(watch.decide());
  }
}

TEST(Abort, WaitsForEveryShardAndSumsThem) {
  const Plan plan = plan_with({{"good_share", ">=", 0.5, 1s, ""}});
  AbortWatch watch(plan, 2, {});
  AbortTally bad, good;
  for (Nanos t{0}; t < 5s; t += 10ms) {
    bad.step(t, false, std::nullopt);
    good.step(t, true, std::nullopt);
    good.step(t, true, std::nullopt);
  }
  watch.tell(0, 5s, bad, {});
  EXPECT_FALSE(watch.decide());  // the other has not told
  watch.tell(1, 5s, good, {});
  EXPECT_FALSE(watch.decide());  // two thirds are good
  for (Nanos t{5s}; t < 9s; t += 10ms) bad.step(t, false, std::nullopt);
  watch.tell(0, 9s, bad, {});
  watch.leave(1);  // the good one has ended
  EXPECT_TRUE(watch.decide());
}

TEST(Abort, BinsAreWithinAnEighthOfAnOctave) {
  for (std::int64_t us = 1; us < 60'000'000; us = us * 5 / 4 + 1) {
    const Nanos upper = AbortTally::upper(AbortTally::bin(std::chrono::microseconds(us)));
    EXPECT_GE(upper, Nanos(std::chrono::microseconds(us)));
    EXPECT_LE(upper, Nanos(std::chrono::microseconds(us + us / 8 + 1)));
  }
}

}  // namespace
}  // namespace cardstorm
