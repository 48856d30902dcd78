// order_events: see order_events.hpp.
#include "reference_platform/services/order_events.hpp"

#include "reference_platform/domain/json.hpp"
#include "reference_platform/domain/order_state.hpp"
#include "reference_platform/observe/context.hpp"
#include "reference_platform/observe/spans.hpp"
#include "reference_platform/observe/trade.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/order_pay.hpp"

namespace platform::services {

using namespace std::chrono_literals;
using domain::Bug;
using domain::OrderMove;
using domain::status_after;
using domain::status_before;
using store::Connection;
using store::Rows;

namespace {

constexpr auto kCloseEvery = 1s, kSettleEvery = 5s;
constexpr int kOrderEventsBatch =
    100;  // a smaller one waits for its next round: under load each statement is for many orders
constexpr int kCouponBatch = 20;
constexpr std::string_view kPartBack = "a part";  // of an order's money: it is no refunded order
constexpr auto kCouponLease = 5s;

const char* yes(bool b) { return b ? "true" : "false"; }

/// Every batch starts so: the messages of one topic leave the table, in the transaction of their effect.
std::string taken(const char* topic) {
  return std::string("WITH picked AS MATERIALIZED (SELECT id FROM outbox WHERE topic = '") + topic +
         "' ORDER BY id LIMIT " + std::to_string(kOrderEventsBatch) +
         " FOR UPDATE SKIP LOCKED), "
         "taken AS (DELETE FROM outbox USING picked WHERE outbox.id = picked.id "
         "          RETURNING outbox.order_no, outbox.body::json AS body, outbox.trace, part_of(outbox.order_no) AS "
         "part) ";
}

/// Every batch ends with rows of: order_no, mark, what the log says, trace, class, paid_via, age_ms; then what only has
/// to be done.
#define AGE "(extract(epoch FROM now() - o.created_at) * 1000)::bigint AS age_ms"

const char kOfTaken[] = "o.part = t.part AND o.order_no = t.order_no AND ";

/// The coupons of orders that end without goods: their home may be the other database, so a message takes them there.
#define COUPONS_BACK(done)                                                                                      \
  "coupons AS (INSERT INTO outbox(topic, order_no, body, mark, trace) "                                         \
  "            SELECT 'coupon_back', order_no, json_build_object('code', coupon)::text, mark, trace FROM " done \
  " WHERE coupon IS NOT NULL) "

}  // namespace

bool OrderEvents::step() {
  if (!pool_not_ready(*place_.pool).empty()) return false;  // the twin does it
  bool busy = false, coupons = false;
  {
    auto db = place_.pool->take(100ms);
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_close_) {
      next_close_ = now + kCloseEvery;
      close_unpaid(*db);
      measure(*db);
    }
    const Rows topics = db->run(
        "SELECT DISTINCT topic FROM outbox WHERE topic IN "
        "('paid','started','delivered','refunded','unpaid','undeliverable','coupon_back')");
    for (int i = 0; i < topics.size(); ++i) {
      const auto topic = topics.text(i, 0);
      began_ = std::chrono::steady_clock::now();
      if (topic == "paid") busy = paid(*db) || busy;
      if (topic == "started") busy = started(*db) || busy;
      if (topic == "delivered") busy = delivered(*db) || busy;
      if (topic == "refunded") busy = refunded(*db) || busy;
      if (topic == "unpaid") busy = unpaid(*db) || busy;
      if (topic == "undeliverable") busy = undeliverable(*db) || busy;
      coupons = coupons || topic == "coupon_back";
    }
  }
  if (coupons) busy = coupons_back() || busy;
  if (const auto now = std::chrono::steady_clock::now(); now >= next_settle_) {
    next_settle_ = now + kSettleEvery;
    coupons_.settle(place_.database, place_.shadow);
  }
  return busy;
}

bool OrderEvents::told(const Rows& rows, const char* event, const char* stage) {
  for (int i = 0; i < rows.size(); ++i) {
    const std::string no(rows.text(i, 0)), mark(rows.text(i, 1));
    const observe::Scope scope(observe::Context::of(rows.text(i, 3), mark));
    metrics_.add(std::string("order_events_total{event=\"") + event + "\"}");
    const bool surplus = rows.text(i, 2) == "surplus", part = rows.text(i, 2) == kPartBack;
    if (!part)
      observe::trade_reached(surplus ? "surplus" : stage, rows.text(i, 4), rows.text(i, 5), mark,
                             surplus ? -1 : static_cast<double>(rows.number(i, 6)) / 1000);
    observe::record_work(std::string("process ") + event, observe::SpanKind::consumer, observe::current(), began_,
                         {{"messaging.system", "postgresql", false},
                          {"messaging.destination.name", "outbox", false},
                          {"messaging.operation.type", "process", false},
                          {"cardstorm.order_no", no, false}});
    log_.event(event, no, mark, rows.text(i, 2));
  }
  return rows.size() == kOrderEventsBatch;
}

// Money for an order that does not wait for it (closed, or paid already) goes back. A recharge has nothing to deliver
// but itself.
bool OrderEvents::paid(Connection& db) {
  static const std::string sql =
      taken("paid") + ", done AS (UPDATE orders o SET " + status_after(OrderMove::charge) +
      ", paid_via = t.body->>'channel', out_trade_no = t.body->>'out_trade_no', "
      "             paid_cents = (t.body->>'amount_cents')::bigint "
      "           FROM taken t WHERE " +
      kOfTaken + status_before(OrderMove::charge) +
      "           RETURNING o.order_no, o.mark, o.paid_via, t.trace, o.class, " AGE
      ", o.buyer, o.sku, o.quantity, o.paid_cents, deliver_body(o) AS body), "
      "sent AS (INSERT INTO outbox(topic, order_no, body, mark, trace) "
      "         SELECT CASE WHEN class = 'recharge' THEN 'delivered' ELSE 'deliver' END, order_no, CASE WHEN class = "
      "'recharge' THEN '{}' ELSE body END, mark, trace FROM done "
      "         WHERE NOT ($1 AND class = 'game_card')), "
      "booked AS MATERIALIZED (SELECT wallet_book(buyer, $2, order_no, 'recharge', paid_cents, order_no, true) FROM "
      "(SELECT * FROM done WHERE class = 'recharge' ORDER BY buyer) AS r), "
      "late_cards AS MATERIALIZED (SELECT inventory_reserve(order_no, sku, quantity) FROM done WHERE $3), "  // planted
                                                                                                             // bug B12
      "late AS (INSERT INTO refunds(refund_no, order_no, channel, out_trade_no, amount_cents, reason, mark, trace) "
      "         SELECT t.order_no || '-sl-' || (t.body->>'channel'), t.order_no, t.body->>'channel', "
      "t.body->>'out_trade_no', (t.body->>'amount_cents')::bigint, 'surplus', o.mark, t.trace "
      "         FROM taken t JOIN orders o ON o.part = t.part AND o.order_no = t.order_no "
      "         WHERE NOT EXISTS (SELECT 1 FROM done d WHERE d.order_no = t.order_no) ON CONFLICT (refund_no) DO "
      "NOTHING RETURNING order_no, mark, trace, 'unknown' AS class, channel) "
      "SELECT order_no, mark, paid_via, trace, class, paid_via, age_ms, (SELECT count(*) FROM booked) + (SELECT "
      "count(*) FROM late_cards) FROM done "
      "UNION ALL SELECT order_no, mark, 'surplus', trace, class, channel, 0, 0 FROM late";
  const Rows rows = db.run(sql.c_str(), {yes(on(Bug::B04)), std::to_string(kOpeningCents), yes(on(Bug::B12))});
  for (int i = 0; on(Bug::B04) && i < rows.size(); ++i) {
    const std::string no(rows.text(i, 0));
    if (rows.text(i, 4) == "game_card") deliver_without_message(db, store::place_of(no)->partition, no);
  }
  return told(rows, "order_paid", "paid");
}

bool OrderEvents::started(Connection& db) {
  static const std::string sql = taken("started") + ", done AS (UPDATE orders o SET " +
                                 status_after(OrderMove::start_delivery) + " FROM taken t WHERE " + kOfTaken +
                                 status_before(OrderMove::start_delivery) +
                                 "           RETURNING o.order_no, o.mark, o.class, o.paid_via, t.trace, " AGE
                                 ") "
                                 "SELECT order_no, mark, class, trace, class, paid_via, age_ms FROM done";
  return told(db.run(sql.c_str()), "order_started", "delivering");
}

// What could not be delivered comes back by itself: into the wallet at once (the 'refunded' message closes the book),
// or from the channel.
bool OrderEvents::delivered(Connection& db) {
  static const std::string sql =
      taken("delivered") + ", done AS (UPDATE orders o SET " + status_after(OrderMove::deliver) +
      ", receipt = t.body->>'receipt', delivered_at = now(), "
      "             refund_wanted_cents = refund_wanted_cents + t.cents, refund_count = refund_count + (t.cents > "
      "0)::int "
      "           FROM (SELECT *, greatest(coalesce((body->>'refund_cents')::bigint, 0), 0) AS cents FROM taken) AS t "
      "WHERE " +
      kOfTaken + status_before(OrderMove::deliver) +
      "           RETURNING o.order_no, o.mark, o.class, t.trace, " AGE
      ", o.buyer, o.paid_via, o.out_trade_no, t.cents, o.order_no || '-r' || o.refund_count AS refund_no), "
      "back AS (SELECT * FROM done WHERE cents > 0 ORDER BY buyer), "
      "booked AS MATERIALIZED (SELECT wallet_book(buyer, $1, order_no, 'refund', cents, refund_no, true) FROM back "
      "WHERE paid_via = 'wallet'), "
      "said AS (INSERT INTO outbox(topic, order_no, body, mark, trace) SELECT 'refunded', order_no, "
      "json_build_object('refund_no', refund_no, 'amount_cents', cents)::text, mark, trace "
      "         FROM back WHERE paid_via = 'wallet'), "
      "asked AS (INSERT INTO refunds(refund_no, order_no, channel, out_trade_no, amount_cents, reason, mark, trace) "
      "          SELECT refund_no, order_no, paid_via, out_trade_no, cents, 'order', mark, trace FROM back WHERE "
      "paid_via <> 'wallet') "
      "SELECT order_no, mark, class, trace, class, paid_via, age_ms, (SELECT count(*) FROM booked) FROM done";
  return told(db.run(sql.c_str(), {std::to_string(kOpeningCents)}), "order_delivered", "delivered");
}

// An order is refunded when all that was promised has been given back; a part leaves it delivered.
bool OrderEvents::refunded(Connection& db) {
  static const std::string sql =
      taken("refunded") +
      ", t AS (SELECT part, order_no, max(trace) AS trace, sum((body->>'amount_cents')::bigint)::bigint AS cents FROM "
      "taken GROUP BY part, order_no), "
      "done AS (UPDATE orders o SET refunded_cents = refunded_cents + t.cents, "
      "           status = CASE WHEN " +
      status_before(OrderMove::money_back) + " AND refunded_cents + t.cents >= refund_wanted_cents THEN '" +
      std::string(domain::name_of(domain::OrderState::refunded)) +
      "' ELSE status END "
      "         FROM t WHERE o.part = t.part AND o.order_no = t.order_no RETURNING o.order_no, o.mark, o.paid_via, "
      "o.status, t.trace, o.class, " AGE
      ") "
      "SELECT order_no, mark, CASE WHEN status = '" +
      std::string(domain::name_of(domain::OrderState::refunded)) + "' THEN paid_via ELSE '" + std::string(kPartBack) +
      "' END, "
      "       trace, class, paid_via, age_ms FROM done";
  return told(db.run(sql.c_str()), "order_refunded", "refunded");
}

bool OrderEvents::unpaid(Connection& db) {
  static const std::string sql =
      taken("unpaid") + ", done AS (UPDATE orders o SET " + status_after(OrderMove::stay_unpaid) +
      " FROM taken t WHERE " + kOfTaken + status_before(OrderMove::stay_unpaid) +
      "           RETURNING o.order_no, o.mark, o.sku, o.quantity, o.coupon, t.trace, o.class, o.paid_via, " AGE "), " +
      COUPONS_BACK("done") +
      "SELECT order_no, mark, 'unpaid', trace, class, paid_via, age_ms, CASE WHEN NOT $1 THEN "
      "inventory_release(order_no, sku, quantity)::text END FROM done";
  return told(db.run(sql.c_str(), {yes(on(Bug::B19))}), "order_closed", "closed");
}

bool OrderEvents::undeliverable(Connection& db) {
  static const std::string sql =
      taken("undeliverable") + ", done AS (UPDATE orders o SET " + status_after(OrderMove::undeliverable) +
      ", refund_wanted_cents = paid_cents, refund_count = refund_count + 1 "
      "           FROM taken t WHERE " +
      kOfTaken + status_before(OrderMove::undeliverable) +
      "           RETURNING o.order_no, o.mark, o.sku, o.quantity, o.coupon, t.trace, o.class, " AGE
      ", o.buyer, o.paid_via, o.out_trade_no, o.paid_cents - o.refunded_cents AS cents, "
      "                     o.order_no || '-r' || o.refund_count AS refund_no), " +
      COUPONS_BACK("done") +
      ", back AS (SELECT * FROM done ORDER BY buyer), "
      "booked AS MATERIALIZED (SELECT wallet_book(buyer, $1, order_no, 'refund', cents, refund_no, true) FROM back "
      "WHERE paid_via = 'wallet'), "
      "said AS (INSERT INTO outbox(topic, order_no, body, mark, trace) SELECT 'refunded', order_no, "
      "json_build_object('refund_no', refund_no, 'amount_cents', cents)::text, mark, trace "
      "         FROM back WHERE paid_via = 'wallet'), "
      "asked AS (INSERT INTO refunds(refund_no, order_no, channel, out_trade_no, amount_cents, reason, mark, trace) "
      "          SELECT refund_no, order_no, paid_via, out_trade_no, cents, 'order', mark, trace FROM back WHERE "
      "paid_via <> 'wallet') "
      "SELECT order_no, mark, 'undeliverable', trace, class, paid_via, age_ms, inventory_release(order_no, sku, "
      "quantity), (SELECT count(*) FROM booked) FROM done";
  return told(db.run(sql.c_str(), {std::to_string(kOpeningCents)}), "refund_wanted", "undeliverable");
}

// The effect lies in another database: first it, which may be repeated, then the message goes.
bool OrderEvents::coupons_back() {
  const auto messages = take_messages(*place_.pool->take(100ms), "coupon_back", kCouponBatch, kCouponLease);
  for (const Message& m : messages) {
    const auto body = domain::Json::parse(m.body).value_or(domain::Json());
    coupons_.free_again(body["code"].text(), m.order_no);
    place_.pool->take(100ms)->run("DELETE FROM outbox WHERE id = $1", {m.id});
  }
  return static_cast<int>(messages.size()) == kCouponBatch;
}

// Orders that nobody paid give their goods back.
void OrderEvents::close_unpaid(Connection& db) {
  began_ = std::chrono::steady_clock::now();
  static const std::string sql =
      "WITH picked AS MATERIALIZED (SELECT part, id FROM orders WHERE " + status_before(OrderMove::expire) +
      " AND created_at < now() - $1 * interval '1 s' "
      "                             ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED), "
      "done AS (UPDATE orders o SET " +
      status_after(OrderMove::expire) + " FROM picked WHERE o.part = picked.part AND o.id = picked.id AND " +
      status_before(OrderMove::expire) +
      "         RETURNING o.order_no, o.mark, o.sku, o.quantity, o.coupon, o.trace, o.class, o.paid_via, " AGE "), " +
      COUPONS_BACK("done") +
      "SELECT order_no, mark, 'unpaid', trace, class, paid_via, age_ms, CASE WHEN NOT $2 THEN "
      "inventory_release(order_no, sku, quantity)::text END FROM done";
  const std::string age = std::to_string(options_.unpaid_close_s);
  told(db.run(sql.c_str(), {age, yes(on(Bug::B19))}), "order_closed", "closed");
  if (on(Bug::B20))
    db.run(
        "SELECT inventory_release(order_no, sku, quantity) FROM orders WHERE status = 'paying' AND created_at < now() "
        "- $1 * interval '1 s'",
        {age});
}

void OrderEvents::measure(Connection& db) {
  const std::string place = std::string(place_.shadow ? "shadow" : "database") + std::to_string(place_.database);
  metrics_.set(
      "outbox_oldest_age_seconds{place=\"" + place + "\"}",
      static_cast<double>(
          db.run("SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::bigint FROM outbox").number(0, 0)));
  db.run("DELETE FROM intake_refused WHERE at < now() - interval '10 min'");
  db.run("DELETE FROM ended_sessions WHERE expires_at < now()");
}

#undef COUPONS_BACK
#undef AGE

}  // namespace platform::services
