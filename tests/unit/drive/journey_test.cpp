// One trade at a time: what each kind of answer makes of its steps.
#include <gtest/gtest.h>

#include "tests/unit/drive/one_trade.hpp"

namespace cardstorm {
namespace {

using test::BenchRun;
using test::FakeReply;
using test::get;
using test::in_turn;
using test::journey;
using test::polling;
using test::post;
using test::run_one;
using test::thinking;

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

// An empty pool that held every buyer for 10 s showed as 2 s of outage: blocked buyers had planned nothing for the rest
// of it.
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
               in_turn({FakeReply::json("{}", 200, 10ms), FakeReply::json(R"({"status":"paying"})", 200, 2s),
                        FakeReply::json(R"({"status":"delivered"})", 200, 10ms)}));
  run_one(run);
  EXPECT_EQ(run.step(0, 1).outcome, Outcome::ok);
  EXPECT_GT(run.step(0, 1).done, Nanos(3s));
  EXPECT_EQ(run.step(0, 2).planned, run.step(0, 1).done + 1s);
}

TEST(Journey, IsInAHurryOnlyWhereItGoesOnAtOnce) {
  const auto hurries = [](const std::vector<Step>& steps) {
    BenchRun run(journey(steps), in_turn({FakeReply::json(R"({"status":"delivered"})", 200, 30ms)}));
    run_one(run);
    std::vector<bool> out;
    for (const auto& sent : run.client.sent()) out.push_back(sent.request.latency_sensitive);
    return out;
  };
  EXPECT_EQ(hurries({get("/only")}), (std::vector<bool>{false}));
  EXPECT_EQ(hurries({get("/a"), get("/b")}), (std::vector<bool>{true, false}));
  EXPECT_EQ(hurries({get("/a"), thinking(get("/b"), 2s)}), (std::vector<bool>{false, false}));
  EXPECT_EQ(hurries({polling(get("/order"), 500ms)}), (std::vector<bool>{false}));
  EXPECT_EQ(hurries({polling(get("/order"), 100us)}), (std::vector<bool>{true}));
}

TEST(Journey, WritesStepsThatWereNeverReachedAtTheTimeByThePlan) {
  BenchRun run(journey({get("/a"), thinking(get("/b"), 2s), thinking(get("/c"), 3s)}),
               in_turn({FakeReply::json("{}", 404, 700ms)}));
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

struct BrokenCase {
  FakeReply reply;
  Cause cause;
  bool resent;
  Outcome get, post;
  TradeOutcome trade_of_post;
};

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
      {{1ms, 0, "", Cause::address, Outcome::failed},
       Cause::address,
       false,
       Outcome::failed,
       Outcome::failed,
       TradeOutcome::failed},
      {{1ms, 200, "", Cause::bad_body, Outcome::unknown},
       Cause::bad_body,
       false,
       Outcome::unknown,
       Outcome::unknown,
       TradeOutcome::unknown},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    const BrokenCase& c = cases[i];
    BenchRun reading(journey({get("/a")}), in_turn({c.reply})), writing(journey({post("/a")}), in_turn({c.reply}));
    run_one(reading);
    run_one(writing);
    EXPECT_EQ(reading.step(0, 0).cause, c.cause);
    EXPECT_EQ(reading.step(0, 0).outcome, c.get);
    EXPECT_EQ(reading.trade(0).outcome, TradeOutcome::failed);  // nothing was at stake
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
  EXPECT_EQ(e.done, second.at + 40ms);  // the buyer waited from the first press
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
               in_turn({FakeReply::json(R"({"status":"paid"})"), FakeReply::reset(), FakeReply::json("{}", 503),
                        FakeReply::json("no json"), FakeReply::json(R"({"status":"delivered"})")}));
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
  BenchRun run(journey({polling(get("/orders/1"))}),
               in_turn({FakeReply::json(R"({"status":"paid"})"), FakeReply::json(R"({"status":"failed"})")}));
  run_one(run);
  EXPECT_EQ(run.step(0, 0).outcome, Outcome::failed);
  EXPECT_EQ(run.step(0, 0).cause, Cause::bad_body);
  EXPECT_EQ(run.step(0, 0).requests, 2);
}

TEST(Journey, EndsAPollAtTheTradesDeadline) {
  BenchRun run(journey({get("/a"), polling(get("/orders/1")), get("/c")}, 10s),
               in_turn({FakeReply::json(R"({"status":"paid"})")}));
  run_one(run);
  EXPECT_EQ(run.step(0, 1).outcome, Outcome::failed);
  EXPECT_EQ(run.step(0, 1).cause, Cause::deadline);
  EXPECT_EQ(run.step(0, 1).done, Nanos(11s));
  EXPECT_EQ(run.step(0, 2).cause, Cause::earlier_step);
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::failed);
  EXPECT_EQ(run.trade(0).cause, Cause::deadline);
  EXPECT_EQ(run.trade(0).at, Nanos(11s));
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
  for (const auto& [body, good] : std::vector<std::pair<std::string, bool>>{{R"({"status":"paying"})", true},
                                                                            {R"({"status":"lost"})", false},
                                                                            {"{}", false},
                                                                            {"<html>", false},
                                                                            {"", false}}) {
    BenchRun run(journey({pay}), in_turn({FakeReply::json(body, 201)}));
    run_one(run);
    EXPECT_EQ(run.step(0, 0).outcome == Outcome::ok, good) << body;
    EXPECT_EQ(run.step(0, 0).cause, good ? Cause::none : Cause::bad_body) << body;
    EXPECT_EQ(run.trade(0).outcome, good ? TradeOutcome::ok : TradeOutcome::unknown) << body;  // the money may be gone
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

}  // namespace
}  // namespace cardstorm
