// stats: each figure beside values that were worked out by hand or stand in tables.
#include "harness/stats/stats.hpp"

#include <gtest/gtest.h>

namespace cardstorm {
namespace {

using Values = std::vector<double>;

TEST(Ranks, AreValuesOfTheSampleByTheirDefinition) {
  const Values four{1, 2, 3, 4}, one{7}, none;
  EXPECT_EQ(nearest_rank<double>(four, 0.5), 2) << "half of them lie at or below it";
  EXPECT_EQ(nearest_rank<double>(four, 0.51), 3);
  EXPECT_EQ(nearest_rank<double>(four, 0), 1);
  EXPECT_EQ(nearest_rank<double>(four, 1), 4);
  EXPECT_EQ(closest_rank<double>(four, 0.5), 3) << "halves go up";
  EXPECT_EQ(closest_rank<double>(four, 0.99), 4);
  for (const double q : {0.0, 0.5, 1.0}) {
    EXPECT_EQ(nearest_rank<double>(one, q), 7);
    EXPECT_EQ(closest_rank<double>(one, q), 7);
    EXPECT_EQ(nearest_rank<double>(none, q), 0);
    EXPECT_EQ(closest_rank<double>(none, q), 0);
  }
  Values hundred(100);
  for (std::size_t i = 0; i < hundred.size(); ++i) hundred[i] = static_cast<double>(i + 1);
  EXPECT_EQ(nearest_rank<double>(hundred, 0.95), 95);
  EXPECT_EQ(nearest_rank<double>(hundred, 0.29), 29) << "0.29 x 100 is a little more than 29 in binary";
}

TEST(Median, IsTheUpperOneAndThatOfClosestRank) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({5, 1, 3}), 3);
  EXPECT_EQ(median({4, 1, 3, 2}), 3);
  for (std::size_t n = 1; n < 20; ++n) {
    Values sorted(n);
    for (std::size_t i = 0; i < n; ++i) sorted[i] = static_cast<double>(i);
    EXPECT_EQ(median(sorted), closest_rank<double>(sorted, 0.5)) << n;
  }
}

TEST(Spread, IsThatOfTheSample) {
  const Values v{2, 4, 4, 4, 5, 5, 7, 9};
  EXPECT_EQ(mean(v), 5);
  EXPECT_DOUBLE_EQ(variance(v), 32.0 / 7);
  EXPECT_EQ(mean({}), 0);
}

TEST(Student, AgreesWithTheTables) {
  // t(0.995) of any table.
  for (const auto& [degrees, t] : {std::pair{4.0, 4.604}, {5.0, 4.032}, {10.0, 3.169}, {30.0, 2.750}, {1e9, 2.576}})
    EXPECT_NEAR(student_995(degrees), t, 0.02 * t) << degrees;
}

TEST(Welch, ComparesSamplesOfUnequalSpread) {
  // Means 3 and 8, variances 2.5 and 10, n = 5 each: standard error sqrt(2.5), 5.88 degrees of freedom.
  const Values a{1, 2, 3, 4, 5}, b{4, 6, 8, 10, 12};
  const Interval i = welch_99(a, b);
  EXPECT_NEAR((i.low + i.high) / 2, 5, 1e-12);
  EXPECT_NEAR((i.high - i.low) / 2, student_995(12.5 * 12.5 / (2.5 * 2.5 / 4 + 10 * 10 / 4.0)) * std::sqrt(2.5), 1e-9);
  const Values same{4, 4};
  EXPECT_EQ(welch_99(same, same).low, 0);
  EXPECT_EQ(welch_99(same, same).high, 0);
}

TEST(Bootstrap, HoldsTheFigureAndRepeatsByItsStream) {
  Values v(200);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<double>(i % 10);
  const auto mean_of_drawn = [&](std::span<const std::size_t> chosen) {
    double sum = 0;
    for (const std::size_t i : chosen) sum += v[i];
    return sum / static_cast<double>(chosen.size());
  };
  const Interval i = bootstrap(v.size(), {.stream = "x"}, mean_of_drawn);
  EXPECT_LT(i.low, 4.5);
  EXPECT_GT(i.high, 4.5);
  EXPECT_LT(i.high - i.low, 1.5) << "2 x 2.58 standard errors of 2.87 / sqrt(200)";
  EXPECT_EQ(i.low, bootstrap(v.size(), {.stream = "x"}, mean_of_drawn).low);
  EXPECT_NE(i.low, bootstrap(v.size(), {.stream = "y"}, mean_of_drawn).low);
  const Interval narrow = bootstrap(v.size(), {.stream = "x", .tail = 0.25}, mean_of_drawn);
  EXPECT_GT(narrow.low, i.low);
  EXPECT_LT(narrow.high, i.high);
  // Ten neighbours hold each digit once: drawn together they hardly scatter.
  const Interval blocks = bootstrap(v.size(), {.stream = "x", .block = 10}, mean_of_drawn);
  EXPECT_LT(blocks.high - blocks.low, 0.01 + (i.high - i.low) / 10);
}

}  // namespace
}  // namespace cardstorm
