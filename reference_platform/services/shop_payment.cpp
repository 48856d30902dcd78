// shop: paying. Where the channel is called is A01, whether a transaction is open meanwhile is A04, how often is A03,
// how long is A02.
#include "reference_platform/observe/context.hpp"
#include "reference_platform/services/shop.hpp"

namespace platform::services {

namespace {

/// Somebody else was quicker: what the order has become.
Response as_it_is(Connection& db, const std::string& order_no) {
  const std::string status(db.run("SELECT status FROM orders WHERE order_no = $1", {order_no}).text(0, 0));
  if (status == "closed" || status == "failed" || status == "refunding" || status == "refunded")
    return error_answer(409, "not_payable");
  return json_answer(200, pay_json(order_no, status));
}

}  // namespace

Response Shop::pay(const Request& r, const std::string& buyer, const std::string& order_no) {
  const std::string channel = read_channel(r.body, channel_names_);
  if (channel.empty()) return bad_channel(channel_names_, true);
  auto db = pool_->take();
  auto order = find(*db, order_no);
  if (!order || order->buyer != buyer) return error_answer(404, "unknown_order");
  const std::string& status = order->status;
  if (status == "paid" || status == "delivering" || status == "delivered")
    return json_answer(200, pay_json(order_no, status));
  // A03: whoever asks again is charged again. Off: the one payment stands until it is known what became of it.
  if (status == "paying" && !on(Trait::A03)) return json_answer(200, pay_json(order_no, status));
  if (status != "created" && status != "paying") return error_answer(409, "not_payable");
  if (channel == "wallet") return pay_by_wallet(*db, *order);
  order->paid_via = channel;
  order->out_trade_no = order_no + "-" + channel;
  return pay_by_channel(std::move(db), std::move(*order));
}

Response Shop::pay_by_channel(store::Pool::Lease db, ShopOrder order) {
  if (!mark_paying(*db, order)) return as_it_is(*db, order.order_no);
  log_.event("payment_started", order.order_no, order.mark, order.paid_via);
  if (on(Trait::A01)) {
    if (call_channel(&db, order) || !on(Trait::A03)) return json_answer(200, pay_json(order.order_no, "paying"));
    return error_answer(502, "channel_failed");
  }
  const auto call = [this, order, context = observe::current()]() mutable {
    context.deadline.reset();  // the request is answered; its time does not bind us
    const observe::Scope scope(std::move(context));
    call_channel(nullptr, order);
  };
  if (!channels_.at(order.paid_via)->submit(call)) {
    // No worker is free. With one number for ever the questions start it as soon as they come to it; else it has to be
    // refused.
    if (on(Trait::A03)) {
      db->run("UPDATE orders SET status = 'created' WHERE order_no = $1 AND status = 'paying'", {order.order_no});
      return error_answer(503, "channel_busy");
    }
    db->run("UPDATE orders SET ask_at = now() WHERE order_no = $1 AND status = 'paying'", {order.order_no});
  }
  return json_answer(200, pay_json(order.order_no, "paying"));
}

bool Shop::mark_paying(Connection& db, const ShopOrder& order) {
  if (on(Trait::A03)) {
    db.run("UPDATE orders SET status = 'paying', paid_via = $2 WHERE order_no = $1", {order.order_no, order.paid_via});
    return true;
  }
  return db.run(
               "UPDATE orders SET status = 'paying', paid_via = $2, out_trade_no = $3, ask_at = now() + interval '1500 "
               "ms' WHERE order_no = $1 AND status = 'created'",
               {order.order_no, order.paid_via, order.out_trade_no})
             .affected() == 1;
}

/// Whether the channel took it. With one number a payment that was not answered stays as it is, to be asked for; with a
/// new one for each try it is as if it had never been. `request`: the connection of the request that this is done for.
bool Shop::call_channel(store::Pool::Lease* request, ShopOrder& order) {
  if (on(Trait::A04))
    return request != nullptr ? call_in_transaction(**request, order) : call_in_transaction(*pool_->take(), order);
  if (request != nullptr) const auto back = std::move(*request);  // nobody holds a connection during the call
  const bool taken = insist([&] { return send_payment(order); });
  if (!on(Trait::A03)) return taken;
  pool_->take()->run(
      taken ? "UPDATE orders SET out_trade_no = $2 WHERE order_no = $1"
            : "UPDATE orders SET status = 'created' WHERE order_no = $1 AND status = 'paying' AND $2 <> ''",
      {order.order_no, order.out_trade_no});
  return taken;
}

// A04: connection and row stay taken for as long as the channel takes; and the audit line wants a second connection
// while this one is held, so that eight payments which all have their first wait for each other.
bool Shop::call_in_transaction(Connection& db, ShopOrder& order) {
  db.begin();
  audit("payment", order.order_no);
  db.run("UPDATE orders SET paid_via = $2 WHERE order_no = $1", {order.order_no, order.paid_via});
  const bool taken = insist([&] { return send_payment(order); });
  if (taken || !on(Trait::A03)) {
    db.run("UPDATE orders SET out_trade_no = $2 WHERE order_no = $1", {order.order_no, order.out_trade_no});
    db.commit();
    return taken;
  }
  db.rollback();
  db.run("UPDATE orders SET status = 'created' WHERE order_no = $1 AND status = 'paying'", {order.order_no});
  return false;
}

bool Shop::send_payment(ShopOrder& order) {
  // A03: under a new number each time, so that the channel cannot know that it is the same payment.
  if (on(Trait::A03)) order.out_trade_no = order.order_no + "-" + random_id().substr(0, 8);
  const PayOrder call{order.paid_via,    order.out_trade_no, order.order_no,
                      order.buyer,       order.mark,         public_url_ + "/notify/" + order.paid_via,
                      order.amount_cents};
  ++calls_;
  const bool taken = channel_pay(partner_, call, limits_.call).status == 200;
  --calls_;
  return taken;
}

void Shop::audit(const std::string& what, const std::string& order_no) {
  pool_->take()->run("INSERT INTO shop_audit(what, order_no) VALUES ($1,$2)", {what, order_no});
}

Response Shop::wallet(const std::string& buyer) {
  auto db = pool_->take();
  return json_answer(200, wallet_json(buyer, balance_of(*db, buyer)));
}

std::int64_t Shop::balance_of(Connection& db, const std::string& buyer) {
  db.run("INSERT INTO wallets(wallet, balance_cents, opening_cents) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING",
         {buyer, std::to_string(kOpeningCents)});
  return db.run("SELECT balance_cents FROM wallets WHERE wallet = $1", {buyer}).number(0, 0);
}

// A07: read, compute, write: who wrote in between is overwritten.
void Shop::book(Connection& db, const ShopOrder& order, const std::string& kind, std::int64_t balance,
                std::int64_t delta) {
  const std::string after = std::to_string(balance + delta);
  db.run("UPDATE wallets SET balance_cents = $2 WHERE wallet = $1", {order.buyer, after});
  db.run("INSERT INTO ledger(account, order_no, kind, delta_cents, balance_after_cents) VALUES ($1,$2,$3,$4,$5)",
         {order.buyer, order.order_no, kind, std::to_string(delta), after});
}

/// The state first, by compare and set: of two who pay only one comes past it. False: it was not this one, or the
/// wallet has too little.
bool Shop::book_at_once(Connection& db, const ShopOrder& order) {
  const std::string amount = std::to_string(order.amount_cents);
  if (db.run("UPDATE orders SET status = 'paid', paid_via = 'wallet', paid_cents = $2 WHERE order_no = $1 AND status = "
             "'created'",
             {order.order_no, amount})
          .affected() == 0)
    return false;
  const auto left = db.run(
      "UPDATE wallets SET balance_cents = balance_cents - $2 WHERE wallet = $1 AND balance_cents >= $2 RETURNING "
      "balance_cents",
      {order.buyer, amount});
  if (left.empty()) return false;
  db.run("INSERT INTO ledger(account, order_no, kind, delta_cents, balance_after_cents) VALUES ($1,$2,'pay',$3,$4)",
         {order.buyer, order.order_no, "-" + amount, std::string(left.text(0, 0))});
  return true;
}

Response Shop::pay_by_wallet(Connection& db, const ShopOrder& order) {
  const std::int64_t balance = balance_of(db, order.buyer);
  if (balance < order.amount_cents) return error_answer(402, "insufficient_balance");
  const ShopJob next = delivery_of(order);
  if (on(Trait::A07)) book(db, order, "pay", balance, -order.amount_cents);
  db.begin();
  if (on(Trait::A07)) {
    db.run("UPDATE orders SET status = 'paid', paid_via = 'wallet', paid_cents = $2 WHERE order_no = $1",
           {order.order_no, std::to_string(order.amount_cents)});
  } else if (!book_at_once(db, order)) {
    db.rollback();
    return balance_of(db, order.buyer) < order.amount_cents ? error_answer(402, "insufficient_balance")
                                                            : as_it_is(db, order.order_no);
  }
  courier_->write(db, next);
  db.commit();
  courier_->hand(next);  // A11: who dies before this line, or before the list is worked off, has paid for nothing
  ShopOrder paid = order;
  paid.paid_via = "wallet";
  reached("paid", paid, "wallet");
  return json_answer(200, pay_json(order.order_no, "paid"));
}

}  // namespace platform::services
