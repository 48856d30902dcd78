// replay: what each mode keeps and how much it sends, and that shards are slices of one stream.
#include "harness/plan/replay.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "harness/core/burst.hpp"
#include "harness/core/rng.hpp"
#include "harness/plan/shards.hpp"

namespace cardstorm {
namespace {

/// Sessions of one to six lines with pauses, in bursts.
Trace sessions(std::uint64_t seed, std::uint32_t count, Nanos over) {
  struct Row {
    Nanos at;
    std::uint32_t session;
  };
  std::vector<Row> rows;
  Rng rng(seed, "sessions");
  for (std::uint32_t s = 0; s < count; ++s) {
    const Nanos burst = over / 10 * static_cast<std::int64_t>(rng.below(10));
    Nanos at = burst + Nanos(static_cast<std::int64_t>(rng.below(1'500'000'000)));
    for (std::uint64_t n = 1 + rng.below(6); n-- > 0; at += Nanos(static_cast<std::int64_t>(rng.below(900'000'000))))
      rows.push_back({at, s});
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.at < b.at; });
  Trace trace;
  trace.texts = {"/x"};
  for (const Row& row : rows) {
    trace.at.push_back(row.at - rows.front().at);
    trace.lines.push_back({row.session, 0, 0});
  }
  return trace;
}

Traffic replayed_traffic(const std::string& mode, double scale) {
  Traffic t;
  t.mode = mode;
  t.scale = scale;
  return t;
}

std::vector<Replayed> once(const Traffic& t, const Trace& trace, std::uint64_t seed = 1) {
  return replay(t, trace, replay_length(t, slice_of_trace(t, trace)), seed);
}

TEST(Replay, CompressDividesEveryTimeByTheScale) {
  const Trace trace = sessions(1, 200, 60s);
  const auto out = once(replayed_traffic("compress", 1.5), trace);
  ASSERT_EQ(out.size(), trace.at.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    EXPECT_NEAR(seconds(out[i].at), seconds(trace.at[i]) / 1.5, 1e-8);
    EXPECT_EQ(out[i].line, i);
  }
}

TEST(Replay, CloneKeepsEverySessionAndDoublesEverySecondOne) {
  const Trace trace = sessions(2, 300, 60s);
  const auto out = once(replayed_traffic("clone", 1.5), trace);
  std::map<std::uint32_t, std::map<std::uint32_t, std::vector<Replayed>>> played;  // session, person
  for (const Replayed& r : out) played[trace.lines[r.line].session][r.person].push_back(r);
  std::size_t doubled = 0, persons = 0;
  std::set<std::uint32_t> names;
  for (const auto& [session, by_person] : played) {
    ASSERT_GE(by_person.size(), 1U);
    ASSERT_LE(by_person.size(), 2U);
    doubled += by_person.size() - 1;
    std::size_t first = 0;
    for (const auto& [person, lines] : by_person) {
      ++persons;
      EXPECT_TRUE(names.insert(person).second);  // nobody plays two sessions
      // The whole session, each line as late as every other: think times stay to the nanosecond.
      EXPECT_EQ(lines.size(),
                static_cast<std::size_t>(std::count_if(trace.lines.begin(), trace.lines.end(),
                                                       [s = session](const TraceLine& l) { return l.session == s; })));
      const Nanos late = lines.front().at - trace.at[lines.front().line];
      for (const Replayed& r : lines) EXPECT_EQ(r.at - trace.at[r.line], late);
      EXPECT_GE(late, 0s);
      EXPECT_LT(late, kCloneJitter);
      if (first++ == 0) {
        EXPECT_EQ(late, 0s);
      }
    }
  }
  EXPECT_EQ(played.size(), 300U);
  EXPECT_EQ(doubled, 150U);
  EXPECT_EQ(persons, 450U);
}

TEST(Replay, CloneThinsBelowOneAndMultipliesAboveTwo) {
  const Trace trace = sessions(3, 400, 60s);
  for (const double scale : {0.25, 1.0, 3.0}) {
    std::set<std::uint32_t> persons;
    for (const Replayed& r : once(replayed_traffic("clone", scale), trace)) persons.insert(r.person);
    EXPECT_EQ(persons.size(), static_cast<std::size_t>(400 * scale));
  }
  EXPECT_EQ(once(replayed_traffic("clone", 1), trace).size(), trace.at.size());
}

TEST(Replay, ResampleKeepsTheCountsOfEachSecond) {
  const Trace trace = sessions(4, 3000, 20s);
  const Traffic t = replayed_traffic("resample", 1.5);
  const Slice slice = slice_of_trace(t, trace);
  std::map<std::int64_t, double> recorded, sent;
  for (const Nanos at : slice.at) ++recorded[at / 1s];
  constexpr int kSeeds = 20;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto out = once(t, trace, seed);
    EXPECT_NEAR(static_cast<double>(out.size()), 1.5 * static_cast<double>(trace.at.size()),
                5 * std::sqrt(1.5 * static_cast<double>(trace.at.size())));
    std::set<std::uint32_t> persons;
    for (const Replayed& r : out) {
      ++sent[r.at / 1s];
      EXPECT_TRUE(persons.insert(r.person).second);
      EXPECT_EQ(r.at / 1s, slice.at[r.line] / 1s);  // a line of the same second
    }
  }
  for (const auto& [second, n] : recorded)
    EXPECT_NEAR(sent[second] / kSeeds, 1.5 * n, 5 * std::sqrt(1.5 * n / kSeeds)) << second;
}

TEST(Replay, TheModesDifferInBurstsAsPublished) {
  // Decision 0015: all three keep the dispersion; it grows by about the scale. A flat rate has none.
  const Trace trace = sessions(5, 2000, 120s);
  const auto index = [&](const Traffic& t) {
    std::vector<Nanos> times;
    for (const Replayed& r : once(t, trace)) times.push_back(r.at);
    return burst_numbers(times, 0s, replay_length(t, slice_of_trace(t, trace)))[1].dispersion.value();
  };
  const double original = index(replayed_traffic("compress", 1));
  for (const char* mode : {"compress", "clone", "resample"}) {
    EXPECT_GT(index(replayed_traffic(mode, 1.5)), 1.1 * original) << mode;
    EXPECT_LT(index(replayed_traffic(mode, 1.5)), 2.2 * original) << mode;
  }
}

TEST(Replay, FillsALongerLoadAsARingWithNewPersons) {
  const Trace trace = sessions(6, 50, 20s);
  for (const char* mode : {"compress", "clone", "resample"}) {
    const Traffic t = replayed_traffic(mode, 1.5);
    const Nanos length = 3 * replay_length(t, slice_of_trace(t, trace));
    const auto out = replay(t, trace, length, 1);
    EXPECT_GT(out.size(), 2.7 * static_cast<double>(once(t, trace).size())) << mode;
    EXPECT_TRUE(
        std::is_sorted(out.begin(), out.end(), [](const Replayed& a, const Replayed& b) { return a.at < b.at; }));
    EXPECT_LT(out.back().at, length);
    std::map<std::uint32_t, std::set<std::uint32_t>> sessions_of;
    for (const Replayed& r : out) sessions_of[r.person].insert(trace.lines[r.line].session);
    for (const auto& [person, some] : sessions_of) EXPECT_EQ(some.size(), 1U) << mode;
    EXPECT_GE(sessions_of.size(), 140U) << mode;
  }
}

TEST(Replay, CutsAShorterLoadAndTakesTheSliceThatIsAskedFor) {
  const Trace trace = sessions(7, 100, 60s);
  Traffic t = replayed_traffic("compress", 1);
  t.from = 10s;
  t.length = 20s;
  const Slice slice = slice_of_trace(t, trace);
  EXPECT_EQ(slice.length, 20s);
  ASSERT_FALSE(slice.at.empty());
  EXPECT_EQ(slice.at.front() + 10s, trace.at[slice.first_line]);
  for (const Replayed& r : replay(t, trace, 5s, 1)) EXPECT_LT(r.at, 5s);
  t.from = std::chrono::hours(1);
  EXPECT_TRUE(slice_of_trace(t, trace).at.empty());
  EXPECT_TRUE(replay(t, trace, 5s, 1).empty());
}

TEST(Replay, ATraceOfTimesOnlyIsOneSessionPerLine) {
  Trace trace;
  for (int i = 0; i < 100; ++i) trace.at.push_back(i * 100ms);
  std::set<std::uint32_t> persons;
  for (const Replayed& r : once(replayed_traffic("clone", 1.5), trace)) persons.insert(r.person);
  EXPECT_EQ(persons.size(), 150U);
}

Plan replay_plan(const std::string& mode) {
  Plan plan;
  plan.seed = 5;
  plan.traffic = replayed_traffic(mode, 1.5);
  plan.journeys.resize(3);
  for (std::size_t i = 0; i < plan.journeys.size(); ++i) {
    plan.journeys[i].name = "j" + std::to_string(i);
    plan.journeys[i].steps.resize(1);
  }
  const FaultSpec fault{"node_kill", "order", 15s, Json::object()};
  plan.segments = {{0, 0s, 10s, 25s, 30s, 36s, fault}, {1, 36s, 56s, 56s, 56s, 60s, {}}};
  plan.load_end = 60s;
  return plan;
}

TEST(PlannedTrades, LeaveTheGapsBetweenSegmentsEmpty) {
  const Trace trace = sessions(8, 400, 40s);
  for (const char* mode : {"compress", "clone", "resample", "constant", "promotion"}) {
    Plan plan = replay_plan(mode);
    plan.traffic.rate = 20;
    plan.traffic.rate_to = 50;
    plan.traffic.every = 15s;
    const PlannedTrades trades(plan, trace);
    ASSERT_GT(trades.size(), 100U);
    for (const Nanos at : trades.times()) {
      EXPECT_TRUE((at >= 0s && at < 30s) || (at >= 36s && at < 56s)) << mode << " " << seconds(at);
      EXPECT_EQ(plan_time(plan.segments, load_time(plan.segments, at)), at);
    }
    EXPECT_TRUE(std::is_sorted(trades.times().begin(), trades.times().end()));
  }
  EXPECT_EQ(loaded_time(replay_plan("clone").segments), 50s);
}

TEST(PlannedTrades, OneVisitorIsOneBuyerAndACloneIsAnother) {
  Trace trace = sessions(9, 60, 50s);
  trace.texts = {"/a?b=1", "/c"};
  for (std::size_t i = 0; i < trace.lines.size(); ++i) {
    trace.lines[i].path = static_cast<std::uint32_t>(i % 2);
    trace.lines[i].choice = static_cast<std::uint16_t>(i % 2);
  }
  trace.choices = {{2}, {0, 1}};
  const Plan plan = replay_plan("clone");
  const PlannedTrades trades(plan, trace);
  std::map<std::uint64_t, std::set<std::string>> buyers;
  std::set<std::string> names, keys;
  std::map<int, int> drawn;
  for (TradeId i = 0; i < trades.size(); ++i) {
    const Arrival a = trades.arrival(i);
    buyers[trades.stripe(i)].insert(a.buyer);
    names.insert(a.buyer);
    EXPECT_TRUE(keys.insert(a.key).second);
    EXPECT_EQ(a.journey, trades.journey(i));
    EXPECT_EQ(a.at, trades.times()[i]);
    if (a.trace_path == "/a?b=1") {
      EXPECT_EQ(a.journey, 2);
    } else {
      EXPECT_EQ(a.trace_path, "/c");
      ++drawn[a.journey];
    }
    // A judge who has no recording knows the same goods from the journey in the history.
    const Arrival judged = arrival(plan, i, a.at, a.journey);
    EXPECT_EQ(judged.sku, a.sku);
    EXPECT_EQ(judged.quantity, a.quantity);
  }
  for (const auto& [person, some] : buyers) EXPECT_EQ(some.size(), 1U);
  EXPECT_EQ(names.size(), buyers.size());
  EXPECT_NEAR(drawn[0], drawn[1], 0.3 * drawn[0]);  // equal weights
  EXPECT_EQ(drawn[2], 0);
}

TEST(Shards, AreSlicesOfOneStreamForAnyNumber) {
  const Trace trace = sessions(10, 300, 50s);
  for (const char* mode : {"clone", "resample", "constant"}) {
    Plan plan = replay_plan(mode);
    plan.traffic.rate = 30;
    const PlannedTrades trades(plan, trace);
    for (const std::uint32_t shards : {1U, 2U, 8U}) {
      std::vector<TradeId> all;
      std::map<std::uint64_t, std::set<std::uint32_t>> where;
      for (std::uint32_t slice = 0; slice < shards; ++slice) {
        const auto mine = trades_of_slice(trades, slice, shards);
        EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
        EXPECT_GT(mine.size(), trades.size() / shards / 2) << mode;  // fair
        for (const TradeId trade : mine) where[trades.stripe(trade)].insert(slice);
        all.insert(all.end(), mine.begin(), mine.end());
      }
      std::sort(all.begin(), all.end());
      ASSERT_EQ(all.size(), trades.size());
      for (TradeId i = 0; i < trades.size(); ++i) ASSERT_EQ(all[i], i);
      for (const auto& [stripe, slices] : where) EXPECT_EQ(slices.size(), 1U);  // a visitor's trades stay together
    }
  }
}

TEST(Shards, ThePlanIsTheSameForAnyNumber) {
  const Trace trace = sessions(11, 50, 50s);
  Plan one = replay_plan("clone"), eight = one;
  eight.traffic.shards = 8;
  EXPECT_EQ(arrival_times(one, trace), arrival_times(eight, trace));
}

}  // namespace
}  // namespace cardstorm
