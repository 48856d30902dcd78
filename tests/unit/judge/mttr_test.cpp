// MTTR rows and the reduction of rule 11.
#include "harness/judge/mttr.hpp"

#include <gtest/gtest.h>

namespace cardstorm {
namespace {

Episode episode(const std::string& fault, double h) {
  Episode e;
  e.fault = fault;
  e.verified = e.reverted = true;
  e.horizon_s = h;
  return e;
}
Episode recovered(double ttr, const std::string& fault = "payment_delay", double h = 60) {
  auto e = episode(fault, h);
  e.ttr_s = ttr;
  return e;
}
Episode absorbed(const std::string& fault = "payment_delay", double h = 60) {
  auto e = episode(fault, h);
  e.absorbed = true;
  return e;
}
Episode censored(const std::string& fault = "payment_delay", double h = 60) {
  auto e = episode(fault, h);
  e.censored = true;
  return e;
}
Scorecard side(std::vector<Episode> episodes, double assumed = -1) {
  Scorecard c;
  c.episodes = std::move(episodes);
  c.assumed_restart_s = assumed;
  return c;
}
std::optional<double> smallest(std::vector<Episode> baseline, std::vector<Episode> candidate) {
  return reduction(side(std::move(baseline)), side(std::move(candidate)), "", std::nullopt).smallest;
}

TEST(Mttr, RowHoldsRecoveredEpisodesOnly) {
  const std::vector<Episode> all{recovered(10), recovered(20), recovered(60), absorbed(), censored()};
  const auto row = mttr_by_fault(all).at("payment_delay");
  EXPECT_EQ(row.n, 3);
  EXPECT_EQ(row.absorbed, 1);
  EXPECT_EQ(row.censored, 1);
  EXPECT_EQ(row.mean_s, 30);
  EXPECT_EQ(row.p50_s, 20);
  EXPECT_EQ(row.p90_s, 60);
  EXPECT_GE(row.ci95_lo_s, 10);
  EXPECT_LT(row.ci95_lo_s, 30);
  EXPECT_GT(row.ci95_hi_s, 30);
  EXPECT_LE(row.ci95_hi_s, 60);
}

TEST(Mttr, OneValueIsItsOwnInterval) {
  const std::vector<Episode> one{recovered(12.5)};
  const auto row = mttr_by_fault(one).at("payment_delay");
  EXPECT_EQ(row.ci95_lo_s, 12.5);
  EXPECT_EQ(row.ci95_hi_s, 12.5);
}

TEST(Mttr, IntervalIsTheSameEveryTime) {
  const std::vector<Episode> all{recovered(10), recovered(20), recovered(35), recovered(7)};
  const auto a = mttr_by_fault(all).at("payment_delay"), b = mttr_by_fault(all).at("payment_delay");
  EXPECT_EQ(a.ci95_lo_s, b.ci95_lo_s);
  EXPECT_EQ(a.ci95_hi_s, b.ci95_hi_s);
}

TEST(Mttr, NothingRecoveredGivesARowOfZeroes) {
  const std::vector<Episode> all{censored(), censored()};
  const auto row = mttr_by_fault(all).at("payment_delay");
  EXPECT_EQ(row.n, 0);
  EXPECT_EQ(row.censored, 2);
  EXPECT_EQ(row.mean_s, 0);
}

TEST(Mttr, UnprovedEpisodesDoNotCount) {
  auto unverified = recovered(1), unsteady = recovered(2), thin = recovered(3);
  unverified.verified = false;
  unsteady.steady = false;
  thin.judged = false;
  const std::vector<Episode> all{unverified, unsteady, thin, recovered(40)};
  EXPECT_EQ(mttr_by_fault(all).at("payment_delay").mean_s, 40);
}

TEST(Reduction, FollowsRule11) {
  EXPECT_EQ(smallest({recovered(40)}, {recovered(10)}), 0.75);
  EXPECT_EQ(smallest({recovered(40)}, {absorbed()}), 1.0) << "absorbed is 0";
  EXPECT_EQ(smallest({censored()}, {recovered(30)}), 0.5) << "censored is exactly H";
  EXPECT_EQ(smallest({censored()}, {censored()}), 0.0);
  EXPECT_EQ(smallest({recovered(10)}, {recovered(20)}), -1.0) << "a worse candidate shows as below zero";
  EXPECT_EQ(smallest({recovered(20), recovered(40)}, {absorbed(), recovered(15)}), 0.75) << "means over repeats";
}

TEST(Reduction, SmallestKindCounts) {
  const auto r = reduction(side({recovered(40), recovered(40, "node_kill")}),
                           side({recovered(4), recovered(30, "node_kill")}), "", std::nullopt);
  EXPECT_EQ(r.by_fault.at("payment_delay"), 0.9);
  EXPECT_EQ(r.by_fault.at("node_kill"), 0.25);
  EXPECT_EQ(r.smallest, 0.25);
}

TEST(Reduction, IsNullWhereTheBaselineDidNotSuffer) {
  const auto r = reduction(side({absorbed(), recovered(40, "node_kill")}),
                           side({absorbed(), recovered(20, "node_kill")}), "", std::nullopt);
  EXPECT_FALSE(r.by_fault.at("payment_delay"));
  EXPECT_EQ(r.smallest, 0.5) << "a kind that hurt neither side is left out";
  EXPECT_FALSE(smallest({absorbed(), recovered(40, "node_kill")}, {recovered(5), recovered(20, "node_kill")}))
      << "a kind that hurt only the candidate must not be hidden";
  EXPECT_FALSE(smallest({absorbed()}, {absorbed()}));
}

TEST(Reduction, IsNullWhenTheSidesCannotBeCompared) {
  EXPECT_FALSE(smallest({recovered(40)}, {}));
  EXPECT_FALSE(smallest({recovered(40, "payment_delay", 60)}, {recovered(10, "payment_delay", 45)})) << "H differs";
  auto unproved = recovered(10);
  unproved.verified = false;
  EXPECT_FALSE(smallest({recovered(40)}, {unproved}));
}

TEST(Reduction, AssumedRestartIsExchangedForOthers) {
  DrillCard d;
  d.baseline = side({recovered(30, "node_kill"), recovered(40)}, 20);  // 10 s of its own on top of the operator's 20 s
  d.candidate = side({recovered(3, "node_kill"), recovered(4)});
  compare(d);
  EXPECT_EQ(d.mttr_reduction, 0.9);
  EXPECT_EQ(d.mttr_reduction_assumed_restart.at("5"), 0.8);  // 1 - 3 / 15
  EXPECT_EQ(d.mttr_reduction_assumed_restart.at("20"), 0.9);
  EXPECT_EQ(d.mttr_reduction_assumed_restart.at("120"), 0.9);  // min(130, H = 60): node_kill 0.95, payment_delay 0.9
  EXPECT_EQ(d.mttr_reduction_without_restart, 0.9);
}

TEST(Reduction, CensoredStaysAtHUnderAnyAssumption) {
  const std::vector<Episode> dead{censored("node_kill")};
  EXPECT_EQ(restricted_mean(dead, "node_kill", {20, 5.0}), 60);
  const std::vector<Episode> quick{recovered(10, "node_kill")};
  EXPECT_EQ(restricted_mean(quick, "node_kill", {20, 5.0}), 0) << "never below zero";
}

TEST(Reduction, WithoutAnAssumptionThereIsNothingToExchange) {
  DrillCard d;
  d.baseline = side({recovered(30, "node_kill")});
  d.candidate = side({recovered(3, "node_kill")});
  compare(d);
  EXPECT_EQ(d.mttr_reduction, 0.9);
  EXPECT_FALSE(d.mttr_reduction_assumed_restart.at("5"));
  EXPECT_FALSE(d.mttr_reduction_without_restart);
}

}  // namespace
}  // namespace cardstorm
