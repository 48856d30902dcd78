// payment_refunds: see payment_refunds.hpp.
#include "reference_platform/services/payment_refunds.hpp"

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/backend.hpp"

namespace platform::services {

using store::Connection;
using store::Rows;

std::vector<Refund> take_refunds(Connection& db, const std::vector<Room>& rooms, int lease_ms) {
  std::vector<std::string> channels, places;
  for (const Room& room : rooms) {
    if (room.places <= 0) continue;
    channels.push_back(room.channel);
    places.push_back(std::to_string(room.places));
  }
  if (channels.empty()) return {};
  const Rows rows = db.run(
      "WITH picked AS MATERIALIZED (SELECT q.refund_no FROM unnest($1::text[], $2::int[]) AS room(channel, places) "
      "CROSS JOIN LATERAL ("
      "  SELECT refund_no FROM refunds WHERE channel = room.channel AND state IN ('new','accepted') AND next_at <= "
      "now() ORDER BY next_at LIMIT room.places FOR UPDATE SKIP LOCKED) q) "
      "UPDATE refunds r SET asked = asked + 1, next_at = now() + least(asked + 1, 4) * $3 * interval '1 ms' FROM "
      "picked WHERE r.refund_no = picked.refund_no "
      "RETURNING r.refund_no, r.order_no, r.channel, r.out_trade_no, r.reason, r.mark, r.trace, r.state, "
      "r.amount_cents, r.asked, r.failed",
      {pg_array(channels), pg_array(places), std::to_string(lease_ms)});
  std::vector<Refund> out;
  for (int i = 0; i < rows.size(); ++i) {
    const auto text = [&](int column) { return std::string(rows.text(i, column)); };
    out.push_back({text(0), text(1), text(2), text(3), text(4), text(5), text(6), text(7), rows.number(i, 8),
                   rows.number(i, 9), rows.number(i, 10)});
  }
  return out;
}

bool only_told_of(const Refund& refund) {
  return refund.reason == "surplus" && refund.refund_no.starts_with(refund.order_no + "-s-");
}

std::int64_t booked_cents(Connection& db, const std::string& out_trade_no) {
  return db
      .run(
          "SELECT coalesce(sum(amount_cents), 0)::bigint FROM (SELECT amount_cents FROM payments WHERE out_trade_no = "
          "$1 AND state = 'paid' UNION ALL "
          "  SELECT amount_cents FROM refunds WHERE out_trade_no = $1 AND reason = 'surplus' AND state <> 'stuck' AND "
          "starts_with(refund_no, order_no || '-s-')) booked",
          {out_trade_no})
      .number(0, 0);
}

void refund_done(Connection& db, const Refund& refund) {
  db.run(
      "WITH done AS (UPDATE refunds SET state = 'done', done_at = now() WHERE refund_no = $1 AND state IN "
      "('new','accepted') RETURNING order_no, reason, mark, trace) "
      "INSERT INTO outbox(topic, order_no, body, mark, trace) SELECT 'refunded', order_no, $2, mark, trace FROM done "
      "WHERE reason <> 'surplus'",
      {refund.refund_no,
       domain::JsonObject().add("refund_no", refund.refund_no).add("amount_cents", refund.amount_cents).done()});
}

void refund_accepted(Connection& db, const Refund& refund, int next_ms) {
  db.run(
      "UPDATE refunds SET state = 'accepted', next_at = now() + $2 * interval '1 ms' WHERE refund_no = $1 AND state IN "
      "('new','accepted')",
      {refund.refund_no, std::to_string(next_ms)});
}

void refund_failed(Connection& db, const Refund& refund, int next_ms) {
  db.run(
      "UPDATE refunds SET state = 'new', failed = failed + 1, next_at = now() + $2 * interval '1 ms' WHERE refund_no = "
      "$1 AND state IN ('new','accepted')",
      {refund.refund_no, std::to_string(next_ms)});
}

void refund_again(Connection& db, const Refund& refund, int next_ms) {
  db.run(
      "UPDATE refunds SET next_at = now() + $2 * interval '1 ms' WHERE refund_no = $1 AND state IN ('new','accepted')",
      {refund.refund_no, std::to_string(next_ms)});
}

void refund_stuck(Connection& db, const Refund& refund, const std::string& trouble) {
  db.run("UPDATE refunds SET state = 'stuck', trouble = $2 WHERE refund_no = $1 AND state IN ('new','accepted')",
         {refund.refund_no, trouble});
}

bool refund_unstick(Connection& db, const std::string& refund_no) {
  return db.run(
               "UPDATE refunds SET state = 'new', trouble = '', asked = 0, failed = 0, next_at = now() WHERE refund_no "
               "= $1 AND state = 'stuck'",
               {refund_no})
             .affected() == 1;
}

}  // namespace platform::services
