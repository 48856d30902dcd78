// One trade at a time: what each kind of answer makes of its steps, and which facts are written.
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

/// Answers the n-th request with the n-th reply, the last one for ever.
test::FakeHttpClient::Behaviour in_turn(std::vector<FakeReply> replies) {
  return [replies, n = std::size_t{0}](const HttpRequest&, Nanos) mutable { return replies[std::min(n++, replies.size() - 1)]; };
}

Step thinking(Step s, Nanos think) {
  s.think = think;
  return s;
}

Step polling(Step s, Nanos every = 500ms) {
  s.poll = Poll{every, "/status", {"delivered"}, {"failed"}};
  return s;
}

/// One trade at 1 s.
void run_one(BenchRun& run) {
  run.times = {1s};
  run.run();
}

TEST(Journey, PlansAStepAtTheEndOfTheOneBeforePlusThinkTime) {
  BenchRun run(journey({get("/a"), thinking(get("/b"), 2s), get("/c")}), in_turn({FakeReply::json("{}", 200, 30ms)}));
  run_one(run);
  EXPECT_EQ(run.step(0, 0).planned, Nanos(1s));
  EXPECT_EQ(run.step(0, 1).planned, Nanos(3030ms));
  EXPECT_EQ(run.step(0, 1).sent, Nanos(3030ms));
  EXPECT_EQ(run.step(0, 2).planned, Nanos(3060ms));
  EXPECT_EQ(run.step(0, 2).done, Nanos(3090ms));
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::ok);
  EXPECT_EQ(run.trade(0).at, Nanos(3090ms));
}

// An empty pool that held every buyer for 10 s showed as 2 s of outage: blocked buyers had planned nothing for the rest of it.
TEST(Journey, LeavesTheStepsAfterASlowOneWhereThePlanHadThem) {
  BenchRun run(journey({get("/a"), thinking(get("/b"), 2s), thinking(get("/c"), 1s)}),
               in_turn({FakeReply::json("{}", 200, 4s), FakeReply::json("{}", 200, 10ms)}));
  run_one(run);
  EXPECT_EQ(run.step(0, 0).done, Nanos(5s));
  EXPECT_EQ(run.step(0, 1).planned, Nanos(3s)) << "where it would have been";
  EXPECT_EQ(run.step(0, 1).sent, Nanos(7s)) << "but nobody clicks before he has read";
  EXPECT_EQ(run.step(0, 2).planned, Nanos(4s)) << "the buyer is still behind";
  EXPECT_EQ(run.step(0, 2).sent, Nanos(8010ms));
}

TEST(Journey, StartsThePlanAnewAfterAPollHoweverLongItWaited) {
  BenchRun run(journey({get("/a"), polling(get("/order")), thinking(get("/c"), 1s)}),
               in_turn({FakeReply::json("{}", 200, 10ms), FakeReply::json(R"({"status":"paying"})", 200, 2s), FakeReply::json(R"({"status":"delivered"})", 200, 10ms)}));
  run_one(run);
  EXPECT_EQ(run.step(0, 1).outcome, Outcome::ok);
  EXPECT_GT(run.step(0, 1).done, Nanos(3s));
  EXPECT_EQ(run.step(0, 2).planned, run.step(0, 1).done + 1s);
}

TEST(Journey, WritesStepsThatWereNeverReachedAtTheTimeByThePlan) {
  BenchRun run(journey({get("/a"), thinking(get("/b"), 2s), thinking(get("/c"), 3s)}), in_turn({FakeReply::json("{}", 404, 700ms)}));
  run_one(run);
  EXPECT_EQ(run.step(0, 0).cause, Cause::http_4xx);
  EXPECT_EQ(run.step(0, 0).status, 404);
  EXPECT_EQ(run.step(0, 1).cause, Cause::earlier_step);
  EXPECT_EQ(run.step(0, 1).planned, Nanos(3s));
  EXPECT_EQ(run.step(0, 2).planned, Nanos(6s));
  EXPECT_EQ(run.step(0, 2).done, Nanos(6s));
  EXPECT_EQ(run.step(0, 2).requests, 0);
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::failed);
}

struct BrokenCase { FakeReply reply; Cause cause; bool resent; Outcome get, post; TradeOutcome trade_of_post; };

TEST(Journey, KnowsWhatEachBrokenAnswerMeans) {
  const std::vector<BrokenCase> cases{
      {FakeReply::refused(), Cause::refused, true, Outcome::failed, Outcome::failed, TradeOutcome::failed},
      {FakeReply::reset(), Cause::reset, true, Outcome::unknown, Outcome::unknown, TradeOutcome::unknown},
      {FakeReply::never(), Cause::timeout, true, Outcome::unknown, Outcome::unknown, TradeOutcome::unknown},
      {FakeReply::json("{}", 500), Cause::http_5xx, true, Outcome::failed, Outcome::unknown, TradeOutcome::unknown},
      {FakeReply::json("{}", 503), Cause::http_5xx, true, Outcome::failed, Outcome::unknown, TradeOutcome::unknown},
      {FakeReply::json("{}", 429), Cause::http_429, true, Outcome::failed, Outcome::failed, TradeOutcome::failed},
      {FakeReply::json("{}", 402), Cause::http_4xx, false, Outcome::failed, Outcome::failed, TradeOutcome::failed},
      {FakeReply::json("{}", 302), Cause::bad_body, false, Outcome::failed, Outcome::unknown, TradeOutcome::unknown},
      {{1ms, 0, "", Cause::address, Outcome::failed}, Cause::address, false, Outcome::failed, Outcome::failed, TradeOutcome::failed},
      {{1ms, 200, "", Cause::bad_body, Outcome::unknown}, Cause::bad_body, false, Outcome::unknown, Outcome::unknown, TradeOutcome::unknown},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    const BrokenCase& c = cases[i];
    BenchRun reading(journey({get("/a")}), in_turn({c.reply})), writing(journey({post("/a")}), in_turn({c.reply}));
    run_one(reading);
    run_one(writing);
    EXPECT_EQ(reading.step(0, 0).cause, c.cause);
    EXPECT_EQ(reading.step(0, 0).outcome, c.get);
    EXPECT_EQ(reading.trade(0).outcome, TradeOutcome::failed);   // nothing was at stake
    EXPECT_EQ(writing.step(0, 0).cause, c.cause);
    EXPECT_EQ(writing.step(0, 0).outcome, c.post);
    EXPECT_EQ(writing.trade(0).outcome, c.trade_of_post);
    EXPECT_EQ(writing.step(0, 0).resends, c.resent ? 1 : 0);
    EXPECT_EQ(writing.client.sent_count(), c.resent ? 2u : 1u);
  }
}

TEST(Journey, ResendsOnceAfterOneToThreeSecondsWithTheSameKey) {
  Step pay = post("/pay");
  pay.headers = {{"Idempotency-Key", "${key}-pay"}};
  BenchRun run(journey({pay}), in_turn({FakeReply::reset(), FakeReply::json("{}", 200, 40ms)}));
  run_one(run);
  ASSERT_EQ(run.client.sent().size(), 2u);
  const auto& [first, second] = std::tie(run.client.sent()[0], run.client.sent()[1]);
  EXPECT_EQ(first.request.headers, second.request.headers);
  EXPECT_EQ(first.request.headers[0], (std::pair<std::string, std::string>{"Idempotency-Key", "key-0-pay"}));
  EXPECT_GE(second.at - first.at, Nanos(1s));
  EXPECT_LE(second.at - first.at, Nanos(3001ms));
  const StepEnded e = run.step(0, 0);
  EXPECT_EQ(e.outcome, Outcome::ok);
  EXPECT_EQ(e.resends, 1);
  EXPECT_EQ(e.requests, 2);
  EXPECT_EQ(e.sent, Nanos(1s));
  EXPECT_EQ(e.done, second.at + 40ms);   // the buyer waited from the first press
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::ok);
}

TEST(Journey, DrawsTheResendDelayFromTheSeed) {
  const auto delay = [](std::uint64_t seed) {
    BenchRun run(journey({post("/pay")}), in_turn({FakeReply::reset(), FakeReply::json("{}")}));
    run.plan.seed = seed;
    run_one(run);
    return run.client.sent()[1].at;
  };
  EXPECT_EQ(delay(1), delay(1));
  EXPECT_NE(delay(1), delay(2));
}

TEST(Journey, StaysUnknownWhenTheFirstRequestMayHaveHadItsEffect) {
  BenchRun run(journey({post("/pay")}), in_turn({FakeReply::reset(), FakeReply::refused()}));
  run_one(run);
  EXPECT_EQ(run.step(0, 0).cause, Cause::refused);
  EXPECT_EQ(run.step(0, 0).outcome, Outcome::unknown);
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::unknown);
}

TEST(Journey, DoesNotResendWhenTheStepForbidsItOrTheDeadlineIsNear) {
  Step never = post("/pay");
  never.resend = false;
  BenchRun forbidden(journey({never}), in_turn({FakeReply::json("{}", 503)}));
  run_one(forbidden);
  EXPECT_EQ(forbidden.client.sent_count(), 1u);
  BenchRun near(journey({post("/pay")}, 1s), in_turn({FakeReply::json("{}", 503)}));
  run_one(near);
  EXPECT_EQ(near.client.sent_count(), 1u);
  EXPECT_EQ(near.trade(0).cause, Cause::http_5xx);
}

TEST(Journey, TakesASoldOutRefusalAsOne) {
  Step order = post("/orders");
  order.sold_out_status = {409};
  order.sold_out_pointer = "/error";
  order.sold_out_value = "sold_out";
  BenchRun sold(journey({order, get("/b")}), in_turn({FakeReply::json(R"({"error":"sold_out"})", 409)}));
  run_one(sold);
  EXPECT_EQ(sold.step(0, 0).cause, Cause::sold_out);
  EXPECT_EQ(sold.step(0, 0).outcome, Outcome::failed);
  EXPECT_EQ(sold.trade(0).outcome, TradeOutcome::failed);
  EXPECT_EQ(sold.trade(0).cause, Cause::sold_out);
  BenchRun other(journey({order}), in_turn({FakeReply::json(R"({"error":"conflict"})", 409)}));
  run_one(other);
  EXPECT_EQ(other.trade(0).cause, Cause::http_4xx);
}

TEST(Journey, PollsUntilTheEndStateAndSurvivesBrokenPolls) {
  BenchRun run(journey({polling(get("/orders/1"))}),
               in_turn({FakeReply::json(R"({"status":"paid"})"), FakeReply::reset(), FakeReply::json("{}", 503), FakeReply::json("no json"),
                        FakeReply::json(R"({"status":"delivered"})")}));
  run_one(run);
  const StepEnded e = run.step(0, 0);
  EXPECT_EQ(e.outcome, Outcome::ok);
  EXPECT_EQ(e.requests, 5);
  EXPECT_EQ(e.resends, 0);
  ASSERT_EQ(run.client.sent().size(), 5u);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(run.client.sent()[i].at - run.client.sent()[i - 1].at, Nanos(501ms));
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::ok);
}

TEST(Journey, EndsAPollOnAStateThatIsListedAsFailed) {
  BenchRun run(journey({polling(get("/orders/1"))}), in_turn({FakeReply::json(R"({"status":"paid"})"), FakeReply::json(R"({"status":"failed"})")}));
  run_one(run);
  EXPECT_EQ(run.step(0, 0).outcome, Outcome::failed);
  EXPECT_EQ(run.step(0, 0).cause, Cause::bad_body);
  EXPECT_EQ(run.step(0, 0).requests, 2);
}

TEST(Journey, EndsAPollAtTheTradesDeadline) {
  BenchRun run(journey({get("/a"), polling(get("/orders/1")), get("/c")}, 10s), in_turn({FakeReply::json(R"({"status":"paid"})")}));
  run_one(run);
  EXPECT_EQ(run.step(0, 1).outcome, Outcome::failed);
  EXPECT_EQ(run.step(0, 1).cause, Cause::deadline);
  EXPECT_EQ(run.step(0, 1).done, Nanos(11s));
  EXPECT_EQ(run.step(0, 2).cause, Cause::earlier_step);
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::failed);
  EXPECT_EQ(run.trade(0).cause, Cause::deadline);
  EXPECT_EQ(run.trade(0).at, Nanos(11s));
}

// ---- accepted, and not known yet

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
    EXPECT_EQ(run.client.sent()[i].request.headers[0], (std::pair<std::string, std::string>{"Idempotency-Key", "key-0"}));
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
  struct Case { FakeReply reply; Cause cause; Outcome outcome; std::uint64_t sent; };
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
  BenchRun writing(journey({queueing(), get("/b")}, 10s), in_turn({kQueued})), reading(journey({queueing(get("/quote"))}, 10s), in_turn({kQueued}));
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
  for (const FakeReply& error : {FakeReply::json("{}", 400), FakeReply::json("{}", 429), FakeReply::refused(), FakeReply::json("{}", 500)}) {
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
  EXPECT_EQ(pressed_twice({kQueued, FakeReply::never(), kQueued, kMade}), good(4)) << "the question does not wait for a press that hangs";
  EXPECT_EQ(pressed_twice({kQueued, FakeReply::json("{}", 201, 300ms), kMade}), good(2)) << "the first good answer wins";
  EXPECT_EQ(pressed_twice({kSoldOut, kQueued, FakeReply::json("{}", 400)}), std::tuple(Cause::http_4xx, Outcome::unknown, std::uint64_t{3}));
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

TEST(Journey, NeverWaitsLongerThanTheDeadline) {
  BenchRun hung(journey({post("/pay"), get("/b")}, 3s), in_turn({FakeReply::never()}));
  run_one(hung);
  EXPECT_EQ(hung.client.sent()[0].request.timeout, Nanos(3s));
  EXPECT_EQ(hung.trade(0).at, Nanos(4s));
  EXPECT_EQ(hung.trade(0).cause, Cause::deadline);
  EXPECT_EQ(hung.trade(0).outcome, TradeOutcome::unknown);
  BenchRun thinker(journey({get("/a"), thinking(get("/b"), 10s)}, 3s), in_turn({FakeReply::json("{}")}));
  run_one(thinker);
  EXPECT_EQ(thinker.trade(0).at, Nanos(4s));
  EXPECT_EQ(thinker.step(0, 1).cause, Cause::deadline);
  EXPECT_EQ(thinker.step(0, 1).requests, 0);
}

TEST(Journey, ChecksTheExpectedValue) {
  Step pay = post("/pay");
  pay.expect = {{200, 201}, "/status", {"paid", "paying"}};
  for (const auto& [body, good] : std::vector<std::pair<std::string, bool>>{
           {R"({"status":"paying"})", true}, {R"({"status":"lost"})", false}, {"{}", false}, {"<html>", false}, {"", false}}) {
    BenchRun run(journey({pay}), in_turn({FakeReply::json(body, 201)}));
    run_one(run);
    EXPECT_EQ(run.step(0, 0).outcome == Outcome::ok, good) << body;
    EXPECT_EQ(run.step(0, 0).cause, good ? Cause::none : Cause::bad_body) << body;
    EXPECT_EQ(run.trade(0).outcome, good ? TradeOutcome::ok : TradeOutcome::unknown) << body;   // the money may be gone
  }
}

TEST(Journey, FillsTemplatesAndKeepsForeignValuesInTheirPlace) {
  Step order = post("/orders", R"({"sku":"${sku}","quantity":${quantity},"phone":"${phone}"})");
  order.headers = {{"X-Buyer", "${buyer}"}};
  order.extract = {{"order_no", "/order_no"}};
  Step look = get("/orders/${order_no}?c=${channel}");
  look.headers = {{"X-Order", "${order_no}"}};
  BenchRun run(journey({order, look, post("/note", R"({"order":"${order_no}"})")}),
               in_turn({FakeReply::json(R"({"order_no":"a/b \"q\"\r\nX-Evil: 1"})"), FakeReply::json("{}")}));
  run_one(run);
  ASSERT_EQ(run.client.sent().size(), 3u);
  const auto& sent = run.client.sent();
  EXPECT_EQ(sent[0].request.url, "http://127.0.0.1:1/orders");
  EXPECT_EQ(sent[0].request.body, R"({"sku":"game-1","quantity":1,"phone":"19900000000"})");
  EXPECT_EQ(sent[0].request.headers[0].second, "b00042");
  EXPECT_EQ(sent[0].request.headers.back(), (std::pair<std::string, std::string>{"X-Cardstorm-Mark", "drill"}));
  EXPECT_EQ(sent[1].request.url, "http://127.0.0.1:1/orders/a%2Fb%20%22q%22%0D%0AX-Evil%3A%201?c=alpha");
  EXPECT_EQ(sent[1].request.headers[0].second, R"(a/b "q"X-Evil: 1)");
  EXPECT_EQ(Json::parse(sent[2].request.body)->at_pointer("/order")->string(), "a/b \"q\"\r\nX-Evil: 1");
}

TEST(Journey, BreaksWhenAValueToExtractIsMissing) {
  Step order = post("/orders");
  order.extract = {{"order_no", "/order_no"}};
  BenchRun run(journey({order, get("/orders/${order_no}")}), in_turn({FakeReply::json(R"({"order_no":null})")}));
  run_one(run);
  EXPECT_EQ(run.step(0, 0).cause, Cause::bad_body);
  EXPECT_EQ(run.client.sent_count(), 1u);
}

// ---- facts

Step order_step() {
  Step s = post("/orders");
  s.extract = {{"order_no", "/order_no"}};
  s.fact = Fact::order;
  s.order = "${order_no}";
  s.amount_pointer = "/amount_cents";
  return s;
}
Step pay_step() {
  Step s = post("/orders/${order_no}/pay");
  s.fact = Fact::pay;
  s.order = "${order_no}";
  s.channel = "${channel}";
  return s;
}
Step cards_step() {
  Step s = polling(get("/orders/${order_no}"));
  s.fact = Fact::cards;
  s.order = "${order_no}";
  s.cards_pointer = "/cards";
  return s;
}
const std::string kOrder = R"({"order_no":"O-7","amount_cents":990})";

TEST(Facts, TellOfOrderPaymentAndCardsWithoutTheCardsText) {
  Mint mint("bench key");
  const std::string card = mint.secret({3, 17});
  const std::string cards = R"({"status":"delivered","cards":[{"secret":")" + card + R"("}]})";
  BenchRun run(journey({order_step(), pay_step(), cards_step()}), in_turn({FakeReply::json(kOrder), FakeReply::json("{}"), FakeReply::json(cards)}));
  run_one(run);
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::ok);
  const auto orders = run.history.all<OrderSeen>();
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders[0].order, "O-7");
  EXPECT_EQ(orders[0].sku, "game-1");
  EXPECT_EQ(orders[0].amount_cents, 990);
  EXPECT_EQ(orders[0].at, Nanos(1001ms));
  const auto pays = run.history.all<PaySeen>();
  ASSERT_EQ(pays.size(), 1u);
  EXPECT_EQ(pays[0].channel, "alpha");
  EXPECT_EQ(pays[0].outcome, Outcome::ok);
  const auto seen = run.history.all<CardSeen>();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_TRUE(seen[0].genuine);
  EXPECT_EQ(seen[0].sku, 3u);
  EXPECT_EQ(seen[0].index, 17u);
  EXPECT_EQ(seen[0].order, "O-7");
  for (const Event& e : run.history.events()) EXPECT_EQ(test::text_of(e).find(card), std::string::npos);
}

TEST(Facts, WriteEachCardOnceOverManyAnswersButTwiceWhenOneAnswerHoldsItTwice) {
  Mint mint("bench key");
  const auto body = [&](const char* status, std::vector<std::uint32_t> indices) {
    Json cards = Json::array();
    for (const auto i : indices) cards.push(mint.secret({1, i}));
    return FakeReply::json(Json::object({{"status", status}, {"cards", std::move(cards)}}).dump());
  };
  BenchRun run(journey({order_step(), cards_step()}),
               in_turn({FakeReply::json(kOrder), body("paid", {1}), body("paid", {1, 2}), body("delivered", {1, 2, 3, 3})}));
  run.quantity = 4;
  run_one(run);
  std::vector<std::uint32_t> indices;
  for (const CardSeen& c : run.history.all<CardSeen>()) indices.push_back(c.index);
  EXPECT_EQ(indices, (std::vector<std::uint32_t>{1, 2, 3, 3}));
}

TEST(Facts, CallAWrongCardNotGenuineAndGiveItsDigest) {
  BenchRun run(journey({order_step(), cards_step()}), in_turn({FakeReply::json(kOrder), FakeReply::json(R"({"status":"delivered","cards":["HELLO-WORLD"]})")}));
  run_one(run);
  const auto seen = run.history.all<CardSeen>();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_FALSE(seen[0].genuine);
  EXPECT_EQ(seen[0].digest, Mint("bench key").digest("HELLO-WORLD"));
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::ok);   // whether it is genuine is for the judge
}

TEST(Facts, CallATradeBadThatGotFewerCardsThanItAskedFor) {
  Mint mint("bench key");
  BenchRun run(journey({order_step(), cards_step()}),
               in_turn({FakeReply::json(kOrder), FakeReply::json(R"({"status":"delivered","cards":[")" + mint.secret({1, 1}) + R"("]})")}));
  run.quantity = 2;
  run_one(run);
  EXPECT_EQ(run.trade(0).cause, Cause::bad_body);
  EXPECT_EQ(run.history.all<CardSeen>().size(), 1u);   // disclosed is disclosed
}

TEST(Facts, TellHowAPaymentLookedToTheBuyer) {
  for (const auto& [reply, outcome] : std::vector<std::pair<FakeReply, Outcome>>{
           {FakeReply::never(), Outcome::unknown}, {FakeReply::json("{}", 402), Outcome::failed}, {FakeReply::refused(), Outcome::failed}}) {
    BenchRun run(journey({order_step(), pay_step()}), in_turn({FakeReply::json(kOrder), reply}));
    run_one(run);
    ASSERT_EQ(run.history.all<PaySeen>().size(), 1u);
    EXPECT_EQ(run.history.all<PaySeen>()[0].outcome, outcome);
  }
  BenchRun never_asked(journey({order_step(), pay_step()}), in_turn({FakeReply::json("{}", 404)}));
  run_one(never_asked);
  EXPECT_TRUE(never_asked.history.all<PaySeen>().empty());
}

TEST(Facts, HashTheReferenceOfOtherGoods) {
  Step goods = polling(get("/orders/${order_no}"));
  goods.fact = Fact::goods;
  goods.order = "${order_no}";
  goods.kind = "membership";
  goods.reference_pointer = "/receipt";
  BenchRun run(journey({order_step(), goods}), in_turn({FakeReply::json(kOrder), FakeReply::json(R"({"status":"delivered","receipt":"VIP-1234"})")}));
  run_one(run);
  const auto seen = run.history.all<GoodsSeen>();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].kind, "membership");
  EXPECT_EQ(seen[0].reference, Mint("bench key").digest("VIP-1234"));
  BenchRun empty(journey({order_step(), goods}), in_turn({FakeReply::json(kOrder), FakeReply::json(R"({"status":"delivered","receipt":null})")}));
  run_one(empty);
  EXPECT_EQ(empty.trade(0).cause, Cause::bad_body);
}

TEST(Facts, TellOfRefundsAndWallets) {
  Step refund = polling(get("/orders/${order_no}"));
  refund.poll->until = {"refunded"};
  refund.fact = Fact::refund;
  refund.order = "${order_no}";
  refund.amount_pointer = "/amount_cents";
  Step wallet = thinking(get("/wallet"), 1s);
  wallet.fact = Fact::wallet;
  wallet.kind = "${buyer}";
  wallet.amount_pointer = "/balance_cents";
  BenchRun run(journey({order_step(), refund, wallet}),
               in_turn({FakeReply::json(kOrder), FakeReply::json(R"({"status":"refunded","amount_cents":990})"),
                        FakeReply::json(R"({"balance_cents":12345})", 200, 25ms)}));
  run_one(run);
  ASSERT_EQ(run.history.all<RefundSeen>().size(), 1u);
  EXPECT_EQ(run.history.all<RefundSeen>()[0].amount_cents, 990);
  EXPECT_EQ(run.history.all<RefundSeen>()[0].outcome, Outcome::ok);
  ASSERT_EQ(run.history.all<WalletSeen>().size(), 1u);
  const WalletSeen seen = run.history.all<WalletSeen>()[0];
  EXPECT_EQ(seen.wallet, "b00042");
  EXPECT_EQ(seen.balance_cents, 12345);
  EXPECT_EQ(seen.at - seen.asked, Nanos(25ms));

  BenchRun open(journey({order_step(), refund}, 5s), in_turn({FakeReply::json(kOrder), FakeReply::json(R"({"status":"refunding"})")}));
  run_one(open);
  ASSERT_EQ(open.history.all<RefundSeen>().size(), 1u);
  EXPECT_EQ(open.history.all<RefundSeen>()[0].outcome, Outcome::unknown);
}

}  // namespace
}  // namespace cardstorm
