// The figures of a run as Prometheus would read them.
#include "harness/observe/metrics.hpp"

#include <gtest/gtest.h>

#include "harness/net/http_client.hpp"
#include "tests/support/history_builder.hpp"

namespace cardstorm {
namespace {

using test::HistoryBuilder;

/// The value of one series, by its exact name and labels; -1 when it is not there.
double value_of(const Metrics& metrics, const std::string& series) {
  const std::string text = "\n" + metrics.text();
  const auto at = text.find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
}

TEST(Metrics, CountsTradesAndStepsByOutcome) {
  Metrics metrics;
  test::RecordingSink next;
  MeteredSink sink(next, metrics);
  HistoryBuilder()
      .trade(1, 1s, 20ms)
      .trade(2, 2s, 30ms)
      .trade(3, 3s, 5s, TradeOutcome::unknown, Cause::timeout)
      .ended(4, 4s, TradeOutcome::not_sent, Cause::in_flight_cap)
      .write_to(sink);
  EXPECT_EQ(next.events().size(), 10u);  // the tee passes everything on
  EXPECT_EQ(value_of(metrics, R"(cardstorm_trades_total{outcome="ok"})"), 2);
  EXPECT_EQ(value_of(metrics, R"(cardstorm_trades_total{outcome="unknown"})"), 1);
  EXPECT_EQ(value_of(metrics, R"(cardstorm_trades_total{outcome="not_sent"})"), 1);
  EXPECT_EQ(value_of(metrics, R"(cardstorm_trades_total{outcome="failed"})"), 0);  // there from the start
  EXPECT_EQ(value_of(metrics, R"(cardstorm_steps_total{outcome="ok"})"), 2);
  EXPECT_EQ(value_of(metrics, R"(cardstorm_steps_total{outcome="unknown"})"), 1);
}

TEST(Metrics, MeasuresStepsFromTheirPlannedTimeAndLeavesOutThoseNeverSent) {
  Metrics metrics;
  HistoryBuilder builder;
  builder.step(1, 0, 1s, 20ms)
      .step(2, 0, 1s, 600ms)
      .add(StepEnded{3, 0, 1s, 1s, 1s, Outcome::failed, Cause::earlier_step, 0, 0, 0})
      .add(StepEnded{4, 0, 1s, 1500ms, 3s, Outcome::ok, Cause::none, 200, 2, 1});
  for (const Event& e : builder.events()) metrics.observe(e);
  EXPECT_EQ(value_of(metrics, "cardstorm_step_duration_seconds_count"), 3);
  EXPECT_NEAR(value_of(metrics, "cardstorm_step_duration_seconds_sum"), 2.62, 1e-9);
  EXPECT_EQ(value_of(metrics, R"(cardstorm_step_duration_seconds_bucket{le="0.025"})"), 1);
  EXPECT_EQ(value_of(metrics, R"(cardstorm_step_duration_seconds_bucket{le="1"})"), 2);
  EXPECT_EQ(value_of(metrics, R"(cardstorm_step_duration_seconds_bucket{le="+Inf"})"), 3);
  EXPECT_EQ(value_of(metrics, "cardstorm_resends_total"), 1);
}

TEST(Metrics, ShowsAFaultFromInjectedUntilItWasSeenToBeGone) {
  Metrics metrics;
  const std::string series = R"(cardstorm_fault_active{fault="payment_delay",on="alpha"})";
  const auto edge = [&](FaultEdge e) { metrics.observe(FaultChanged{1s, 0, "payment_delay", "alpha", e, ""}); };
  EXPECT_EQ(value_of(metrics, series), -1);
  edge(FaultEdge::injecting);
  EXPECT_EQ(value_of(metrics, series), 0);
  edge(FaultEdge::injected);
  EXPECT_EQ(value_of(metrics, series), 1);
  edge(FaultEdge::healed);
  EXPECT_EQ(value_of(metrics, series), 1);
  edge(FaultEdge::cleared);
  EXPECT_EQ(value_of(metrics, series), 0);
}

TEST(Metrics, ShowsThePhaseAtHand) {
  Metrics metrics;
  metrics.observe(PhaseMarked{0s, Phase::steady, 0});
  metrics.observe(PhaseMarked{5s, Phase::fault, 0});
  EXPECT_EQ(value_of(metrics, R"(cardstorm_phase{phase="steady"})"), 0);
  EXPECT_EQ(value_of(metrics, R"(cardstorm_phase{phase="fault"})"), 1);
}

TEST(Metrics, CountsCardsByGenuineness) {
  Metrics metrics;
  metrics.observe(CardSeen{1, 1s, "O-1", true, 1, 2, ""});
  metrics.observe(CardSeen{1, 1s, "O-1", false, 0, 0, "abcd"});
  EXPECT_EQ(value_of(metrics, R"(cardstorm_cards_seen_total{genuine="true"})"), 1);
  EXPECT_EQ(value_of(metrics, R"(cardstorm_cards_seen_total{genuine="false"})"), 1);
}

TEST(Metrics, AreServedOnLoopbackWhenAsked) {
  Metrics metrics;
  metrics.observe(TradeEnded{1, 1s, TradeOutcome::ok, Cause::none});
  const auto port = metrics.expose(0);
  ASSERT_TRUE(port) << port.error().what;
  const HttpResponse answer = fetch({"GET", "http://127.0.0.1:" + std::to_string(*port) + "/metrics", "", {}, 5s});
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find(R"(cardstorm_trades_total{outcome="ok"} 1)"), std::string::npos);
  Metrics second;
  const auto taken = second.expose(*port);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace cardstorm
