// payment_book: see payment_book.hpp.
#include "reference_platform/services/payment_book.hpp"

#include "reference_platform/domain/json.hpp"

namespace platform::services {

using store::Connection;
using store::Rows;

namespace {

#define PAYMENT_COLUMNS                                                                                                       \
  "p.id, p.order_no, p.channel, p.out_trade_no, p.buyer, p.mark, p.state, p.amount_cents, p.asked, p.absent, "                  \
  "(extract(epoch FROM now() - coalesce(p.sent_at, now())) * 1000)::bigint, extract(epoch FROM now() - p.created_at)::bigint"

std::vector<Payment> payments_of(const Rows& rows) {
  std::vector<Payment> out;
  for (int i = 0; i < rows.size(); ++i) {
    const auto text = [&](int column) { return std::string(rows.text(i, column)); };
    out.push_back({text(0), text(1), text(2), text(3), text(4), text(5), text(6), rows.number(i, 7), rows.number(i, 8), rows.number(i, 9), rows.number(i, 10), rows.number(i, 11)});
  }
  return out;
}

/// One transaction, rolled back unless kept.
class Transaction {
 public:
  explicit Transaction(Connection& db) : db_(db) { db_.begin(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (!kept_) db_.rollback();
  }
  void keep() {
    db_.commit();
    kept_ = true;
  }

 private:
  Connection& db_;
  bool kept_ = false;
};

}  // namespace

const char* name_of(Credit c) {
  switch (c) {
    case Credit::credited: return "credited";
    case Credit::repeated: return "repeated";
    case Credit::surplus: return "surplus";
    case Credit::unknown_payment: return "unknown_payment";
    case Credit::wrong_amount: return "wrong_amount";
  }
  return "";
}

Credit record_charge(Connection& db, const std::string& channel, const std::string& out_trade_no, const std::string& trade_no, std::int64_t amount_cents) {
  Transaction transaction(db);
  const Rows p = db.run("SELECT order_no, amount_cents, state, mark FROM payments WHERE out_trade_no = $1 AND channel = $2 FOR UPDATE", {out_trade_no, channel});
  if (p.empty()) return Credit::unknown_payment;
  if (p.number(0, 1) != amount_cents) return Credit::wrong_amount;
  const std::string order_no(p.text(0, 0)), state(p.text(0, 2)), amount = std::to_string(amount_cents);
  const Rows inbox = db.run("INSERT INTO charges(channel, trade_no, out_trade_no, order_no, amount_cents) VALUES ($1,$2,$3,$4,$5) ON CONFLICT DO NOTHING",
                            {channel, trade_no, out_trade_no, order_no, amount});
  if (inbox.affected() == 0) return Credit::repeated;
  Credit credit = Credit::credited;
  if (state == "closed" || state == "paid") {
    credit = Credit::surplus;
    db.run("INSERT INTO refunds(refund_no, order_no, channel, out_trade_no, amount_cents, reason, mark) VALUES ($1,$2,$3,$4,$5,'surplus',$6) ON CONFLICT DO NOTHING",
           {"S-" + out_trade_no, order_no, channel, out_trade_no, amount, std::string(p.text(0, 3))});
  } else {
    db.run("UPDATE payments SET state = 'paid', trade_no = $2 WHERE out_trade_no = $1", {out_trade_no, trade_no});
    db.run("INSERT INTO outbox(topic, order_no, body) VALUES ('paid', $1, $2)",
           {order_no, domain::JsonObject().add("channel", channel).add("out_trade_no", out_trade_no).add("amount_cents", amount_cents).done()});
  }
  transaction.keep();
  return credit;
}

std::vector<Payment> take_new(Connection& db, const std::string& channel, int limit, int lease_ms) {
  return payments_of(db.run(
      "WITH picked AS MATERIALIZED (SELECT id FROM payments WHERE channel = $1 AND state = 'new' AND next_at <= now() ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED) "
      "UPDATE payments p SET state = 'sent', sent_at = coalesce(sent_at, now()), next_at = now() + $3 * interval '1 ms' FROM picked WHERE p.id = picked.id "
      "RETURNING " PAYMENT_COLUMNS,
      {channel, std::to_string(limit), std::to_string(lease_ms)}));
}

std::int64_t reroute_new(Connection& db, const std::string& from, const std::string& to) {
  return db.run(
      "WITH picked AS MATERIALIZED (SELECT id FROM payments p WHERE channel = $1 AND state = 'new' AND sent_at IS NULL "
      "  AND NOT EXISTS (SELECT 1 FROM payments q WHERE q.order_no = p.order_no AND q.channel = $2) ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED) "
      "UPDATE payments p SET channel = $2, out_trade_no = p.order_no || '-' || $2, next_at = now() FROM picked WHERE p.id = picked.id",
      {from, to}).affected();
}

void expire_new(Connection& db, const std::string& channel, int age_s) {
  db.run("WITH closed AS (UPDATE payments SET state = 'closed' WHERE channel = $1 AND state = 'new' AND sent_at IS NULL AND created_at < now() - $2 * interval '1 s' RETURNING order_no) "
         "INSERT INTO outbox(topic, order_no) SELECT 'unpaid', order_no FROM closed", {channel, std::to_string(age_s)});
}

std::vector<Payment> take_due(Connection& db, const std::string& channel, int limit, int lease_ms) {
  return payments_of(db.run(
      "WITH picked AS MATERIALIZED (SELECT id FROM payments WHERE channel = $1 AND state IN ('sent','waiting') AND next_at <= now() ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED) "
      "UPDATE payments p SET asked = asked + 1, next_at = now() + least(asked + 1, 4) * $3 * interval '1 ms' FROM picked WHERE p.id = picked.id RETURNING " PAYMENT_COLUMNS,
      {channel, std::to_string(limit), std::to_string(lease_ms)}));
}

void set_waiting(Connection& db, const Payment& p, const std::string& trade_no, int next_ms) {
  db.run("UPDATE payments SET state = 'waiting', trade_no = $2, next_at = now() + $3 * interval '1 ms' WHERE id = $1 AND state IN ('sent','waiting')",
         {p.id, trade_no, std::to_string(next_ms)});
}

void set_unsent(Connection& db, const Payment& p, int next_ms) {
  db.run("UPDATE payments SET state = 'new', sent_at = CASE WHEN asked = 0 THEN NULL ELSE sent_at END, next_at = now() + $2 * interval '1 ms' WHERE id = $1 AND state = 'sent'",
         {p.id, std::to_string(next_ms)});
}

void set_absent(Connection& db, const Payment& p) {
  db.run("UPDATE payments SET state = 'new', absent = absent + 1, next_at = now() WHERE id = $1 AND state = 'sent'", {p.id});
}

void ask_again(Connection& db, const Payment& p, int next_ms) {
  db.run("UPDATE payments SET next_at = now() + $2 * interval '1 ms' WHERE id = $1 AND state IN ('sent','waiting')", {p.id, std::to_string(next_ms)});
}

void close_payment(Connection& db, const Payment& p, const std::string& next_channel) {
  Transaction transaction(db);
  if (db.run("UPDATE payments SET state = 'closed' WHERE id = $1 AND state IN ('new','sent','waiting')", {p.id}).affected() == 0) return;
  const bool goes_on = !next_channel.empty() &&
                       db.run("INSERT INTO payments(order_no, channel, out_trade_no, amount_cents, buyer, mark) VALUES ($1,$2,$3,$4,$5,$6) ON CONFLICT (order_no, channel) DO NOTHING",
                              {p.order_no, next_channel, p.order_no + "-" + next_channel, std::to_string(p.amount_cents), p.buyer, p.mark}).affected() == 1;
  if (!goes_on) db.run("INSERT INTO outbox(topic, order_no) VALUES ('unpaid', $1)", {p.order_no});
  transaction.keep();
}

std::vector<Refund> take_refunds(Connection& db, const std::string& channel, int limit, int lease_ms) {
  const Rows rows = db.run(
      "WITH picked AS MATERIALIZED (SELECT refund_no FROM refunds WHERE channel = $1 AND state = 'new' AND next_at <= now() ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED) "
      "UPDATE refunds r SET asked = asked + 1, next_at = now() + least(asked + 1, 4) * $3 * interval '1 ms' FROM picked WHERE r.refund_no = picked.refund_no "
      "RETURNING r.refund_no, r.order_no, r.channel, r.out_trade_no, r.reason, r.mark, r.amount_cents, r.asked",
      {channel, std::to_string(limit), std::to_string(lease_ms)});
  std::vector<Refund> out;
  for (int i = 0; i < rows.size(); ++i) {
    const auto text = [&](int column) { return std::string(rows.text(i, column)); };
    out.push_back({text(0), text(1), text(2), text(3), text(4), text(5), rows.number(i, 6), rows.number(i, 7)});
  }
  return out;
}

void refund_done(Connection& db, const Refund& refund) {
  db.run("WITH done AS (UPDATE refunds SET state = 'done' WHERE refund_no = $1 AND state = 'new' RETURNING order_no, reason) "
         "INSERT INTO outbox(topic, order_no, body) SELECT 'refunded', order_no, $2 FROM done WHERE reason = 'order'",
         {refund.refund_no, domain::JsonObject().add("amount_cents", refund.amount_cents).done()});
}

void refund_stuck(Connection& db, const Refund& refund) { db.run("UPDATE refunds SET state = 'stuck' WHERE refund_no = $1 AND state = 'new'", {refund.refund_no}); }

void refund_again(Connection& db, const Refund& refund, int next_ms) {
  db.run("UPDATE refunds SET next_at = now() + $2 * interval '1 ms' WHERE refund_no = $1 AND state = 'new'", {refund.refund_no, std::to_string(next_ms)});
}

#undef PAYMENT_COLUMNS

}  // namespace platform::services
