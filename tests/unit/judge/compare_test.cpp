// compare: an unchanged platform is never "worse", a planted change always is, and what cannot be known is said so.
#include "harness/judge/compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "harness/core/rng.hpp"

namespace cardstorm {
namespace {

struct Shape {
  double good = 0.999, p50 = 10, p99 = 40, ttr = 8;
  std::uint64_t seed = 1;
  double noise = 0.15;
};

/// A run of 120 s with 50 planned steps a second, one fault and one check.
Scorecard run_like(const Shape& shape) {
  Scorecard card;
  card.scenario = "drill";
  card.target = "shop";
  card.generator.trusted = true;
  card.traffic.peak_rate = 16;
  Rng rng(shape.seed, "compare_test");
  Rate all;
  const auto wobble = [&] { return 1 + shape.noise * (2 * rng.unit() - 1); };
  for (int s = 0; s < 120; ++s) {
    WindowRow w{.at_s = double(s),
                .planned = 50,
                .good = 0,
                .p50_ms = shape.p50 * wobble(),
                .p99_ms = shape.p99 * wobble(),
                .trades = 10};
    for (int i = 0; i < 50; ++i) w.good += rng.unit() < shape.good;
    all.planned += 10;
    for (int i = 0; i < 10; ++i) all.good += rng.unit() < shape.good;
    card.timeline.push_back(w);
  }
  card.by_phase["steady"] = all;
  card.by_flow["buy"] = all;
  card.traffic.planned = all.planned;
  card.success_rate = all.share();
  card.latency_ms = {shape.p50 * wobble(), 0, shape.p99 * wobble(), 0, 0};
  Episode e;
  e.fault = "node_kill";
  e.on = "order";
  e.verified = true;
  e.horizon_s = 50;
  e.ttr_s = shape.ttr;
  card.episodes = {e};
  Finding check;
  check.name = "card_unique";
  check.verdict = Verdict::pass;
  card.checks = {check};
  return card;
}

Change change_of(const Comparison& c, const std::string& name) {
  const auto it =
      std::find_if(c.metrics.begin(), c.metrics.end(), [&](const MetricChange& m) { return m.name == name; });
  EXPECT_NE(it, c.metrics.end()) << name;
  return it == c.metrics.end() ? Change::no_evidence : it->change;
}

TEST(Compare, NeverCallsAnUnchangedPlatformWorse) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const Comparison c = compare_runs({run_like({.seed = 2 * seed + 1})}, {run_like({.seed = 2 * seed + 2})});
    for (const auto& m : c.metrics)
      EXPECT_TRUE(m.change == Change::same || m.change == Change::no_evidence) << m.name << " seed " << seed;
    EXPECT_EQ(c.verdict, Verdict::pass) << seed;
  }
}

TEST(Compare, FindsEachPlantedChangeInItsOwnMetric) {
  const Scorecard a = run_like({.seed = 1});
  EXPECT_EQ(change_of(compare_runs({a}, {run_like({.good = 0.95, .seed = 2})}), "success_rate"), Change::worse);
  EXPECT_EQ(change_of(compare_runs({a}, {run_like({.p50 = 16, .seed = 3})}), "latency_ms.p50"), Change::worse);
  EXPECT_EQ(change_of(compare_runs({a}, {run_like({.p99 = 90, .seed = 4})}), "latency_ms.p99"), Change::worse);
  EXPECT_EQ(change_of(compare_runs({a}, {run_like({.p99 = 20, .seed = 4})}), "latency_ms.p99"), Change::better);
  EXPECT_EQ(change_of(compare_runs({a}, {run_like({.ttr = 20, .seed = 5})}), "ttr_s.node_kill"), Change::worse);
  EXPECT_EQ(change_of(compare_runs({a}, {run_like({.ttr = 2, .seed = 5})}), "ttr_s.node_kill"), Change::better);
  EXPECT_EQ(compare_runs({a}, {run_like({.good = 0.95, .seed = 2})}).verdict, Verdict::fail);
}

TEST(Compare, ASmallChangeInOneRunIsNoEvidence) {
  EXPECT_EQ(change_of(compare_runs({run_like({.seed = 1})}, {run_like({.p50 = 11.5, .seed = 2})}), "latency_ms.p50"),
            Change::same);
  EXPECT_NE(change_of(compare_runs({run_like({.seed = 1})}, {run_like({.ttr = 9, .seed = 2})}), "ttr_s.node_kill"),
            Change::worse);
}

TEST(Compare, ThreeRunsASideMeasureTheirNoise) {
  std::vector<Scorecard> a, b;
  for (std::uint64_t i = 0; i < 4; ++i) {
    a.push_back(run_like({.p50 = 10, .seed = 10 + i, .noise = 0.01}));
    b.push_back(run_like({.p50 = 11.5, .seed = 20 + i, .noise = 0.01}));
  }
  const Comparison c = compare_runs(a, b);
  EXPECT_EQ(change_of(c, "latency_ms.p50"), Change::worse);  // 15 % is beyond a measured spread of 1 %
  EXPECT_EQ(compare_runs(a, a).verdict, Verdict::pass);
}

TEST(Compare, ABrokenPromiseNeedsNoStatistics) {
  Scorecard b = run_like({.seed = 2});
  b.checks[0].verdict = Verdict::fail;
  b.traffic.planned = 10;  // not even comparable traffic
  const Comparison c = compare_runs({run_like({.seed = 1})}, {b});
  EXPECT_EQ(c.verdict, Verdict::fail);
  EXPECT_EQ(c.checks.at(0).change, Change::worse);
  b.checks[0].verdict = Verdict::unknown;
  EXPECT_EQ(compare_runs({run_like({.seed = 1})}, {b}).checks.at(0).change, Change::no_evidence);
}

TEST(Compare, WhatCannotBeComparedIsUnknown) {
  const Scorecard a = run_like({.seed = 1});
  Scorecard other = a, untrusted = a, scaled = a;
  other.scenario = "smoke";
  untrusted.generator.trusted = false;
  scaled.traffic.scale = 3;
  for (const Scorecard& b : {other, untrusted, scaled}) {
    const Comparison c = compare_runs({a}, {b});
    EXPECT_EQ(c.verdict, Verdict::unknown);
    ASSERT_FALSE(c.why.empty());
    EXPECT_EQ(c.why[0].code, "not_comparable");
    EXPECT_TRUE(c.metrics.empty());
  }
  EXPECT_EQ(compare_runs({}, {a}).verdict, Verdict::unknown);
}

TEST(Compare, ARunThatIsNotWholeIsComparedWithNothing) {
  const Scorecard a = run_like({.seed = 1});
  for (const char* code : {"interrupted", "guard_stopped", "history_damaged", "sums_do_not_add_up"}) {
    Scorecard b = run_like({.seed = 2});
    b.why = {{code, "what happened", ""}};
    for (const Comparison& c : {compare_runs({a}, {b}), compare_runs({b}, {a})}) {
      EXPECT_EQ(c.verdict, Verdict::unknown) << code;
      ASSERT_EQ(c.why.size(), 1U) << code;
      EXPECT_EQ(c.why[0].code, "not_comparable");
      EXPECT_NE(c.why[0].text.find("what happened"), std::string::npos);
    }
  }
  Scorecard aborted = run_like({.good = 0.4, .seed = 2});
  aborted.why = {{"aborted", "good_share >= 0.5 over 10s", ""}};
  EXPECT_EQ(compare_runs({a}, {aborted}).verdict, Verdict::fail) << "the platform itself ended that one";
}

TEST(Compare, TheSameTwoRunsGiveTheSameBytes) {
  const auto text = [] {
    return json_of_comparison(compare_runs({run_like({.seed = 1})}, {run_like({.seed = 2})})).dump();
  };
  EXPECT_EQ(text(), text());
}

}  // namespace
}  // namespace cardstorm
