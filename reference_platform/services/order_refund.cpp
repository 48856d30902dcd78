// order_refund: see order_refund.hpp.
#include "reference_platform/services/order_refund.hpp"

#include <optional>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/domain/order_state.hpp"
#include "reference_platform/domain/refund_rules.hpp"
#include "reference_platform/observe/context.hpp"
#include "reference_platform/observe/trade.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/wallet.hpp"

namespace platform::services {

using domain::Json;
using domain::OrderMove;
using domain::status_after;
using domain::status_before;
using edge::Request;
using edge::Response;
using store::Connection;

namespace {

constexpr std::size_t kOrderRefundKeyMax = 128;

// to: "", wallet, channel
struct Wish {
  std::optional<std::int64_t> amount;
  std::string to;
};

/// The error's code, or "" with `wish` filled.
std::string read_wish(const std::string& body, Wish& wish) {
  const auto json = Json::parse(body.empty() ? "{}" : body);
  if (!json || !json->is_object()) return "bad_request";
  const Json &amount = (*json)["amount_cents"], &to = (*json)["to"];
  if (!amount.is_null() && amount.integer() < 1) return "bad_amount";
  if (!amount.is_null()) wish.amount = amount.integer();
  if (!to.is_null() && to.text() != "wallet" && to.text() != "channel") return "bad_refund_to";
  wish.to = to.text();
  return "";
}

struct Row {
  std::string status, goods_class, sku, paid_via, out_trade_no, coupon, mark;
  std::int64_t quantity = 0, paid = 0, wanted = 0, count = 0, age_ms = 0;
  std::optional<domain::Delivered> delivered;
};

std::optional<Row> lock_order(Connection& db, const OrderId& id) {
  const auto rows = db.run(
      "SELECT status, class, sku, coalesce(paid_via, ''), coalesce(out_trade_no, ''), coalesce(coupon, ''), mark, "
      "quantity, paid_cents, refund_wanted_cents, refund_count, "
      "       (extract(epoch FROM now() - coalesce(delivered_at, now())) * 1000)::bigint, confirmed_at IS NOT NULL, "
      "(extract(epoch FROM now() - created_at) * 1000)::bigint "
      "FROM orders WHERE part = $1 AND order_no = $2 AND buyer = $3 FOR UPDATE",
      {std::to_string(id.place.partition), id.no, id.buyer});
  if (rows.empty()) return std::nullopt;
  const auto text = [&rows](int column) { return std::string(rows.text(0, column)); };
  Row row{text(0),
          text(1),
          text(2),
          text(3),
          text(4),
          text(5),
          text(6),
          rows.number(0, 7),
          rows.number(0, 8),
          rows.number(0, 9),
          rows.number(0, 10),
          rows.number(0, 13),
          std::nullopt};
  if (row.status == "delivered") row.delivered = {rows.number(0, 11), rows.text(0, 12) == "t"};
  return row;
}

/// The transaction of one request.
class RefundCall {
 public:
  RefundCall(Connection& db, const OrderId& id, const Row& row)
      : db_(db), id_(id), row_(row), part_(std::to_string(id.place.partition)) {}

  /// Nobody has begun to deliver: the message is there, and no worker ever took it.
  bool stop_delivery() {
    return db_.run("DELETE FROM outbox WHERE topic = 'deliver' AND order_no = $1 AND lease_until = '-infinity'",
                   {id_.no})
               .affected() == 1;
  }
  void give_goods_back() {
    db_.run("SELECT inventory_release($1, $2, $3)", {id_.no, row_.sku, std::to_string(row_.quantity)});
    if (!row_.coupon.empty()) tell("coupon_back", domain::JsonObject().add("code", row_.coupon).done());
  }
  void revoke() {
    db_.run(
        "INSERT INTO outbox(topic, order_no, body, mark, trace) SELECT 'revoke', order_no, deliver_body(o), mark, $3 "
        "FROM orders o WHERE part = $1 AND order_no = $2",
        {part_, id_.no, observe::current().traceparent()});
  }
  void move(OrderMove move) {
    const std::string sql = "UPDATE orders SET " + status_after(move) +
                            ", receipt = NULL WHERE part = $1 AND order_no = $2 AND " + status_before(move);
    if (db_.run(sql.c_str(), {part_, id_.no}).affected() != 1)
      throw store::SqlError("the order's state changed under its lock", "XX000");
  }
  /// Promises `amount`; at once when it goes into the wallet.
  void promise(std::int64_t amount, bool to_wallet) {
    number_ = id_.no + "-r" + std::to_string(row_.count + 1);
    const std::string cents = std::to_string(amount);
    db_.run(
        "UPDATE orders SET refund_wanted_cents = refund_wanted_cents + $3, refund_count = refund_count + 1, "
        "refunded_cents = refunded_cents + $4 WHERE part = $1 AND order_no = $2",
        {part_, id_.no, cents, to_wallet ? cents : "0"});
    if (!to_wallet) {
      db_.run(
          "INSERT INTO refunds(refund_no, order_no, channel, out_trade_no, amount_cents, reason, mark, trace) VALUES "
          "($1,$2,$3,$4,$5,'order',$6,$7)",
          {number_, id_.no, row_.paid_via, row_.out_trade_no, cents, row_.mark, observe::current().traceparent()});
    } else if (!book_wallet(db_, id_.buyer, id_.no, "refund", amount, number_)) {
      throw store::SqlError("a refund to no wallet", "XX000");
    }
  }
  void remember(const std::string& key, std::int64_t amount, const std::string& way, const std::string& status) {
    db_.run(
        "INSERT INTO refund_requests(part, order_no, idem_key, refund_no, amount_cents, way, status, mark) VALUES "
        "($1,$2,$3,$4,$5,$6,$7,$8)",
        {part_, id_.no, key, number_, std::to_string(amount), way, status, row_.mark});
  }

 private:
  void tell(const std::string& topic, const std::string& body) {
    db_.run("INSERT INTO outbox(topic, order_no, body, mark, trace) VALUES ($1,$2,$3,$4,$5)",
            {topic, id_.no, body, row_.mark, observe::current().traceparent()});
  }
  Connection& db_;
  const OrderId& id_;
  const Row& row_;
  const std::string part_;
  std::string number_;
};

Response not_refundable(const std::string& why) { return error_answer(409, "not_refundable", why); }

/// Same key, same wish: the first one's answer, with the order's state of today.
std::optional<Response> answered_before(Connection& db, const OrderId& id, const Row& row, const std::string& key,
                                        const Wish& wish) {
  const auto rows =
      db.run("SELECT amount_cents, way FROM refund_requests WHERE order_no = $1 AND idem_key = $2", {id.no, key});
  if (rows.empty()) return std::nullopt;
  if ((wish.amount && *wish.amount != rows.number(0, 0)) || (!wish.to.empty() && wish.to != rows.text(0, 1))) {
    return error_answer(409, "key_reused", "this Idempotency-Key belongs to another request");
  }
  return json_answer(200, refund_json(id.no, row.status, rows.number(0, 0)));
}

/// `over`: all the money is back by this request.
Response decide(Connection& db, const OrderId& id, const Row& row, const std::string& key, const Wish& wish,
                bool& over) {
  if (auto answer = answered_before(db, id, row, key, wish)) return *answer;
  if ((row.status == "refunding" || row.status == "refunded") && !wish.amount)
    return json_answer(200, refund_json(id.no, row.status, row.wanted));
  if (row.status == "delivering") return error_answer(409, "being_delivered");
  if (row.status != "paid" && row.status != "delivered") return not_refundable("the order is " + row.status);
  const std::int64_t left = domain::refundable_cents(row.goods_class, row.paid, row.delivered) - row.wanted;
  const std::int64_t amount = wish.amount.value_or(left);
  if (left < 1 || amount > left)
    return not_refundable("at most " + std::to_string(std::max<std::int64_t>(0, left)) +
                          " cents can be given back now");
  const bool all = amount == left;
  if (row.status == "paid" && !all) return not_refundable("before delivery only the whole order can be taken back");
  const bool to_wallet = row.paid_via == "wallet" || wish.to == "wallet";
  if (row.paid_via == "wallet" && wish.to == "channel")
    return error_answer(400, "bad_refund_to", "it was paid from the wallet");

  RefundCall refund(db, id, row);
  if (row.status == "paid" && !refund.stop_delivery()) return error_answer(409, "being_delivered");
  std::string status = row.status;
  refund.promise(amount, to_wallet);
  if (all) {
    const bool before = row.status == "paid";
    refund.move(before ? OrderMove::cancel : OrderMove::take_back);
    if (before)
      refund.give_goods_back();
    else
      refund.revoke();
    status = "refunding";
    const auto open =
        db.run("SELECT refunded_cents >= refund_wanted_cents FROM orders WHERE part = $1 AND order_no = $2",
               {std::to_string(id.place.partition), id.no});
    if (open.text(0, 0) == "t") {
      refund.move(OrderMove::money_back);
      status = "refunded";
      over = true;
    }
  }
  refund.remember(key, amount, to_wallet ? "wallet" : "channel", status);
  return json_answer(200, refund_json(id.no, status, amount));
}

}  // namespace

Response refund_order(Connection& db, const Request& r, const OrderId& id, const BusinessLog& log) {
  Wish wish;
  const std::string key = r.header("idempotency-key").empty() ? random_id() : r.header("idempotency-key");
  if (const std::string wrong = read_wish(r.body, wish); !wrong.empty()) return error_answer(400, wrong);
  if (!plain_text(key, kOrderRefundKeyMax)) return error_answer(400, "bad_key");
  bool over = false;
  db.begin();
  const auto row = lock_order(db, id);
  const Response answer = row ? decide(db, id, *row, key, wish, over) : error_answer(404, "unknown_order");
  if (answer.status != 200) {
    db.rollback();
    return answer;
  }
  db.commit();
  log.event("refund_wanted", id.no, row->mark, row->status);
  if (over)
    observe::trade_reached("refunded", row->goods_class, row->paid_via, row->mark,
                           static_cast<double>(row->age_ms) / 1000);
  return answer;
}

Response confirm_order(Connection& db, const OrderId& order) {
  const std::vector<store::Param> key = {std::to_string(order.place.partition), order.no, order.buyer};
  const auto done = db.run(
      "UPDATE orders SET confirmed_at = coalesce(confirmed_at, now()) WHERE part = $1 AND order_no = $2 AND buyer = $3 "
      "AND status = 'delivered' RETURNING 1",
      key);
  if (!done.empty())
    return json_answer(
        200, domain::JsonObject().add("order_no", order.no).add("status", "delivered").add("confirmed", true).done());
  if (db.run("SELECT 1 FROM orders WHERE part = $1 AND order_no = $2 AND buyer = $3", key).empty())
    return error_answer(404, "unknown_order");
  return error_answer(409, "not_delivered");
}

}  // namespace platform::services
