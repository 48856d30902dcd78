// payment_book: see payment_book.hpp.
#include "reference_platform/services/payment_book.hpp"

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/backend.hpp"

namespace platform::services {

using domain::Bug;
using store::Connection;
using store::Rows;

namespace {

constexpr Credit kCredits[] = {Credit::credited,        Credit::repeated,     Credit::surplus,
                               Credit::unknown_payment, Credit::wrong_amount, Credit::wrong_order};

#define PAYMENT_COLUMNS                                                                                                \
  "p.id, p.order_no, p.channel, p.out_trade_no, p.buyer, p.mark, p.trace, p.state, p.amount_cents, p.tried, p.asked, " \
  "(extract(epoch FROM now() - coalesce(p.sent_at, now())) * 1000)::bigint, extract(epoch FROM now() - "               \
  "p.created_at)::bigint"

// The channels' rooms as a table, and from each channel as many open payments as it has places: the index payments_open
// gives them in order.
#define PICKED(states)                                                                                               \
  "WITH picked AS MATERIALIZED (SELECT q.id FROM unnest($1::text[], $2::int[]) AS room(channel, places) CROSS JOIN " \
  "LATERAL ("                                                                                                        \
  "  SELECT id FROM payments WHERE channel = room.channel AND " states                                               \
  " AND next_at <= now() ORDER BY next_at LIMIT room.places FOR UPDATE SKIP LOCKED) q) "

std::vector<Payment> payments_of(const Rows& rows) {
  std::vector<Payment> out;
  for (int i = 0; i < rows.size(); ++i) {
    const auto text = [&](int column) { return std::string(rows.text(i, column)); };
    out.push_back({text(0), text(1), text(2), text(3), text(4), text(5), text(6), text(7), rows.number(i, 8),
                   rows.number(i, 9), rows.number(i, 10), rows.number(i, 11), rows.number(i, 12)});
  }
  return out;
}

std::vector<Payment> take(Connection& db, const char* sql, const std::vector<Room>& rooms, int lease_ms) {
  std::vector<std::string> channels, places;
  for (const Room& room : rooms) {
    if (room.places <= 0) continue;
    channels.push_back(room.channel);
    places.push_back(std::to_string(room.places));
  }
  if (channels.empty()) return {};
  return payments_of(db.run(sql, {pg_array(channels), pg_array(places), std::to_string(lease_ms)}));
}

// B02: the state is read outside the transaction of the effect, and the effect asks no more.
Credited record_charge_as_read(Connection& db, const Charge& c) {
  const Rows p =
      db.run("SELECT order_no, amount_cents, state, mark, trace FROM payments WHERE out_trade_no = $1 AND channel = $2",
             {c.out_trade_no, c.channel});
  if (p.empty()) return {Credit::unknown_payment, "", "", ""};
  Credited out{Credit::credited, std::string(p.text(0, 0)), std::string(p.text(0, 3)), std::string(p.text(0, 4))};
  if (p.number(0, 1) != c.amount_cents) return out.credit = Credit::wrong_amount, out;
  if (p.text(0, 2) == "paid") return out.credit = Credit::repeated, out;
  db.begin();
  db.run(
      "INSERT INTO charges(channel, trade_no, out_trade_no, order_no, amount_cents) VALUES ($1,$2,$3,$4,$5) ON "
      "CONFLICT DO NOTHING",
      {c.channel, c.trade_no, c.out_trade_no, out.order_no, std::to_string(c.amount_cents)});
  db.run("UPDATE payments SET state = 'paid', trade_no = $2 WHERE out_trade_no = $1", {c.out_trade_no, c.trade_no});
  db.run("INSERT INTO outbox(topic, order_no, body, mark, trace) VALUES ('paid', $1, $2, $3, $4)",
         {out.order_no,
          domain::JsonObject()
              .add("channel", c.channel)
              .add("out_trade_no", c.out_trade_no)
              .add("amount_cents", c.amount_cents)
              .done(),
          out.mark, out.trace});
  db.commit();
  return out;
}

}  // namespace

const char* name_of(Credit c) {
  switch (c) {
    case Credit::credited:
      return "credited";
    case Credit::repeated:
      return "repeated";
    case Credit::surplus:
      return "surplus";
    case Credit::unknown_payment:
      return "unknown_payment";
    case Credit::wrong_amount:
      return "wrong_amount";
    case Credit::wrong_order:
      return "wrong_order";
  }
  return "";
}

Credited record_charge(Connection& db, const Charge& c, const domain::Switches& switches) {
  if (switches.on(Bug::B02)) return record_charge_as_read(db, c);
  const char* any_amount = switches.on(Bug::B05) ? "t" : "f";
  const char* drop_late = switches.on(Bug::B09) ? "t" : "f";
  const Rows row = db.run(
      "SELECT outcome, of_order, of_mark, of_trace FROM record_charge($1, $2, $3, $4, $5, $6, $7)",
      {c.channel, c.out_trade_no, c.order_no, c.trade_no, std::to_string(c.amount_cents), any_amount, drop_late});
  Credited out{Credit::unknown_payment, std::string(row.text(0, 1)), std::string(row.text(0, 2)),
               std::string(row.text(0, 3))};
  for (const Credit credit : kCredits) {
    if (row.text(0, 0) == name_of(credit)) out.credit = credit;
  }
  return out;
}

std::vector<Payment> take_new(Connection& db, const std::vector<Room>& rooms, int lease_ms) {
  return take(db, PICKED("state = 'new'")
              "UPDATE payments p SET state = 'sent', tried = tried + 1, sent_at = coalesce(sent_at, now()), next_at = now() + $3 * interval '1 ms' FROM picked WHERE p.id = picked.id "
              "RETURNING " PAYMENT_COLUMNS, rooms, lease_ms);
}

std::vector<Payment> take_due(Connection& db, const std::vector<Room>& rooms, int lease_ms) {
  return take(db, PICKED("state IN ('sent','waiting')")
              "UPDATE payments p SET asked = asked + 1, next_at = now() + least(asked + 1, 4) * $3 * interval '1 ms' FROM picked WHERE p.id = picked.id RETURNING " PAYMENT_COLUMNS,
              rooms, lease_ms);
}

std::int64_t reroute_new(Connection& db, const std::string& from, const std::vector<std::string>& to) {
  if (to.empty()) return 0;
  return db
      .run(
          "WITH picked AS MATERIALIZED (SELECT p.id, goal.channel FROM payments p CROSS JOIN LATERAL ("
          "    SELECT t.channel FROM unnest($2::text[]) WITH ORDINALITY AS t(channel, n) "
          "    WHERE NOT EXISTS (SELECT 1 FROM payments q WHERE q.order_no = p.order_no AND q.channel = t.channel) "
          "ORDER BY n LIMIT 1) goal "
          "  WHERE p.channel = $1 AND p.state = 'new' AND p.sent_at IS NULL ORDER BY p.id LIMIT 500 FOR UPDATE OF p "
          "SKIP LOCKED) "
          "UPDATE payments p SET channel = picked.channel, out_trade_no = p.order_no || '-' || picked.channel, next_at "
          "= now() FROM picked WHERE p.id = picked.id",
          {from, pg_array(to)})
      .affected();
}

void expire_new(Connection& db, const std::string& channel, int age_s) {
  db.run(
      "WITH closed AS (UPDATE payments SET state = 'closed' WHERE channel = $1 AND state = 'new' AND sent_at IS NULL "
      "AND created_at < now() - $2 * interval '1 s' "
      "                RETURNING order_no, mark, trace) "
      "INSERT INTO outbox(topic, order_no, mark, trace) SELECT 'unpaid', order_no, mark, trace FROM closed",
      {channel, std::to_string(age_s)});
}

// Rows are locked in the order of their ids, so that two batches cannot wait for each other.
void write_learnt(Connection& db, const std::vector<Learnt>& all) {
  if (all.empty()) return;
  std::vector<std::string> ids, states, trades, next, absent;
  for (const Learnt& l : all) {
    ids.push_back(l.payment_id);
    states.emplace_back(l.what == Learnt::What::waiting ? "waiting" : l.what == Learnt::What::ask_again ? "" : "new");
    trades.push_back(l.trade_no);
    next.push_back(std::to_string(l.next_ms));
    absent.emplace_back(l.what == Learnt::What::absent ? "1" : "0");
  }
  db.run(
      "WITH learnt AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::int[], $5::int[]) AS l(id, "
      "state, trade_no, next_ms, absent)), "
      "locked AS MATERIALIZED (SELECT p.id FROM payments p WHERE p.id = ANY($1::bigint[]) ORDER BY p.id FOR UPDATE) "
      "UPDATE payments p SET state = coalesce(nullif(l.state, ''), p.state), trade_no = coalesce(nullif(l.trade_no, "
      "''), p.trade_no), "
      "  next_at = now() + l.next_ms * interval '1 ms', absent = p.absent + l.absent, "
      "  sent_at = CASE WHEN l.state = 'new' AND l.absent = 0 AND p.asked = 0 THEN NULL ELSE p.sent_at END "
      "FROM learnt l JOIN locked USING (id) WHERE p.id = l.id AND (p.state = 'sent' OR (p.state = 'waiting' AND "
      "l.state <> 'new'))",
      {pg_array(ids), pg_array(states), pg_array(trades), pg_array(next), pg_array(absent)});
}

void close_payment(Connection& db, const Payment& p, const std::vector<std::string>& next_channels) {
  db.begin();
  if (db.run("UPDATE payments SET state = 'closed' WHERE id = $1 AND state IN ('new','sent','waiting')", {p.id})
          .affected() == 0)
    return db.rollback();
  db.run(
      "WITH goal AS (SELECT t.channel FROM unnest($1::text[]) WITH ORDINALITY AS t(channel, n) "
      "              WHERE NOT EXISTS (SELECT 1 FROM payments q WHERE q.order_no = $2 AND q.channel = t.channel) ORDER "
      "BY n LIMIT 1), "
      "on_it AS (INSERT INTO payments(order_no, channel, out_trade_no, amount_cents, buyer, mark, trace) "
      "          SELECT order_no, goal.channel, order_no || '-' || goal.channel, amount_cents, buyer, mark, trace FROM "
      "payments, goal WHERE id = $3 RETURNING order_no) "
      "INSERT INTO outbox(topic, order_no, mark, trace) SELECT 'unpaid', order_no, mark, trace FROM payments WHERE id "
      "= $3 AND NOT EXISTS (SELECT 1 FROM on_it)",
      {pg_array(next_channels), p.order_no, p.id});
  db.commit();
}

void stop_asking(Connection& db, const std::string& out_trade_no) {
  db.run("UPDATE payments SET next_at = 'infinity' WHERE out_trade_no = $1", {out_trade_no});
}

#undef PICKED
#undef PAYMENT_COLUMNS

}  // namespace platform::services
