// order_pay: see order_pay.hpp.
#include "reference_platform/services/order_pay.hpp"

#include "reference_platform/domain/json.hpp"
#include "reference_platform/domain/order_state.hpp"
#include "reference_platform/observe/context.hpp"
#include "reference_platform/observe/trade.hpp"
#include "reference_platform/services/buyer_api.hpp"

namespace platform::services {

using domain::Bug;
using domain::OrderMove;
using domain::status_after;
using domain::status_before;
using edge::Response;
using store::Connection;

namespace {

const char* sql_bool(bool b) { return b ? "true" : "false"; }

/// The order did not wait for this payment: it is on its way already, or cannot be paid any more.
Response pay_again(Connection& db, const OrderId& order) {
  const auto rows = db.run("SELECT status FROM orders WHERE part = $1 AND order_no = $2 AND buyer = $3",
                           {std::to_string(order.place.partition), order.no, order.buyer});
  if (rows.empty()) return error_answer(404, "unknown_order");
  const std::string status(rows.text(0, 0));
  const bool on_its_way = status == "paying" || status == "paid" || status == "delivering" || status == "delivered";
  return on_its_way ? json_answer(200, pay_json(order.no, status)) : error_answer(409, "not_payable");
}

}  // namespace

Response pay_at_channel(Connection& db, const OrderId& order, const std::string& channel, const BusinessLog& log) {
  static const std::string sql =
      "WITH o AS (UPDATE orders SET " + status_after(OrderMove::ask_channel) +
      ", paid_via = $4 WHERE part = $1 AND order_no = $2 AND buyer = $3 AND " + status_before(OrderMove::ask_channel) +
      "           RETURNING order_no, amount_cents, buyer, mark), "
      "p AS (INSERT INTO payments(order_no, channel, out_trade_no, amount_cents, buyer, mark, trace) "
      "      SELECT order_no, $4, order_no || '-' || $4, amount_cents, buyer, mark, $5 FROM o) "
      "SELECT mark FROM o";
  const auto rows = db.run(sql.c_str(), {std::to_string(order.place.partition), order.no, order.buyer, channel,
                                         observe::current().traceparent()});
  if (rows.empty()) return pay_again(db, order);
  log.event("payment_wanted", order.no, rows.text(0, 0), channel);
  return json_answer(200, pay_json(order.no, "paying"));
}

// The order is locked first, then the wallet, here as in a refund: no deadlock. The balance can only fall where it
// suffices.
Response pay_from_wallet(Connection& db, const OrderId& order, const domain::Switches& switches,
                         const BusinessLog& log) {
  static const std::string sql =
      "WITH o AS MATERIALIZED (SELECT order_no, buyer, amount_cents FROM orders WHERE part = $1 AND order_no = $2 AND "
      "buyer = $3 AND " +
      status_before(OrderMove::pay_from_wallet) +
      " FOR UPDATE), "
      "w AS MATERIALIZED (SELECT wallet_book(buyer, $4, order_no, 'pay', -amount_cents, order_no, $5) AS balance FROM "
      "o), "
      "done AS (UPDATE orders u SET " +
      status_after(OrderMove::pay_from_wallet) +
      ", paid_via = 'wallet', paid_cents = amount_cents FROM w "
      "         WHERE u.part = $1 AND u.order_no = $2 AND w.balance IS NOT NULL AND " +
      status_before(OrderMove::pay_from_wallet) +
      "         RETURNING u.order_no, u.sku, u.class, u.quantity, u.mark, deliver_body(u) AS body, (extract(epoch FROM "
      "now() - u.created_at) * 1000)::bigint AS age_ms), "
      "sent AS (INSERT INTO outbox(topic, order_no, body, mark, trace) SELECT 'deliver', order_no, body, mark, $6 FROM "
      "done WHERE $7), "
      "late AS MATERIALIZED (SELECT inventory_reserve(order_no, sku, quantity) FROM done WHERE $8) "  // planted bug B12
      "SELECT done.mark, done.class, done.body, done.age_ms, (SELECT count(*) FROM late) FROM w LEFT JOIN done ON true";
  const std::string part = std::to_string(order.place.partition), trace = observe::current().traceparent();
  const bool apart = switches.on(Bug::B21) || switches.on(Bug::B04);
  const auto rows =
      db.run(sql.c_str(), {part, order.no, order.buyer, std::to_string(kOpeningCents), sql_bool(!switches.on(Bug::B10)),
                           trace, sql_bool(!apart), sql_bool(switches.on(Bug::B12))});
  if (rows.empty()) return pay_again(db, order);
  if (rows.null(0, 0)) return error_answer(402, "insufficient_balance");
  const std::string mark(rows.text(0, 0)), body(rows.text(0, 2));
  if (switches.on(Bug::B04) && rows.text(0, 1) == "game_card")
    deliver_without_message(db, order.place.partition, order.no);
  else if (apart)
    db.run("INSERT INTO outbox(topic, order_no, body, mark, trace) VALUES ('deliver', $1, $2, $3, $4)",
           {order.no, body, mark, trace});
  observe::trade_reached("paid", rows.text(0, 1), "wallet", mark, static_cast<double>(rows.number(0, 3)) / 1000);
  log.event("order_paid", order.no, mark, "wallet");
  return json_answer(200, pay_json(order.no, "paid"));
}

void deliver_without_message(Connection& db, int part, const std::string& order_no) {
  static const std::string sql =
      "WITH claimed AS MATERIALIZED (SELECT c.given FROM orders o, inventory_claim(ARRAY[$2::text], ARRAY[o.quantity], "
      "o.quantity) AS c WHERE o.part = $1 AND o.order_no = $2) "
      "UPDATE orders SET " +
      status_after(OrderMove::deliver) +
      ", delivered_at = now() FROM claimed WHERE part = $1 AND order_no = $2 AND claimed.given = quantity AND " +
      status_before(OrderMove::deliver);
  db.run(sql.c_str(), {std::to_string(part), order_no});
}

}  // namespace platform::services
