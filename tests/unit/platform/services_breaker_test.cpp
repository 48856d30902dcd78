// Breaker, worker set and retry budget, on a clock of our own.
#include <gtest/gtest.h>

#include <atomic>

#include "reference_platform/services/background.hpp"
#include "reference_platform/services/breaker.hpp"
#include "reference_platform/services/payment_channel.hpp"
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
  for (int i = 0; i < 5; ++i) call(true, 700ms);  // slow is bad
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

TEST_F(BreakerTest, StaysOpenTwiceAsLongAfterEachBadProbeUpToALimit) {
  for (int i = 0; i < 5; ++i) call(false);
  now += 2s;
  for (const auto open : {4s, 8s, 15s, 15s}) {
    ASSERT_TRUE(breaker.take_probe(now));
    breaker.probed(now, false);
    EXPECT_EQ(breaker.state(now + open - 1ms), State::open);
    now += open;
    EXPECT_EQ(breaker.state(now), State::half_open);
  }
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(breaker.take_probe(now));
    breaker.probed(now, true);
  }
  for (int i = 0; i < 5; ++i) call(false);
  EXPECT_EQ(breaker.state(now + 2s), State::half_open);  // a new failure begins anew
}

TEST_F(BreakerTest, IsProbedEachTwoSecondsWhereNothingElseCanDoTheWork) {
  for (int i = 0; i < 5; ++i) call(false);
  now += 2s;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(breaker.take_probe(now));
    breaker.probed(now, false);
    breaker.hurry();
    EXPECT_EQ(breaker.state(now + 1999ms), State::open);
    now += 2s;
  }
  EXPECT_EQ(breaker.state(now), State::half_open);
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
  EXPECT_EQ(breaker.state(now), State::closed);  // the five still hang
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

TEST(WorkersTest, SharesItsWorkersBetweenThoseWhoReserve) {
  Workers workers("test", 3);
  EXPECT_EQ(workers.reserve(2), 2);
  EXPECT_EQ(workers.reserve(2), 1);
  EXPECT_EQ(workers.reserve(1), 0);
  EXPECT_FALSE(workers.submit([] {}));
  std::atomic<int> done{0};
  workers.run_reserved([&] { ++done; });
  workers.release(2);
  EXPECT_GE(workers.free(), 2);
  EXPECT_TRUE(workers.submit([&] { ++done; }));
  while (done < 2) std::this_thread::yield();
}

TEST(BulkheadTest, HasRoomForOneAndAHalfTimesThePeak) {
  EXPECT_EQ(permits(50, 100), 8);  // ceil(1.5 × 50/s × 0.1 s)
  EXPECT_EQ(permits(100, 80), 12);
  EXPECT_EQ(permits(1, 1), 1);
}

TEST(RetryBudgetTest, AllowsATenthOfTheRequestsInTheLongRun) {
  RetryBudget budget;
  while (budget.spend()) {
  }
  int spent = 0;
  for (int i = 0; i < 1000; ++i) {
    budget.earn();
    if (budget.spend()) ++spent;
  }
  EXPECT_EQ(spent, 100);
}

}  // namespace
}  // namespace platform::services
