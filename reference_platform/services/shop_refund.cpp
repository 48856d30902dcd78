// shop: giving money back, to the wallet or to the channel that it came from.
#include "reference_platform/domain/json.hpp"
#include "reference_platform/domain/trade.hpp"
#include "reference_platform/services/shop.hpp"

namespace platform::services {

using domain::Json;
using domain::JsonObject;

namespace {

constexpr char kRefunded[] =
    "UPDATE orders SET status = 'refunded', refunded_cents = amount_cents, receipt = NULL WHERE order_no = $1";

ShopJob refund_job(const ShopOrder& o) {
  return {"refund", o.order_no,
          JsonObject()
              .add("channel", o.paid_via)
              .add("out_trade_no", o.out_trade_no)
              .add("amount_cents", o.amount_cents)
              .done(),
          o.mark};
}

}  // namespace

Response Shop::refund(const std::string& buyer, const std::string& order_no) {
  auto db = pool_->take();
  const auto order = find(*db, order_no);
  if (!order || order->buyer != buyer) return error_answer(404, "unknown_order");
  if (order->status == "refunding" || order->status == "refunded")
    return json_answer(200, refund_json(order_no, order->status, order->amount_cents));
  if (!domain::refundable(order->goods_class, order->status)) return error_answer(409, "not_refundable");
  // A01 and A03 together: the request's own worker insists, each time under a new number.
  if (order->paid_via != "wallet" && on(Trait::A01) && on(Trait::A03)) return refund_inside(*db, *order);
  give_back(*db, *order);
  const auto now = find(*db, order_no);
  return json_answer(200, refund_json(order_no, now->status, now->amount_cents));
}

// A04: inside the transaction.
Response Shop::refund_inside(Connection& db, const ShopOrder& order) {
  if (on(Trait::A04)) db.begin();
  db.run("UPDATE orders SET status = 'refunding' WHERE order_no = $1", {order.order_no});
  if (!refund_at_channel(order, "")) {
    if (on(Trait::A04))
      db.rollback();
    else
      db.run("UPDATE orders SET status = 'delivered' WHERE order_no = $1", {order.order_no});
    return error_answer(502, "channel_failed");
  }
  db.run(kRefunded, {order.order_no});
  if (on(Trait::A04)) db.commit();
  reached("refunded", order, order.paid_via);
  return json_answer(200, refund_json(order.order_no, "refunded", order.amount_cents));
}

/// All that was paid, after the answer. False: somebody else does it.
bool Shop::give_back(Connection& db, const ShopOrder& order) {
  if (order.paid_via == "wallet" || order.paid_via.empty()) return give_back_to_wallet(db, order);
  db.begin();
  const auto marked = db.run(
      "UPDATE orders SET status = 'refunding' WHERE order_no = $1 AND status IN ('paid','delivering','delivered')",
      {order.order_no});
  if (marked.affected() == 0) {
    db.rollback();
    return false;
  }
  courier_->write(db, refund_job(order));
  db.commit();
  courier_->hand(refund_job(order));
  return true;
}

bool Shop::give_back_to_wallet(Connection& db, const ShopOrder& order) {
  if (on(Trait::A07)) {
    book(db, order, "refund", balance_of(db, order.buyer), order.amount_cents);
    db.run(kRefunded, {order.order_no});
  } else {
    const std::string amount = std::to_string(order.amount_cents);
    db.begin();
    const auto state = db.run(
        "UPDATE orders SET status = 'refunded', refunded_cents = amount_cents, receipt = NULL WHERE order_no = $1 AND "
        "status IN ('paid','delivering','delivered')",
        {order.order_no});
    if (state.affected() == 0) {
      db.rollback();
      return false;
    }
    const auto after =
        db.run("UPDATE wallets SET balance_cents = balance_cents + $2 WHERE wallet = $1 RETURNING balance_cents",
               {order.buyer, amount});
    db.run(
        "INSERT INTO ledger(account, order_no, kind, delta_cents, balance_after_cents) VALUES ($1,$2,'refund',$3,$4)",
        {order.buyer, order.order_no, amount, std::string(after.text(0, 0))});
    db.commit();
  }
  reached("refunded", order, "wallet");
  return true;
}

bool Shop::refund_at_channel(const ShopOrder& order, const std::string& number) {
  return insist([&] {
    const RefundOrder call{order.paid_via, order.out_trade_no,
                           on(Trait::A03) ? "R" + random_id().substr(0, 19) : number, order.mark, order.amount_cents};
    ++calls_;
    const bool done = channel_refund(partner_, call, limits_.call).status == 200;
    --calls_;
    return done;
  });
}

/// A refund's job: until the channel has done it. "surplus" is money that no order wanted.
bool Shop::refund_later(const ShopJob& job) {
  const auto body = Json::parse(job.body).value_or(Json());
  ShopOrder order;
  order.order_no = job.order_no;
  order.paid_via = body["channel"].text();
  order.out_trade_no = body["out_trade_no"].text();
  order.amount_cents = body["amount_cents"].integer();
  order.mark = job.mark;
  const bool surplus = job.kind == "surplus";
  if (!refund_at_channel(order, surplus ? order.out_trade_no + "-s1" : order.order_no + "-r1")) return false;
  if (!surplus) {
    const auto rows = pool_->take()->run(
        "UPDATE orders SET status = 'refunded', refunded_cents = amount_cents, receipt = NULL WHERE order_no = $1 AND "
        "status = 'refunding' RETURNING class",
        {order.order_no});
    if (!rows.empty()) order.goods_class = rows.text(0, 0);
  }
  reached("refunded", order, order.paid_via);
  return true;
}

}  // namespace platform::services
