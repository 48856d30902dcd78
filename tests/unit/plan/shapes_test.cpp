// shapes: closed forms against their areas, edges of bursts, and the seed.
#include "harness/plan/shapes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "harness/core/burst.hpp"

namespace cardstorm {
namespace {

Traffic traffic_of(const std::string& mode, double rate, double rate_to = 0) {
  Traffic t;
  t.mode = mode;
  t.rate = rate;
  t.rate_to = rate_to;
  return t;
}

std::size_t count_in(const std::vector<Nanos>& times, Nanos from, Nanos to) {
  return static_cast<std::size_t>(
      std::count_if(times.begin(), times.end(), [&](Nanos t) { return t >= from && t < to; }));
}

TEST(Shapes, ConstantIsEven) {
  const auto times = shape_times(traffic_of("constant", 8), 10s, 1);
  ASSERT_EQ(times.size(), 80U);
  for (std::size_t i = 0; i < times.size(); ++i)
    EXPECT_NEAR(seconds(times[i]), (static_cast<double>(i) + 0.5) / 8, 1e-6);
}

TEST(Shapes, RampFollowsTheAreaUnderItsLine) {
  for (const auto& [from, to] :
       {std::pair{0.0, 50.0}, std::pair{50.0, 0.0}, std::pair{10.0, 30.0}, std::pair{7.0, 7.0}}) {
    const auto times = shape_times(traffic_of("ramp", from, to), 20s, 1);
    EXPECT_NEAR(static_cast<double>(times.size()), (from + to) / 2 * 20, 1);
    for (std::size_t i = 0; i < times.size(); ++i) {
      const double t = seconds(times[i]), area = from * t + (to - from) * t * t / 40;
      ASSERT_NEAR(area, static_cast<double>(i) + 0.5, 1e-4) << from << " to " << to << " at " << i;
    }
  }
}

TEST(Shapes, StepHoldsEachLevel) {
  Traffic t = traffic_of("step", 10, 30);
  t.steps = 3;
  const auto times = shape_times(t, 30s, 1);
  EXPECT_EQ(count_in(times, 0s, 10s), 100U);
  EXPECT_EQ(count_in(times, 10s, 20s), 200U);
  EXPECT_EQ(count_in(times, 20s, 30s), 300U);
}

TEST(Shapes, SpikesComeAfterEachPeriodAndLast) {
  Traffic t = traffic_of("spike", 5, 100);
  t.every = 10s;
  t.lasts = 2s;
  const auto times = shape_times(t, 31s, 1);
  EXPECT_EQ(count_in(times, 0s, 10s), 50U);
  EXPECT_EQ(count_in(times, 10s, 12s), 200U);
  EXPECT_EQ(count_in(times, 12s, 20s), 40U);
  EXPECT_EQ(count_in(times, 20s, 22s), 200U);
  EXPECT_EQ(count_in(times, 30s, 31s), 100U);  // cut by the end of the load
}

TEST(Shapes, PromotionRisesAtOnceAndFallsExponentially) {
  Traffic t = traffic_of("promotion", 5, 1005);
  t.every = 10s;
  t.lasts = 3s;
  const auto times = shape_times(t, 20s, 1);
  EXPECT_EQ(count_in(times, 0s, 10s), 50U);
  // The area of the wall above the quiet rate in [a, b): (1005 - 5) (e^-a - e^-b), as 3 / lasts is 1.
  const auto wall = [](double a, double b) { return 1000 * (std::exp(-a) - std::exp(-b)) + 5 * (b - a); };
  EXPECT_NEAR(static_cast<double>(count_in(times, 10s, 10100ms)), wall(0, 0.1), 2);
  EXPECT_NEAR(static_cast<double>(count_in(times, 11s, 12s)), wall(1, 2), 2);
  EXPECT_NEAR(static_cast<double>(count_in(times, 10s, 13s)), wall(0, 3), 2);
  EXPECT_NEAR(static_cast<double>(count_in(times, 13s, 20s)), 35, 1);
  EXPECT_NEAR(std::exp(-3), kWallLeft, 1e-12);
}

TEST(Shapes, PoissonIsRandomInTheRightWay) {
  const auto times = shape_times(traffic_of("poisson", 20), 1000s, 7);
  EXPECT_NEAR(static_cast<double>(times.size()), 20'000, 600);  // four sigma
  EXPECT_NEAR(burst_numbers(times, 0s, 1000s)[1].dispersion.value(), 1, 0.2);
  EXPECT_EQ(times, shape_times(traffic_of("poisson", 20), 1000s, 7));
  EXPECT_NE(times, shape_times(traffic_of("poisson", 20), 1000s, 8));
}

TEST(Shapes, EveryShapeIsSortedWithinTheLoadAndCountsAsTold) {
  for (const char* mode : {"constant", "ramp", "step", "poisson", "spike", "promotion"}) {
    ASSERT_TRUE(is_shape(mode));
    for (const double rate : {0.0, 0.3, 40.0}) {
      Traffic t = traffic_of(mode, rate, 90);
      if (rate == 0 && (t.mode == "constant" || t.mode == "poisson")) continue;
      t.every = 7s;
      const auto times = shape_times(t, 61s, 3);
      EXPECT_TRUE(std::is_sorted(times.begin(), times.end())) << mode;
      ASSERT_FALSE(times.empty());
      EXPECT_GE(times.front(), 0s);
      EXPECT_LT(times.back(), 61s);
      if (t.mode != "poisson") {
        EXPECT_NEAR(static_cast<double>(times.size()), shape_total(t, 61s), 0.6) << mode;
      }
    }
  }
  EXPECT_FALSE(is_shape("shaped"));
  EXPECT_FALSE(is_shape("clone"));
}

}  // namespace
}  // namespace cardstorm
