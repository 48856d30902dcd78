// arrivals: the promises about peaks, gaps and determinism, over many seeds.
#include "harness/plan/arrivals.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "harness/core/rng.hpp"
#include "tests/unit/scenario/workspace.hpp"

namespace cardstorm {
namespace {

Journey journey_of(const std::string& name, double weight, std::size_t steps) {
  Journey j;
  j.name = name;
  j.weight = weight;
  j.steps.resize(steps);
  j.skus = {"a", "b", "c"};
  j.quantity_min = 2;
  j.quantity_max = 5;
  j.channels = {"alpha", "beta"};
  return j;
}

Plan plan_of(std::uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  plan.journeys = {journey_of("long", 3, 6), journey_of("short", 1, 3)};
  const FaultSpec fault{"node_kill", "order", 15s, Json::object()};
  plan.segments = {{0, 0s, 10s, 25s, 60s, 66s, fault},
                   {1, 66s, 72s, 82s, 106s, 111s, fault},
                   {2, 111s, 121s, 121s, 121s, 125s, {}, 2.0}};
  plan.load_end = 125s;
  return plan;
}

/// A recording with bursts of random size at random times, far from the base rate.
Trace trace_of(std::uint64_t seed, double mean_gap, int burst) {
  Trace trace;
  Rng rng(seed, "trace");
  Nanos at{0};
  while (at < 400s) {
    at += nanos_of_seconds(-mean_gap * std::log(1 - rng.unit()));
    trace.at.push_back(at);
    if (rng.below(10) == 0)
      for (std::uint64_t i = rng.below(static_cast<std::uint64_t>(burst)); i-- > 0;)
        trace.at.push_back(at + Nanos(static_cast<std::int64_t>(rng.below(900'000'000))));
  }
  std::sort(trace.at.begin(), trace.at.end());
  return trace;
}

/// The most arrivals in any window inside [from, to).
std::size_t most_in_window(const std::vector<Nanos>& times, Nanos from, Nanos to, Nanos window) {
  std::size_t most = 0;
  for (auto start = std::lower_bound(times.begin(), times.end(), from); start != times.end() && *start < to; ++start) {
    const auto end = std::lower_bound(start, times.end(), std::min(*start + window, to));
    most = std::max(most, static_cast<std::size_t>(end - start));
  }
  return most;
}

void expect_stated_peaks(const Plan& plan, const Trace& trace, const std::string& what) {
  const auto times = arrival_times(plan, trace);
  ASSERT_TRUE(std::is_sorted(times.begin(), times.end())) << what;
  for (const Segment& s : plan.segments) {
    const double wanted = plan.traffic.scale * plan.traffic.peak_rate * s.load * seconds(plan.traffic.peak_window);
    const Nanos edges[]{s.begin, s.fault_at, s.heal_at, s.horizon_at};
    for (int i = 0; i < 3; ++i) {
      if (edges[i] == edges[i + 1]) continue;
      const auto most = static_cast<double>(most_in_window(times, edges[i], edges[i + 1], plan.traffic.peak_window));
      EXPECT_NEAR(most, wanted, 1.0) << what << " segment " << s.index << " phase " << i;
    }
    // Windows across the edges of phases count as well.
    EXPECT_LE(static_cast<double>(most_in_window(times, s.begin, s.end, plan.traffic.peak_window)), 1.1 * wanted)
        << what << " segment " << s.index;
    EXPECT_EQ(std::count_if(times.begin(), times.end(), [&](Nanos t) { return t >= s.horizon_at && t < s.end; }), 0)
        << "the gap must be free of load";
  }
}

TEST(Arrivals, EveryPhaseReachesTheStatedPeakAndNoneExceedsIt) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    const Plan plan = plan_of(seed);
    expect_stated_peaks(plan, trace_of(seed, 0.4, 40), "dense recording, seed " + std::to_string(seed));  // thinned
    expect_stated_peaks(plan, trace_of(seed + 1000, 3.0, 6), "thin recording, seed " + std::to_string(seed));  // cloned
  }
}

TEST(Arrivals, ReachTheStatedPeakForOtherWindowsAndScales) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Plan plan = plan_of(seed);
    plan.traffic.peak_window = 2s;
    plan.traffic.scale = 2.5;
    plan.traffic.peak_rate = 11;
    plan.traffic.base_rate = 7.3;
    expect_stated_peaks(plan, trace_of(seed, 0.5, 30), "2 s window, seed " + std::to_string(seed));
    plan.traffic.peak_window = 500ms;
    expect_stated_peaks(plan, trace_of(seed, 0.5, 30), "500 ms window, seed " + std::to_string(seed));
  }
}

TEST(Arrivals, ReachTheStatedPeakWhenTheRecordingIsShorterThanAPhase) {
  const Trace trace{{0s, 100ms, 200ms, 3s}, ""};
  for (std::uint64_t seed = 1; seed <= 10; ++seed)
    expect_stated_peaks(plan_of(seed), trace, "four arrivals, seed " + std::to_string(seed));
}

TEST(Arrivals, BaseLoadFillsEverySecondEvenly) {
  Plan plan = plan_of(4);
  const auto times = arrival_times(plan, {});
  for (const Segment& s : plan.segments)
    for (Nanos second = s.begin; second < s.horizon_at; second += 1s) {
      const auto count =
          std::count_if(times.begin(), times.end(), [&](Nanos t) { return t >= second && t < second + 1s; });
      EXPECT_EQ(count, std::lround(plan.traffic.base_rate * s.load)) << seconds(second);
    }
}

TEST(Arrivals, SecondsHoldEnoughPlannedSteps) {
  const Plan plan = plan_of(5);  // 5 trades/s of 5.25 steps
  const auto times = arrival_times(plan, trace_of(5, 0.4, 40));
  std::map<std::int64_t, std::size_t> steps;
  for (std::size_t i = 0; i < times.size(); ++i)
    steps[times[i] / 1s] += plan.journeys[arrival(plan, i, times[i]).journey].steps.size();
  for (const Segment& s : plan.segments)
    for (Nanos second = s.begin; second < s.horizon_at; second += 1s)
      EXPECT_GE(steps[second / 1s], 20U) << seconds(second);
}

TEST(Arrivals, SameSeedSameTimesOtherSeedOthers) {
  const Trace trace = trace_of(9, 0.4, 40);
  EXPECT_EQ(arrival_times(plan_of(1), trace), arrival_times(plan_of(1), trace));
  EXPECT_NE(arrival_times(plan_of(1), trace), arrival_times(plan_of(2), trace));
}

TEST(Arrival, DependsOnSeedAndTradeOnly) {
  const Plan plan = plan_of(7);
  const Arrival a = arrival(plan, 42, 5s), b = arrival(plan, 42, 5s), other = arrival(plan_of(8), 42, 5s);
  EXPECT_EQ(a.buyer, b.buyer);
  EXPECT_EQ(a.phone, b.phone);
  EXPECT_EQ(a.sku, b.sku);
  EXPECT_EQ(a.key, "cs-7-42");
  EXPECT_EQ(other.key, "cs-8-42");
  EXPECT_NE(a.phone, other.phone);
}

TEST(Arrival, FollowsWeightsSkewAndRanges) {
  const Plan plan = plan_of(11);
  std::map<std::uint16_t, int> journeys;
  std::map<std::string, int> skus, channels;
  std::set<std::uint32_t> quantities;
  constexpr int kTrades = 12'000;
  for (int i = 0; i < kTrades; ++i) {
    const Arrival a = arrival(plan, static_cast<TradeId>(i), 0s);
    ++journeys[a.journey];
    ++skus[a.sku];
    ++channels[a.channel];
    quantities.insert(a.quantity);
    EXPECT_EQ(a.buyer.size(), 6U);
    EXPECT_EQ(a.phone.size(), 11U);
  }
  EXPECT_NEAR(journeys[0], kTrades * 3 / 4, 5);   // spread by design, not by chance
  EXPECT_NEAR(skus["a"], kTrades * 6 / 11, 250);  // 1 : 1/2 : 1/3
  EXPECT_NEAR(skus["c"], kTrades * 2 / 11, 250);
  EXPECT_NEAR(channels["alpha"], kTrades / 2, 250);
  EXPECT_EQ(quantities, (std::set<std::uint32_t>{2, 3, 4, 5}));
}

TEST(Arrival, BuyersComeInTurn) {
  Plan plan = plan_of(11);
  plan.buyers = 50;
  std::set<std::string> seen;
  for (TradeId i = 0; i < 50; ++i) EXPECT_TRUE(seen.insert(arrival(plan, i, 0s).buyer).second);
  EXPECT_EQ(arrival(plan, 50, 0s).buyer, arrival(plan, 0, 0s).buyer);
}

}  // namespace
}  // namespace cardstorm
