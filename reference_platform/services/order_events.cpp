// order_events: see order_events.hpp. A batch is one statement where that is possible: take the messages (SKIP LOCKED: the twin works
// on others), change the orders that are in the right state, write what follows.
#include "reference_platform/services/order_events.hpp"

#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/buyer_api.hpp"

namespace platform::services {

using namespace std::chrono_literals;
using store::Connection;
using store::Rows;

namespace {

constexpr auto kCloseEvery = 1s;

// Every batch starts so: the messages of one topic leave the table, in the transaction of their effect.
#define TAKEN(topic)                                                                                                                      \
  "WITH picked AS MATERIALIZED (SELECT id FROM outbox WHERE topic = '" topic "' ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED), "            \
  "taken AS (DELETE FROM outbox USING picked WHERE outbox.id = picked.id RETURNING outbox.order_no, outbox.body::json AS body) "

}  // namespace

void open_wallet(Connection& db, const std::string& buyer) {
  db.run("INSERT INTO wallets(wallet, balance_cents, opening_cents) VALUES ($1, $2, $2) ON CONFLICT (wallet) DO NOTHING", {buyer, std::to_string(kOpeningCents)});
}

bool book_wallet(Connection& db, const std::string& buyer, const std::string& order_no, const std::string& kind, std::int64_t delta) {
  const auto wallet = db.run("UPDATE wallets SET balance_cents = balance_cents + $2 WHERE wallet = $1 AND balance_cents + $2 >= 0 RETURNING balance_cents", {buyer, std::to_string(delta)});
  if (wallet.empty()) return false;
  // The wallet's row is locked from here to the commit: the entries of one wallet come in the order of their ids.
  db.run("INSERT INTO ledger(account, order_no, kind, delta_cents, balance_after_cents, ref) VALUES ($1,$2,$3,$4::bigint,$5::bigint,$2), ('house',$2,$3,-($4::bigint),NULL,$2)",
         {buyer, order_no, kind, std::to_string(delta), std::string(wallet.text(0, 0))});
  return true;
}

std::string start_refund(Connection& db, const std::string& order_no) {
  const auto order = db.run("SELECT buyer, paid_via, paid_cents FROM orders WHERE order_no = $1", {order_no});
  if (order.text(0, 1) == "wallet") {
    if (!book_wallet(db, std::string(order.text(0, 0)), order_no, "refund", order.number(0, 2))) throw store::SqlError("a refund to no wallet", "");
    db.run("UPDATE orders SET status = 'refunded', refunded_cents = paid_cents WHERE order_no = $1", {order_no});
    return "refunded";
  }
  db.run("INSERT INTO refunds(refund_no, order_no, channel, out_trade_no, amount_cents, reason, mark) "
         "SELECT 'R-' || order_no, order_no, paid_via, out_trade_no, paid_cents, 'order', mark FROM orders WHERE order_no = $1", {order_no});
  return "refunding";
}

bool OrderEvents::step() {
  if (!pool_not_ready(pool_).empty()) return false;   // the twin does it
  auto db = pool_.take(100ms);
  if (const auto now = std::chrono::steady_clock::now(); now >= next_close_) {
    next_close_ = now + kCloseEvery;
    close_unpaid(*db);
  }
  const Rows topics = db->run("SELECT DISTINCT topic FROM outbox WHERE topic IN ('paid','delivered','refunded','unpaid','undeliverable')");
  bool busy = false;
  for (int i = 0; i < topics.size(); ++i) {
    const auto topic = topics.text(i, 0);
    if (topic == "paid") busy = paid(*db) || busy;
    if (topic == "delivered") busy = delivered(*db) || busy;
    if (topic == "refunded") busy = refunded(*db) || busy;
    if (topic == "unpaid") busy = unpaid(*db) || busy;
    if (topic == "undeliverable") busy = undeliverable(*db) || busy;
  }
  return busy;
}

bool OrderEvents::told(const Rows& rows, const char* event) {
  for (int i = 0; i < rows.size(); ++i) {
    metrics_.add(std::string("order_events_total{event=\"") + event + "\"}");
    log_.event(event, rows.text(i, 0), rows.text(i, 1), rows.text(i, 2));
  }
  return !rows.empty();
}

// Money for an order that does not wait for it (closed, or paid already) goes back.
bool OrderEvents::paid(Connection& db) {
  return told(db.run(TAKEN("paid")
      ", done AS (UPDATE orders o SET status = 'paid', paid_via = t.body->>'channel', out_trade_no = t.body->>'out_trade_no', "
      "             paid_cents = (t.body->>'amount_cents')::bigint "
      "           FROM taken t WHERE o.order_no = t.order_no AND o.status IN ('created','paying') RETURNING o.order_no, o.mark, o.paid_via), "
      "sent AS (INSERT INTO outbox(topic, order_no, body) SELECT 'deliver', o.order_no, deliver_body(o) FROM done d JOIN orders o USING (order_no)), "
      "late AS (INSERT INTO refunds(refund_no, order_no, channel, out_trade_no, amount_cents, reason) "
      "         SELECT 'S-' || (t.body->>'out_trade_no'), t.order_no, t.body->>'channel', t.body->>'out_trade_no', (t.body->>'amount_cents')::bigint, 'surplus' "
      "         FROM taken t WHERE NOT EXISTS (SELECT 1 FROM done d WHERE d.order_no = t.order_no) ON CONFLICT (refund_no) DO NOTHING RETURNING order_no) "
      "SELECT order_no, mark, paid_via FROM done UNION ALL SELECT order_no, '', 'surplus' FROM late"), "order_paid");
}

bool OrderEvents::delivered(Connection& db) {
  return told(db.run(TAKEN("delivered")
      ", done AS (UPDATE orders o SET status = 'delivered', receipt = t.body->>'receipt' FROM taken t "
      "           WHERE o.order_no = t.order_no AND o.status IN ('paid','delivering') RETURNING o.order_no, o.mark, o.class) "
      "SELECT order_no, mark, class FROM done"), "order_delivered");
}

bool OrderEvents::refunded(Connection& db) {
  return told(db.run(TAKEN("refunded")
      ", done AS (UPDATE orders o SET status = 'refunded', refunded_cents = (t.body->>'amount_cents')::bigint FROM taken t "
      "           WHERE o.order_no = t.order_no AND o.status = 'refunding' RETURNING o.order_no, o.mark, o.paid_via) "
      "SELECT order_no, mark, paid_via FROM done"), "order_refunded");
}

bool OrderEvents::unpaid(Connection& db) {
  return told(db.run(TAKEN("unpaid")
      ", done AS (UPDATE orders o SET status = 'closed' FROM taken t WHERE o.order_no = t.order_no AND o.status = 'paying' "
      "           RETURNING o.order_no, o.mark, o.sku, o.quantity) "
      "SELECT order_no, mark, 'unpaid', inventory_release(order_no, sku, quantity) FROM done"), "order_closed");
}

// What cannot be delivered is paid back: one by one, it is rare.
bool OrderEvents::undeliverable(Connection& db) {
  db.begin();
  const Rows orders = db.run(TAKEN("undeliverable")
      ", done AS (UPDATE orders o SET status = 'refunding' FROM taken t WHERE o.order_no = t.order_no AND o.status IN ('paid','delivering') "
      "           RETURNING o.order_no, o.mark, o.sku, o.quantity) "
      "SELECT order_no, mark, 'undeliverable', inventory_release(order_no, sku, quantity) FROM done");
  for (int i = 0; i < orders.size(); ++i) start_refund(db, std::string(orders.text(i, 0)));
  db.commit();
  return told(orders, "refund_wanted");
}

// Orders that nobody paid give their cards back.
void OrderEvents::close_unpaid(Connection& db) {
  told(db.run("WITH picked AS MATERIALIZED (SELECT id FROM orders WHERE status = 'created' AND idem_key IS NOT NULL AND created_at < now() - $1 * interval '1 s' "
              "                             ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED), "
              "done AS (UPDATE orders o SET status = 'closed' FROM picked WHERE o.id = picked.id RETURNING o.order_no, o.mark, o.sku, o.quantity) "
              "SELECT order_no, mark, 'unpaid', inventory_release(order_no, sku, quantity) FROM done", {std::to_string(unpaid_close_s_)}), "order_closed");
  metrics_.set("outbox_oldest_age_seconds", static_cast<double>(db.run("SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::bigint FROM outbox").number(0, 0)));
}

#undef TAKEN

}  // namespace platform::services
