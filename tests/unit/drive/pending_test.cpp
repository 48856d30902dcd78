// What was accepted and is not known yet: asked again under its key, whatever else happens meanwhile.
#include <gtest/gtest.h>

#include "tests/unit/drive/one_trade.hpp"

namespace cardstorm {
namespace {

using test::BenchRun;
using test::FakeReply;
using test::get;
using test::in_turn;
using test::journey;
using test::post;
using test::run_one;

const FakeReply kQueued = FakeReply::json(R"({"order_no":"O-7","status":"queued"})", 202);
const FakeReply kMade = FakeReply::json("{}", 201);
const FakeReply kSoldOut = FakeReply::json(R"({"error":"sold_out"})", 409);

/// An order of a shop with a queue.
Step queueing(Step s = post("/orders")) {
  s.headers = {{"Idempotency-Key", "${key}"}};
  s.expect.status = {201};
  s.sold_out_status = {409};
  s.sold_out_pointer = "/error";
  s.sold_out_value = "sold_out";
  s.pending = Pending{{202}};
  return s;
}

TEST(Pending, IsAskedAgainUnderTheSameKeyUntilAnotherAnswerComes) {
  BenchRun run(journey({queueing(), get("/b")}), in_turn({kQueued, kQueued, kMade, FakeReply::json("{}")}));
  run_one(run);
  ASSERT_EQ(run.client.sent().size(), 4u);
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(run.client.sent()[i].at - run.client.sent()[i - 1].at, Nanos(501ms));
    EXPECT_EQ(run.client.sent()[i].request.headers[0],
              (std::pair<std::string, std::string>{"Idempotency-Key", "key-0"}));
    EXPECT_EQ(run.client.sent()[i].request.body, run.client.sent()[0].request.body);
  }
  const StepEnded e = run.step(0, 0);
  EXPECT_EQ(e.outcome, Outcome::ok);
  EXPECT_EQ(e.requests, 3);
  EXPECT_EQ(e.resends, 0);
  EXPECT_EQ(e.status, 201);
  EXPECT_EQ(e.done, Nanos(2003ms)) << "the buyer waited from the first press";
  EXPECT_EQ(run.step(0, 1).planned, Nanos(1s)) << "and is behind, as after any slow step";
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::ok);
}

TEST(Pending, IsToldByAValueWhereTheStatusIsThatOfAnyAnswer) {
  Step order = post("/orders");
  order.pending = Pending{{200}, 100ms, "/status", {"queued", "accepted"}};
  const auto asked = [&](const char* body) {
    BenchRun run(journey({order}), in_turn({FakeReply::json(body), FakeReply::json(R"({"status":"created"})")}));
    run_one(run);
    EXPECT_EQ(run.trade(0).outcome, TradeOutcome::ok);
    return run.client.sent_count();
  };
  EXPECT_EQ(asked(R"({"status":"queued"})"), 2u);
  EXPECT_EQ(asked(R"({"status":"accepted"})"), 2u);
  EXPECT_EQ(asked(R"({"status":"made"})"), 1u);
  EXPECT_EQ(asked(R"({"status":null})"), 1u);
  EXPECT_EQ(asked("queued"), 1u);
}

TEST(Pending, LeavesEveryOtherAnswerWhatItIs) {
  struct Case {
    FakeReply reply;
    Cause cause;
    Outcome outcome;
    std::uint64_t sent;
  };
  const std::vector<Case> cases{{FakeReply::json("{}", 400), Cause::http_4xx, Outcome::failed, 1},
                                {FakeReply::json("{}", 200), Cause::bad_body, Outcome::unknown, 1},
                                {kSoldOut, Cause::sold_out, Outcome::failed, 1},
                                {FakeReply::json("{}", 429), Cause::http_429, Outcome::failed, 2},
                                {FakeReply::json("{}", 503), Cause::http_5xx, Outcome::unknown, 2},
                                {FakeReply::refused(), Cause::refused, Outcome::failed, 2},
                                {FakeReply::json("<html>captcha", 202), Cause::front_wall, Outcome::failed, 1}};
  for (const Case& c : cases) {
    SCOPED_TRACE(to_text(c.cause));
    BenchRun run(journey({queueing()}), in_turn({c.reply}));
    run_one(run);
    EXPECT_EQ(run.step(0, 0).cause, c.cause);
    EXPECT_EQ(run.step(0, 0).outcome, c.outcome);
    EXPECT_EQ(run.client.sent_count(), c.sent);
  }
}

TEST(Pending, IsUnknownAtTheDeadlineWhenTheStepHasAnEffect) {
  BenchRun writing(journey({queueing(), get("/b")}, 10s), in_turn({kQueued})),
      reading(journey({queueing(get("/quote"))}, 10s), in_turn({kQueued}));
  run_one(writing);
  run_one(reading);
  EXPECT_EQ(writing.step(0, 0).outcome, Outcome::unknown);
  EXPECT_EQ(writing.step(0, 0).cause, Cause::deadline);
  EXPECT_EQ(writing.step(0, 0).done, Nanos(11s));
  EXPECT_EQ(writing.step(0, 1).cause, Cause::earlier_step);
  EXPECT_EQ(writing.trade(0).outcome, TradeOutcome::unknown);
  EXPECT_EQ(writing.trade(0).cause, Cause::deadline);
  EXPECT_EQ(reading.step(0, 0).outcome, Outcome::failed);
  EXPECT_EQ(reading.trade(0).outcome, TradeOutcome::failed);
}

TEST(Pending, LeavesTheAcceptedOrderUnknownWhenALaterErrorSaysNothingOfIt) {
  for (const FakeReply& error :
       {FakeReply::json("{}", 400), FakeReply::json("{}", 429), FakeReply::refused(), FakeReply::json("{}", 500)}) {
    SCOPED_TRACE(error.status);
    BenchRun run(journey({queueing()}), in_turn({kQueued, error}));
    run_one(run);
    EXPECT_NE(run.step(0, 0).cause, Cause::deadline);
    EXPECT_EQ(run.step(0, 0).outcome, Outcome::unknown);
    EXPECT_EQ(run.trade(0).outcome, TradeOutcome::unknown);
  }
  BenchRun reading(journey({queueing(get("/quote"))}), in_turn({kQueued, FakeReply::json("{}", 400)}));
  run_one(reading);
  EXPECT_EQ(reading.step(0, 0).outcome, Outcome::failed) << "nothing was at stake";
}

TEST(Pending, TakesALaterSoldOutAsTheAnswerThatWasPromised) {
  BenchRun run(journey({queueing()}), in_turn({kQueued, kSoldOut}));
  run_one(run);
  EXPECT_EQ(run.step(0, 0).cause, Cause::sold_out);
  EXPECT_EQ(run.step(0, 0).outcome, Outcome::failed);
  EXPECT_EQ(run.trade(0).cause, Cause::sold_out);
}

TEST(Pending, ResendsWhatBreaksOnceBeforeAndAfterAndCountsOnlyThat) {
  BenchRun run(journey({queueing()}), in_turn({kQueued, FakeReply::reset(), kQueued, kQueued, kMade}));
  run_one(run);
  EXPECT_EQ(run.step(0, 0).outcome, Outcome::ok);
  EXPECT_EQ(run.step(0, 0).requests, 5);
  EXPECT_EQ(run.step(0, 0).resends, 1);
  ASSERT_EQ(run.client.sent().size(), 5u);
  EXPECT_GE(run.client.sent()[2].at - run.client.sent()[1].at, Nanos(1s)) << "a broken one waits as ever";
  EXPECT_EQ(run.client.sent()[3].at - run.client.sent()[2].at, Nanos(501ms));
  BenchRun twice(journey({queueing()}), in_turn({FakeReply::reset(), kQueued, FakeReply::reset()}));
  run_one(twice);
  EXPECT_EQ(twice.client.sent_count(), 3u);
  EXPECT_EQ(twice.step(0, 0).cause, Cause::reset);
  EXPECT_EQ(twice.step(0, 0).resends, 1);
}

TEST(Pending, OfTwoPressesAsksOnceAndOutweighsWhatTheOtherWasTold) {
  const auto pressed_twice = [](std::vector<FakeReply> replies) {
    Journey j = journey({queueing()});
    j.resubmit = 1;
    BenchRun run(j, in_turn(std::move(replies)));
    run_one(run);
    return std::tuple(run.step(0, 0).cause, run.step(0, 0).outcome, run.client.sent_count());
  };
  const auto good = [](std::uint64_t sent) { return std::tuple(Cause::none, Outcome::ok, sent); };
  EXPECT_EQ(pressed_twice({kQueued, kQueued, kMade}), good(3)) << "one page, one question";
  EXPECT_EQ(pressed_twice({kSoldOut, kQueued, kMade}), good(3));
  EXPECT_EQ(pressed_twice({kQueued, kSoldOut, kMade}), good(3));
  EXPECT_EQ(pressed_twice({kQueued, FakeReply::json("{}", 400), kMade}), good(3));
  EXPECT_EQ(pressed_twice({kQueued, FakeReply::never(), kQueued, kMade}), good(4))
      << "the question does not wait for a press that hangs";
  EXPECT_EQ(pressed_twice({kQueued, FakeReply::json("{}", 201, 300ms), kMade}), good(2))
      << "the first good answer wins";
  EXPECT_EQ(pressed_twice({kSoldOut, kQueued, FakeReply::json("{}", 400)}),
            std::tuple(Cause::http_4xx, Outcome::unknown, std::uint64_t{3}));
}

TEST(Pending, OfARefreshedPageIsAskedAgainBesideTheHangingOneAndIsNoRefresh) {
  Journey j = journey({queueing(get("/quote"))});
  j.patience = 2s;
  j.refresh = 2;
  BenchRun run(j, in_turn({FakeReply::never(), kQueued, FakeReply::never(), kMade}));
  run_one(run);
  ASSERT_EQ(run.client.sent().size(), 4u);
  EXPECT_EQ(run.client.sent()[1].at, Nanos(3s)) << "refreshed";
  EXPECT_EQ(run.client.sent()[2].at, Nanos(3501ms)) << "asked again";
  EXPECT_EQ(run.client.sent()[3].at, Nanos(5501ms)) << "refreshed, the second of two";
  EXPECT_EQ(run.step(0, 0).outcome, Outcome::ok);
  EXPECT_EQ(run.step(0, 0).requests, 4);
  EXPECT_EQ(run.step(0, 0).resends, 0);
}

// The second trade holds the only permitted request while the first wants to ask again.
TEST(Pending, AsksLaterWhenTheTargetHoldsAllPermittedRequests) {
  BenchRun run(journey({queueing()}), in_turn({kQueued, FakeReply::json("{}", 201, 800ms), kMade}));
  run.plan.in_flight_max = 1;
  run.times = {1s, 1300ms};
  run.run();
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::ok);
  EXPECT_EQ(run.trade(1).outcome, TradeOutcome::ok);
  EXPECT_EQ(run.step(0, 0).requests, 2);
  EXPECT_GE(run.step(0, 0).done, Nanos(2100ms));
}

}  // namespace
}  // namespace cardstorm
