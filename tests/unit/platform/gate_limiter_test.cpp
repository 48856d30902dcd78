// The gateway's limiter, by a clock of the test.
#include <gtest/gtest.h>

#include "reference_platform/services/limiter.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;

class LimiterTest : public ::testing::Test {
 protected:
  /// `n` requests of a class, all at once, each as long as `took`; one window passes.
  int round(Priority p, int n, std::chrono::milliseconds took) {
    int in = 0;
    for (int i = 0; i < n; ++i) in += limiter_.enter(p);
    now_ += 500ms;
    for (int i = 0; i < in; ++i) limiter_.leave(p, took, true, now_);
    return in;
  }
  Limiter limiter_{LimiterOptions{40, 10, 56}};
  Limiter::Time now_{1h};
};

TEST_F(LimiterTest, ShedsTheLeastImportantFirst) {
  const std::vector<std::pair<Priority, int>> fill = {
      {Priority::list, 24}, {Priority::query, 6}, {Priority::create, 4}, {Priority::pay, 4}, {Priority::callback, 2}};
  for (const auto& [priority, more] : fill) {
    for (int i = 0; i < more; ++i) EXPECT_TRUE(limiter_.enter(priority)) << priority_name(priority) << i;
    EXPECT_FALSE(limiter_.enter(priority)) << priority_name(priority);
  }
  EXPECT_EQ(limiter_.in_flight(), 40);
}

TEST_F(LimiterTest, GivesPlacesBack) {
  for (int i = 0; i < 24; ++i) EXPECT_TRUE(limiter_.enter(Priority::list));
  EXPECT_FALSE(limiter_.enter(Priority::list));
  limiter_.leave(Priority::list, 5ms, true, now_);
  EXPECT_TRUE(limiter_.enter(Priority::list));
}

TEST_F(LimiterTest, FallsWhenEverythingIsSlowAndRisesAfterwards) {
  for (int i = 0; i < 5; ++i) round(Priority::query, 6, 20ms);
  const double before = limiter_.limit();
  for (int i = 0; i < 20; ++i) round(Priority::query, 30, 600ms);
  const double low = limiter_.limit();
  EXPECT_LT(low, before / 2);
  EXPECT_GE(low, 10);
  EXPECT_LE(round(Priority::query, 100, 600ms), 8);
  for (int i = 0; i < 10; ++i) round(Priority::query, 30, 20ms);
  EXPECT_GT(limiter_.limit(), before);
}

TEST_F(LimiterTest, OneSlowClassIsNotTheMachine) {
  for (int i = 0; i < 5; ++i) {
    round(Priority::callback, 6, 20ms);
    round(Priority::query, 6, 20ms);
  }
  const double before = limiter_.limit();
  for (int i = 0; i < 20; ++i) {
    for (int n = 0; n < 6; ++n) EXPECT_TRUE(limiter_.enter(Priority::callback));
    for (int n = 0; n < 6; ++n) EXPECT_TRUE(limiter_.enter(Priority::query));
    for (int n = 0; n < 6; ++n) limiter_.leave(Priority::callback, 4000ms, true, now_);
    now_ += 500ms;
    for (int n = 0; n < 6; ++n) limiter_.leave(Priority::query, 20ms, true, now_);
  }
  EXPECT_GE(limiter_.limit(), before);
}

TEST_F(LimiterTest, JitterOfShortTimesIsNoOverloadAndIdlenessDoesNotInflate) {
  for (int i = 0; i < 50; ++i) round(Priority::list, 8, i % 2 == 0 ? 1ms : 60ms);
  EXPECT_EQ(limiter_.limit(), 40);
}

TEST_F(LimiterTest, ALongOverloadDoesNotBecomeTheUsual) {
  for (int i = 0; i < 5; ++i) round(Priority::create, 6, 30ms);
  for (int i = 0; i < 400; ++i) round(Priority::create, 34, 900ms);
  EXPECT_LE(limiter_.limit(), 11);
}

TEST_F(LimiterTest, QuickRefusalsBehindTeachNothing) {
  for (int i = 0; i < 30; ++i) {
    for (int n = 0; n < 10; ++n) EXPECT_TRUE(limiter_.enter(Priority::create));
    now_ += 500ms;
    for (int n = 0; n < 10; ++n) limiter_.leave(Priority::create, 1ms, false, now_);
  }
  EXPECT_EQ(limiter_.limit(), 40);
}

TEST(FixedWindowTest, LetsTwiceAsManyThroughAcrossAnEdge) {
  FixedWindow window(100);
  const std::chrono::steady_clock::time_point second{5s};
  int in = 0;
  for (int i = 0; i < 150; ++i) in += window.enter(second + 999ms);
  for (int i = 0; i < 150; ++i) in += window.enter(second + 1000ms);
  EXPECT_EQ(in, 200) << "within two milliseconds";
}

TEST(FairShareTest, OneBuyerAloneMayHaveAlmostAll) {
  FairShare shares(24);
  int in = 0;
  while (in < 100 && shares.enter("bulk", 1)) ++in;
  EXPECT_EQ(in, 24);
}

TEST(FairShareTest, WhoComesLaterFindsHisPartAndTheGreedyOneGetsNoMore) {
  FairShare shares(24);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(shares.enter("bulk", 1));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(shares.enter("b" + std::to_string(i), 1));
  EXPECT_FALSE(shares.enter("bulk", 1));
  for (int i = 0; i < 18; ++i) shares.leave("bulk", 1);
  EXPECT_TRUE(shares.enter("bulk", 1));
}

TEST(FairShareTest, AHeavyOrderCountsForSeveralAndNeverStarves) {
  FairShare shares(12);
  EXPECT_TRUE(shares.enter("heavy", 6));
  EXPECT_TRUE(shares.enter("other", 6));
  EXPECT_FALSE(shares.enter("heavy", 6));
  EXPECT_TRUE(shares.enter("third", 6)) << "his first";
  shares.leave("heavy", 6);
  EXPECT_TRUE(shares.enter("heavy", 6));
}

}  // namespace
}  // namespace platform::services
