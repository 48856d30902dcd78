// burst: the index of dispersion and the peak, against numbers that can be worked out by hand.
#include "harness/core/burst.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace cardstorm {
namespace {

TEST(Burst, AnEvenStreamHasNoDispersion) {
  std::vector<Nanos> times;
  for (int i = 0; i < 1200; ++i) times.push_back(i * 100ms + 50ms);
  const auto bursts = burst_numbers(times, 0s, 120s);
  const std::uint64_t peaks[]{1, 10, 100, 600};
  for (std::size_t i = 0; i < bursts.size(); ++i) {
    EXPECT_EQ(bursts[i].window, kBurstWindows[i]);
    EXPECT_EQ(bursts[i].peak, peaks[i]);
    ASSERT_TRUE(bursts[i].dispersion);
    EXPECT_NEAR(*bursts[i].dispersion, 0, 1e-12);
  }
}

TEST(Burst, CountsEmptyWindowsToo) {
  const std::vector<Nanos> times{0s, 1ms, 2ms, 3ms};  // counts per second: 4 0 0 0: mean 1, variance 3
  const auto bursts = burst_numbers(times, 0s, 4s);
  EXPECT_EQ(bursts[1].peak, 4U);
  EXPECT_DOUBLE_EQ(bursts[1].dispersion.value(), 3.0);
  EXPECT_DOUBLE_EQ(bursts[0].dispersion.value(), (16.0 / 40 - 0.01) / 0.1);
  EXPECT_FALSE(bursts[2].dispersion);  // no two whole windows of 10 s
  EXPECT_EQ(bursts[2].peak, 4U);
}

TEST(Burst, LooksOnlyBetweenBeginAndEnd) {
  const std::vector<Nanos> times{0s, 1s, 5s, 6s, 6500ms, 9s};
  const auto bursts = burst_numbers(times, 5s, 7s);
  EXPECT_EQ(bursts[1].peak, 2U);
  EXPECT_DOUBLE_EQ(bursts[1].dispersion.value(), 0.25 / 1.5);
}

TEST(Burst, SaysNothingOfNothing) {
  for (const Burst& b : burst_numbers({}, 0s, 100s)) {
    EXPECT_EQ(b.peak, 0U);
    EXPECT_FALSE(b.dispersion);
  }
  const std::vector<Nanos> times{1s};
  EXPECT_EQ(burst_numbers(times, 5s, 2s)[0].peak, 0U);
}

}  // namespace
}  // namespace cardstorm
