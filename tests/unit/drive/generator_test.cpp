// The generator's measurement of itself.
#include "harness/drive/generator.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <thread>

#include "harness/drive/driver.hpp"

namespace cardstorm {
namespace {

TEST(Generator, ReadsStolenTimeFromProcStat) {
  const auto ticks = host_ticks_of("cpu  100 5 50 800 10 1 4 30 99 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n");
  ASSERT_TRUE(ticks);
  EXPECT_EQ(ticks->total, 1000u);  // guest time is in user already
  EXPECT_EQ(ticks->steal, 30u);
  EXPECT_FALSE(host_ticks_of(""));
  EXPECT_FALSE(host_ticks_of("cpu  1 2 3\n"));
  EXPECT_FALSE(host_ticks_of("intr 1 2 3 4 5 6 7 8\n"));
  EXPECT_TRUE(host_ticks_now());
}

TEST(Generator, KeepsTheWorstSecond) {
  SelfMeasure self(0s, 10.0, HostTicks{1000, 0});
  self.sample(1s, 10.2, HostTicks{1200, 20});
  self.sample(2s, 10.9, HostTicks{1400, 30});
  self.sample(3s, 11.0, HostTicks{1600, 30});
  for (int i = 1; i <= 100; ++i) self.sent(i < 100 ? 40us : 3ms);
  self.sent(-5ms);  // a clock that is a hair apart is not earliness
  const GeneratorSeen seen = self.seen(3s, 11.1, "rr");
  EXPECT_NEAR(seen.cpu_share_max, 0.7, 1e-9);
  EXPECT_NEAR(seen.steal_share_max, 0.1, 1e-9);
  EXPECT_NEAR(seen.cpu_seconds, 1.1, 1e-9);
  EXPECT_NEAR(seconds(seen.lateness_p50), 40e-6, 1e-6);
  EXPECT_LT(seen.lateness_p99, Nanos(50us));
  EXPECT_EQ(seen.scheduling, "rr");
}

TEST(Generator, CountsTheProcessorTimeOfItsOwnThreadOnly) {
  const double before = thread_cpu_seconds();
  double other = 0;
  std::thread([&] {
    while (other < 0.05) other = thread_cpu_seconds();
  }).join();
  EXPECT_GE(other, 0.05);
  EXPECT_LT(thread_cpu_seconds() - before, 0.02);
}

TEST(Priority, IsWhatItSays) {
  std::string said;
  int policy = -1, nice = 0;
  std::thread([&] {  // a thread of its own: the tests go on as they are
    said = take_priority();
    policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    nice = ::getpriority(PRIO_PROCESS, 0);
  })
      .join();
  EXPECT_EQ(policy, said == "rr" ? SCHED_RR : SCHED_OTHER);
  if (said == "nice-10") {
    EXPECT_EQ(nice, -10);
  }
  EXPECT_TRUE(said == "rr" || said == "nice-10" || said == "plain") << said;
}

}  // namespace
}  // namespace cardstorm
