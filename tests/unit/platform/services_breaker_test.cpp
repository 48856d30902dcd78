// Breaker, worker set and retry budget, on a clock of our own.
#include <gtest/gtest.h>

#include "reference_platform/services/background.hpp"
#include "reference_platform/services/breaker.hpp"
#include "reference_platform/services/upstream.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using State = Breaker::State;

class BreakerTest : public ::testing::Test {
 protected:
  void call(bool good, std::chrono::milliseconds took = 20ms) {
    breaker.begin(now);
    breaker.end(now, now + took, good);
    now += took;
  }
  Breaker breaker;
  Breaker::Time now = Breaker::Time{} + 1h;
};

TEST_F(BreakerTest, StaysClosedForFewBadCalls) {
  for (int i = 0; i < 4; ++i) call(false);
  EXPECT_EQ(breaker.state(now), State::closed);
}

TEST_F(BreakerTest, OpensWhenHalfOfTheWindowIsBad) {
  for (const bool good : {true, true, true, false, false}) call(good);
  EXPECT_EQ(breaker.state(now), State::closed);
  call(false);
  EXPECT_EQ(breaker.state(now), State::open);
}

TEST_F(BreakerTest, OpensAfterFiveBadInARowHoweverGoodTheWindowWas) {
  for (int i = 0; i < 100; ++i) call(true);
  for (int i = 0; i < 5; ++i) call(true, 700ms);   // slow is bad
  EXPECT_EQ(breaker.state(now), State::open);
}

TEST_F(BreakerTest, OpensWhileCallsHangBeforeTheyTimeOut) {
  for (int i = 0; i < 100; ++i) call(true);
  for (int i = 0; i < 5; ++i) breaker.begin(now);
  EXPECT_EQ(breaker.state(now + 500ms), State::closed);
  EXPECT_EQ(breaker.state(now + 601ms), State::open);
}

TEST_F(BreakerTest, ForgetsWhatIsOlderThanTheWindow) {
  for (int i = 0; i < 4; ++i) call(false);
  now += 6s;
  for (int i = 0; i < 4; ++i) call(true);
  call(false);
  EXPECT_EQ(breaker.state(now), State::closed);
}

TEST_F(BreakerTest, ClosesAfterTwoGoodProbesOneAtATime) {
  for (int i = 0; i < 5; ++i) call(false);
  ASSERT_EQ(breaker.state(now), State::open);
  EXPECT_FALSE(breaker.take_probe(now));
  now += 2s;
  EXPECT_TRUE(breaker.take_probe(now));
  EXPECT_FALSE(breaker.take_probe(now));
  breaker.probed(now, true);
  EXPECT_EQ(breaker.state(now), State::half_open);
  EXPECT_TRUE(breaker.take_probe(now));
  breaker.probed(now, true);
  EXPECT_EQ(breaker.state(now), State::closed);
}

TEST_F(BreakerTest, OpensAgainAfterABadProbe) {
  for (int i = 0; i < 5; ++i) call(false);
  now += 2s;
  ASSERT_TRUE(breaker.take_probe(now));
  breaker.probed(now, false);
  EXPECT_EQ(breaker.state(now + 1999ms), State::open);
  EXPECT_EQ(breaker.state(now + 2s), State::half_open);
}

TEST_F(BreakerTest, DoesNotCountCallsTwiceThatHangSinceTheLastOpening) {
  std::vector<Breaker::Time> began;
  for (int i = 0; i < 5; ++i) breaker.begin(now);
  now += 700ms;
  ASSERT_EQ(breaker.state(now), State::open);
  now += 2s;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(breaker.take_probe(now));
    breaker.probed(now, true);
  }
  EXPECT_EQ(breaker.state(now), State::closed);   // the five still hang
}

TEST(WorkersTest, RefusesWhatFindsNoFreeWorker) {
  std::mutex mutex;
  std::condition_variable go;
  bool open = false;
  Workers workers("test", 2);
  const auto block = [&] {
    std::unique_lock lock(mutex);
    go.wait(lock, [&] { return open; });
  };
  EXPECT_TRUE(workers.submit(block));
  EXPECT_TRUE(workers.submit(block));
  EXPECT_EQ(workers.free(), 0);
  EXPECT_FALSE(workers.submit(block));
  {
    const std::lock_guard lock(mutex);
    open = true;
  }
  go.notify_all();
}

TEST(RetryBudgetTest, AllowsATenthOfTheRequestsInTheLongRun) {
  RetryBudget budget;
  while (budget.spend()) {}
  int spent = 0;
  for (int i = 0; i < 1000; ++i) {
    budget.earn();
    if (budget.spend()) ++spent;
  }
  EXPECT_EQ(spent, 100);
}

}  // namespace
}  // namespace platform::services
