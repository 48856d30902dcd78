// Which facts a trade writes: orders, payments, cards without their text, other goods, refunds, wallets.
#include <gtest/gtest.h>

#include "tests/support/event_text.hpp"
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
  BenchRun run(journey({order_step(), pay_step(), cards_step()}),
               in_turn({FakeReply::json(kOrder), FakeReply::json("{}"), FakeReply::json(cards)}));
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
  BenchRun run(journey({order_step(), cards_step()}), in_turn({FakeReply::json(kOrder), body("paid", {1}),
                                                               body("paid", {1, 2}), body("delivered", {1, 2, 3, 3})}));
  run.quantity = 4;
  run_one(run);
  std::vector<std::uint32_t> indices;
  for (const CardSeen& c : run.history.all<CardSeen>()) indices.push_back(c.index);
  EXPECT_EQ(indices, (std::vector<std::uint32_t>{1, 2, 3, 3}));
}

TEST(Facts, CallAWrongCardNotGenuineAndGiveItsDigest) {
  BenchRun run(
      journey({order_step(), cards_step()}),
      in_turn({FakeReply::json(kOrder), FakeReply::json(R"({"status":"delivered","cards":["HELLO-WORLD"]})")}));
  run_one(run);
  const auto seen = run.history.all<CardSeen>();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_FALSE(seen[0].genuine);
  EXPECT_EQ(seen[0].digest, Mint("bench key").digest("HELLO-WORLD"));
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::ok);  // whether it is genuine is for the judge
}

TEST(Facts, CallATradeBadThatGotFewerCardsThanItAskedFor) {
  Mint mint("bench key");
  BenchRun run(journey({order_step(), cards_step()}),
               in_turn({FakeReply::json(kOrder),
                        FakeReply::json(R"({"status":"delivered","cards":[")" + mint.secret({1, 1}) + R"("]})")}));
  run.quantity = 2;
  run_one(run);
  EXPECT_EQ(run.trade(0).cause, Cause::bad_body);
  EXPECT_EQ(run.history.all<CardSeen>().size(), 1u);  // disclosed is disclosed
}

TEST(Facts, TellHowAPaymentLookedToTheBuyer) {
  for (const auto& [reply, outcome] :
       std::vector<std::pair<FakeReply, Outcome>>{{FakeReply::never(), Outcome::unknown},
                                                  {FakeReply::json("{}", 402), Outcome::failed},
                                                  {FakeReply::refused(), Outcome::failed}}) {
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
  BenchRun run(journey({order_step(), goods}),
               in_turn({FakeReply::json(kOrder), FakeReply::json(R"({"status":"delivered","receipt":"VIP-1234"})")}));
  run_one(run);
  const auto seen = run.history.all<GoodsSeen>();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].kind, "membership");
  EXPECT_EQ(seen[0].reference, Mint("bench key").digest("VIP-1234"));
  BenchRun empty(journey({order_step(), goods}),
                 in_turn({FakeReply::json(kOrder), FakeReply::json(R"({"status":"delivered","receipt":null})")}));
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

  BenchRun open(journey({order_step(), refund}, 5s),
                in_turn({FakeReply::json(kOrder), FakeReply::json(R"({"status":"refunding"})")}));
  run_one(open);
  ASSERT_EQ(open.history.all<RefundSeen>().size(), 1u);
  EXPECT_EQ(open.history.all<RefundSeen>()[0].outcome, Outcome::unknown);
}

}  // namespace
}  // namespace cardstorm
