// The driver as a whole, in virtual time: what it reports about outages, freezes and its own faults must be the truth.
#include <gtest/gtest.h>

#include "tests/support/event_text.hpp"
#include "tests/unit/drive/bench_run.hpp"

namespace cardstorm {
namespace {

using test::BenchRun;
using test::FakeReply;
using test::get;
using test::journey;
using test::post;

FakeReply fine(const HttpRequest&, Nanos) { return FakeReply::json("{}", 200, 20ms); }

Step without_resend(Step s) {
  s.resend = false;
  return s;
}

TEST(Driver, StartsEachTradeAtItsPlannedTimeWhateverTheTargetDoes) {
  BenchRun run(journey({get("/goods")}), [](const HttpRequest&, Nanos) { return FakeReply::json("{}", 200, 4s); });
  run.every(7ms, 500, 13ms);
  run.run();
  ASSERT_EQ(run.client.sent().size(), 500u);
  for (std::size_t i = 0; i < 500; ++i) ASSERT_EQ(run.client.sent()[i].at, run.times[i]);
  EXPECT_EQ(run.count(TradeOutcome::ok, Cause::none), 500u);
  EXPECT_EQ(run.step(499, 0).done - run.step(499, 0).planned, Nanos(4s));
  EXPECT_EQ(run.history.all<GeneratorSeen>()[0].lateness_p99, Nanos(0));
}

TEST(Driver, SendsNothingBeforeLoadStart) {
  BenchRun run(journey({get("/goods")}), fine);
  run.clock.advance(-3s);
  run.every(10ms, 10);
  run.run();
  EXPECT_EQ(run.client.sent()[0].at, Nanos(0));
}

TEST(Driver, TellsTheTruthAboutAnOutage) {
  BenchRun run(journey({without_resend(get("/goods"))}), [](const HttpRequest&, Nanos now) {
    return now >= 12s && now < 17s ? FakeReply::refused() : FakeReply::json("{}");
  });
  run.every(10ms, 3000);  // 100/s for 30 s, of which 5 s are dark
  run.run();
  EXPECT_EQ(run.count(TradeOutcome::ok, Cause::none), 2500u);
  EXPECT_EQ(run.count(TradeOutcome::failed, Cause::refused), 500u);
  EXPECT_EQ(run.client.sent_count(), 3000u);  // no retries in a tight loop
}

TEST(Driver, CountsTheWholeLatencyOfAFreeze) {
  BenchRun run(journey({get("/goods")}), [](const HttpRequest&, Nanos now) {
    const bool frozen = now >= 10s && now < 14s;  // answered when it thaws
    return FakeReply::json("{}", 200, frozen ? 14s - now : Nanos(1ms));
  });
  run.every(10ms, 3000);
  run.run();
  EXPECT_EQ(run.count(TradeOutcome::ok, Cause::none), 3000u);
  for (const StepEnded& e : run.history.all<StepEnded>()) {
    const bool frozen = e.planned >= 10s && e.planned < 14s;
    ASSERT_EQ(e.done - e.planned, frozen ? 14s - e.planned : Nanos(1ms));
  }
}

TEST(Driver, CallsAFreezeToTheEndUnfinishedOrUnknownNeverNothing) {
  Step pay = without_resend(post("/pay"));
  pay.timeout = 60s;
  BenchRun run(journey({pay}, 40s),
               [](const HttpRequest&, Nanos now) { return now >= 10s ? FakeReply::never() : FakeReply::json("{}"); });
  run.plan.load_end = 30s;
  run.plan.drain = 20s;
  run.every(100ms, 300);
  run.run();
  EXPECT_EQ(run.count(TradeOutcome::ok, Cause::none), 100u);
  // The deadline of the one planned at 10 s passes at 50 s, just when the drain ends: whatever else is open is
  // unfinished.
  EXPECT_EQ(run.count(TradeOutcome::unknown, Cause::deadline), 1u);
  EXPECT_EQ(run.count(TradeOutcome::unfinished, Cause::deadline), 199u);
  EXPECT_EQ(run.step(150, 0).outcome, Outcome::unknown);
  EXPECT_EQ(run.clock.now(), Nanos(50s));
}

TEST(Driver, DropsWhatItIsTooLateForInsteadOfSendingABurst) {
  BenchRun run(journey({get("/a"), get("/b")}), fine);
  run.every(100ms, 100);
  run.client.stall(3050ms, 2s);
  run.run();
  std::size_t dropped = 0;
  for (const auto& e : run.history.all<TradeEnded>()) {
    if (e.outcome != TradeOutcome::not_sent) continue;
    ++dropped;
    EXPECT_EQ(e.cause, Cause::late_generator);
    EXPECT_EQ(run.step(e.trade, 1).cause, Cause::late_generator);  // not the platform's fault either
    EXPECT_GE(run.times[e.trade], Nanos(3s));
    EXPECT_LT(run.times[e.trade], Nanos(4900ms));
  }
  EXPECT_EQ(dropped, 17u);  // planned 3.1 s to 4.7 s; 4.8 s and later are less than 250 ms late
  EXPECT_EQ(run.count(TradeOutcome::ok, Cause::none), 83u);
  EXPECT_GT(run.history.all<GeneratorSeen>()[0].lateness_p99, Nanos(1s));  // seen, although never sent
}

TEST(Driver, TakesFromThePlanHowLateIsTooLate) {
  BenchRun run(journey({get("/a")}), fine);
  run.plan.traffic.late_max = 50ms;
  run.every(10ms, 100);
  run.client.stall(505ms, 200ms);
  run.run();
  EXPECT_EQ(run.count(TradeOutcome::not_sent, Cause::late_generator),
            15u);  // planned 510 ms to 650 ms; 705 ms is 55 ms after the last
  EXPECT_EQ(run.lanes, std::vector<std::string>{"drive"});
}

TEST(Driver, CountsItsOwnLatenessIntoTheLatency) {
  BenchRun run(journey({get("/a")}), fine);
  run.every(100ms, 10);
  run.client.stall(250ms, 200ms);
  run.run();
  const StepEnded late = run.step(3, 0);  // planned at 300 ms, sent at 450 ms
  EXPECT_EQ(late.planned, Nanos(300ms));
  EXPECT_EQ(late.sent, Nanos(450ms));
  EXPECT_EQ(late.done, Nanos(470ms));
}

TEST(Driver, SendsNoMoreThanTheCapAndBlamesTheTarget) {
  BenchRun run(journey({without_resend(get("/a")), get("/b")}),
               [](const HttpRequest&, Nanos) { return FakeReply::never(); });
  run.plan.in_flight_max = 20;
  run.every(10ms, 100);
  run.run();
  EXPECT_EQ(run.client.in_flight_max(), 20u);
  EXPECT_EQ(run.count(TradeOutcome::not_sent, Cause::in_flight_cap), 80u);
  EXPECT_EQ(run.count(TradeOutcome::failed, Cause::timeout), 20u);
  EXPECT_EQ(run.step(50, 0).cause, Cause::in_flight_cap);
  EXPECT_EQ(run.step(50, 0).requests, 0u);
  EXPECT_EQ(run.step(50, 1).cause, Cause::earlier_step);
}

TEST(Driver, EndsWhatIsOpenWhenStopped) {
  std::stop_source stop;
  BenchRun run(journey({post("/pay"), get("/b")}), [&](const HttpRequest&, Nanos now) {
    if (now >= 5s) stop.request_stop();
    return FakeReply::json("{}", 200, 1s);
  });
  run.every(100ms, 100);
  run.run(stop.get_token());
  EXPECT_LE(run.clock.now(), Nanos(5s + 100ms));
  EXPECT_EQ(run.count(TradeOutcome::not_sent, Cause::interrupted), 50u);  // the others were begun before 5 s
  EXPECT_GE(run.count(TradeOutcome::unfinished, Cause::interrupted), 19u);
  EXPECT_EQ(run.step(49, 0).outcome, Outcome::unknown);  // the payment was under way
  EXPECT_EQ(run.step(49, 1).cause, Cause::interrupted);
  EXPECT_EQ(run.step(99, 0).outcome, Outcome::failed);
}

TEST(Driver, StopsItselfWhenAnAbortRuleIsBroken) {
  BenchRun run(journey({without_resend(get("/a"))}),
               [](const HttpRequest&, Nanos now) { return now >= 20s ? FakeReply::refused() : FakeReply::json("{}"); });
  run.plan.abort = {{"good_share", ">=", 0.5, 4s, ""}};
  run.every(10ms, 6000);
  run.run();
  ASSERT_EQ(run.breaches.size(), 1u);
  EXPECT_NEAR(seconds(run.breaches[0].at), 22.0, 0.2);  // half of the window is bad two seconds after the outage began
  EXPECT_LE(run.clock.now(), run.breaches[0].at + 1200ms);
  EXPECT_LT(run.breaches[0].value, 0.5);
  EXPECT_GT(run.count(TradeOutcome::not_sent, Cause::interrupted), 3000u);
}

TEST(Driver, CountsWhatHangsForTheAbortRule) {
  BenchRun run(journey({without_resend(get("/a"))}),
               [](const HttpRequest&, Nanos now) { return now >= 20s ? FakeReply::never() : FakeReply::json("{}"); });
  run.plan.abort = {{"p99_ms", "<=", 800, 4s, ""}};
  run.plan.slo.step_limit = 500ms;
  run.every(10ms, 6000);
  run.run();
  ASSERT_EQ(run.breaches.size(), 1u);
  EXPECT_LT(run.clock.now(), Nanos(22s));  // though nothing has timed out by then
  EXPECT_GT(run.breaches[0].value, 800);
}

TEST(Driver, IgnoresAnswersThatComeAfterItsEnd) {
  BenchRun run(journey({get("/a")}), [&](const HttpRequest&, Nanos) { return FakeReply::json("{}", 200, 1s); });
  run.times = {Nanos(0)};
  run.plan.load_end = 50ms;
  run.plan.drain = Nanos(0);
  run.run();  // ends at 50 ms with one request out
  const auto before = run.history.events().size();
  EXPECT_EQ(run.client.in_flight(), 1u);
  run.client.drive(10s);  // the answer comes to nobody
  EXPECT_EQ(run.history.events().size(), before);
}

TEST(Driver, FlushesTheHistoryFiveTimesASecond) {
  BenchRun run(journey({get("/a")}), fine);
  run.every(1s, 11);
  run.run();
  EXPECT_GE(run.history.flushes(), 49);
  EXPECT_LE(run.history.flushes(), 60);
}

TEST(Driver, WritesTheSameHistoryForTheSameSeed) {
  const auto events = [] {
    BenchRun run(journey({post("/a"), get("/b")}), [n = 0](const HttpRequest&, Nanos) mutable {
      return ++n % 3 == 0 ? FakeReply::reset() : FakeReply::json("{}", 200, 5ms);
    });
    run.every(30ms, 200);
    run.run();
    std::string out;
    for (const Event& e : run.history.events())
      if (!std::holds_alternative<GeneratorSeen>(e)) out += test::text_of(e) + "\n";
    return out;
  };
  EXPECT_EQ(events(), events());
}

TEST(Driver, ShowsLiveFigures) {
  BenchRun run(journey({get("/a")}), [](const HttpRequest&, Nanos) { return FakeReply::json("{}", 200, 80ms); });
  run.every(10ms, 1000);
  run.run();
  EXPECT_EQ(run.live.trades_planned, 1000u);
  EXPECT_EQ(run.live.trades_ok, 1000u);
  EXPECT_EQ(run.live.steps_ok, 1000u);
  EXPECT_NEAR(static_cast<double>(run.live.p99_us.load()), 80'000, 400);
  EXPECT_EQ(run.live.in_flight, 0u);
}

TEST(Driver, HoldsALongRunWithManyTrades) {
  BenchRun run(journey({get("/a")}), fine);
  run.client.forget_requests();
  run.plan.load_end = 200s;
  run.every(40ms, 5'000);
  run.run();
  EXPECT_EQ(run.count(TradeOutcome::ok, Cause::none), 5'000u);
  EXPECT_LE(run.client.in_flight_max(), 3u);
}

}  // namespace
}  // namespace cardstorm
