// shop: what partners tell, and what becomes of it. Whether the same charge counts twice is A08; whether anybody asks
// for a payment that nothing was heard of is A03 (one number: it can be asked for).
#include <algorithm>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/shop.hpp"

namespace platform::services {

using domain::Json;
using domain::JsonObject;

namespace {

bool payable(const std::string& status) { return status == "created" || status == "paying"; }

void set_paid(Connection& db, const ChannelNotify& told) {
  db.run(
      "UPDATE orders SET status = 'paid', paid_via = $2, paid_cents = $3, out_trade_no = $4, ask_at = NULL WHERE "
      "order_no = $1",
      {told.order_no, told.channel, std::to_string(told.amount_cents), told.out_trade_no});
}

}  // namespace

Response Shop::notify(const Request& r, const std::string& channel) {
  if (std::find(channel_names_.begin(), channel_names_.end(), channel) == channel_names_.end())
    return error_answer(404, "not_found");
  if (!partner_signed(partner_.key, r)) return error_answer(401, "bad_sign");
  const auto told = read_notify(r.body);
  if (!told) return error_answer(400, "bad_json", "no notify of a payment that succeeded");
  if (told->channel != channel) return error_answer(400, "wrong_merchant");
  return credit(*told) ? text_answer(200, "success") : error_answer(400, "unknown_payment");
}

bool Shop::credit(const ChannelNotify& told) { return on(Trait::A08) ? credit_and_deliver(told) : credit_once(told); }

// A08: the order is read outside any lock: two notifies at the same time both find it unpaid, and both deliver. What
// follows the mark "paid" is lost when the process dies, or the stock is out: the channel has its `success`, nobody
// comes back to it.
bool Shop::credit_and_deliver(const ChannelNotify& told) {
  auto db = pool_->take();
  auto order = find(*db, told.order_no);
  if (!order || !payable(order->status)) return true;
  set_paid(*db, told);
  order->status = "paid";
  order->paid_via = told.channel;
  order->out_trade_no = told.out_trade_no;
  reached("paid", *order, told.channel);
  if (deliver(*db, *order)) return true;
  const ShopJob next = delivery_of(*order);
  courier_->write(*db, next);
  courier_->hand(next);
  return true;
}

/// A row per charge, the order's state and what follows from it in one transaction. Money that the order does not want
/// goes back.
bool Shop::credit_once(const ChannelNotify& told) {
  auto db = pool_->take();
  db->begin();
  const auto known = db->run(
      "INSERT INTO shop_inbox(channel, trade_no, order_no, out_trade_no, amount_cents) VALUES ($1,$2,$3,$4,$5) ON "
      "CONFLICT DO NOTHING",
      {told.channel, told.trade_no, told.order_no, told.out_trade_no, std::to_string(told.amount_cents)});
  if (known.affected() == 0) {
    db->rollback();
    return true;
  }
  const auto order = find(*db, told.order_no, true);
  if (!order || !told.out_trade_no.starts_with(told.order_no) || told.amount_cents <= 0)
    return false;  // not ours: the lease rolls back
  const bool wanted = payable(order->status) && told.amount_cents == order->amount_cents;
  const ShopJob next = wanted ? delivery_of(*order)
                              : ShopJob{"surplus", told.order_no,
                                        JsonObject()
                                            .add("channel", told.channel)
                                            .add("out_trade_no", told.out_trade_no)
                                            .add("amount_cents", told.amount_cents)
                                            .done(),
                                        order->mark};
  if (wanted) set_paid(*db, told);
  courier_->write(*db, next);
  db->commit();
  courier_->hand(next);
  if (wanted)
    reached("paid", *order, told.channel);
  else
    log_.event("payment_surplus", order->order_no, order->mark, told.channel);
  return true;
}

Response Shop::notify_topup(const Request& r) {
  if (!partner_signed(partner_.key, r)) return error_answer(401, "bad_sign");
  const auto json = Json::parse(r.body);
  if (!json || (*json)["request_no"].text().empty() || (*json)["order"].text().empty() ||
      (*json)["status"].text().empty())
    return error_answer(400, "bad_json");
  if ((*json)["status"].text() != "SUCCESS")
    return on(Trait::A03) ? error_answer(400, "bad_status")
                          : text_answer(200, "success");  // off: it is asked for anyway
  auto db = pool_->take();
  const bool changed =
      db->run(on(Trait::A08) ? "UPDATE orders SET status = 'delivered', receipt = $2 WHERE order_no = $1"
                             : "UPDATE orders SET status = 'delivered', receipt = $2 WHERE order_no = $1 AND status IN "
                               "('paid','delivering')",
              {(*json)["order"].text(), (*json)["request_no"].text()})
          .affected() > 0;
  ShopOrder order;
  order.order_no = (*json)["order"].text();
  order.goods_class = "topup";
  order.mark = mark_of(r);
  if (changed) reached("delivered", order, "topup");
  return text_answer(200, "success");
}

/// Some of a channel's payments that nothing was heard of for a while.
bool Shop::ask(const std::string& channel) {
  const auto rows = pool_->take()->run(
      "UPDATE orders SET ask_at = now() + interval '1 s' WHERE id IN (SELECT id FROM orders WHERE ask_at < now() AND "
      "status = 'paying' AND paid_via = $1 "
      "ORDER BY ask_at LIMIT 8 FOR UPDATE SKIP LOCKED) RETURNING order_no, buyer, out_trade_no, mark, amount_cents, "
      "created_at < now() - $2 * interval '1 s'",
      {channel, std::to_string(unpaid_s_)});
  for (int i = 0; i < rows.size(); ++i) {
    ShopOrder order;
    order.order_no = rows.text(i, 0);
    order.buyer = rows.text(i, 1);
    order.paid_via = channel;
    order.out_trade_no = rows.text(i, 2);
    order.mark = rows.text(i, 3);
    order.amount_cents = rows.number(i, 4);
    ask_about(order, rows.text(i, 5) == "t");
  }
  return rows.size() > 0;
}

void Shop::ask_about(const ShopOrder& order, bool too_old) {
  const auto answer = channel_query(partner_, order.paid_via, order.out_trade_no, order.mark, limits_.call);
  const auto json = Json::parse(answer.body).value_or(Json());
  const std::string& status = json["status"].text();
  if (answer.status == 200 && status == "SUCCESS") {
    credit(
        {order.paid_via, json["trade_no"].text(), order.out_trade_no, order.order_no, json["amount_cents"].integer()});
  } else if (answer.status == 200 && status == "CLOSED") {
    close_unpaid(order.order_no);
  } else if (too_old && (answer.status == 200 || answer.status == 404)) {
    const int closed = channel_close(partner_, order.paid_via, order.out_trade_no, order.mark, limits_.call).status;
    if (closed == 200 || closed == 404) close_unpaid(order.order_no);
  } else if (answer.status == 404) {  // it has not come there yet, and may still: the same number again
    ShopOrder again = order;
    send_payment(again);
  }
}

}  // namespace platform::services
