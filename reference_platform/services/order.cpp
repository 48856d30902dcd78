// order: orders and wallets of the hardened variant. Two instances share the tables; whatever one of them was doing when it died,
// the other one finishes. Every change of state is a compare-and-set in one transaction with the message that tells of it.
#include <memory>
#include <mutex>

#include "reference_platform/domain/catalogue.hpp"
#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/order_events.hpp"
#include "reference_platform/services/roles.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using edge::Request;
using edge::Response;
using store::Connection;

constexpr int kWorkers = 12;
constexpr int kPoolSize = 6;
constexpr std::size_t kKeyMax = 128;
constexpr auto kGoodsAge = 5s;

/// Prices in memory: they change rarely, and an order must not wait for another service to know them.
class PriceList {
 public:
  std::optional<domain::Good> find(const std::string& sku, const std::function<std::vector<domain::Good>()>& load) {
    {
      const std::lock_guard lock(mutex_);
      const auto now = std::chrono::steady_clock::now();
      if (now - loaded_ < kGoodsAge && !goods_.empty()) return pick(sku);
      loaded_ = now;   // this request reloads, the others go on with what is there
    }
    auto fresh = load();
    const std::lock_guard lock(mutex_);
    goods_ = std::move(fresh);
    return pick(sku);
  }

 private:
  [[nodiscard]] std::optional<domain::Good> pick(const std::string& sku) const {
    for (const auto& good : goods_) {
      if (good.sku == sku) return good;
    }
    return std::nullopt;
  }
  std::mutex mutex_;
  std::vector<domain::Good> goods_;
  std::chrono::steady_clock::time_point loaded_{};
};

class Orders {
 public:
  explicit Orders(const ops::NodeConfig& config)
      : log_(config.name), pool_(store::make_pool({config.database_url(), kPoolSize, 1000ms, 1000ms})),
        events_(*pool_, log_, metrics_, option(config, "unpaid_close_s", 300)),
        loop_("order events", 50ms, [this] { return events_.step(); }) {}

  Response handle(const Request& r);
  store::Pool& pool() { return *pool_; }
  std::string metrics() const { return metrics_.text(); }

 private:
  Response create(const Request& r, const std::string& buyer);
  Response created_before(Connection& db, const std::string& buyer, const std::string& key, const CreateBody& body);
  Response pay(const Request& r, const std::string& buyer, const std::string& no);
  Response pay_by_channel(Connection& db, const std::string& buyer, const std::string& no, const std::string& channel);
  Response pay_by_wallet(Connection& db, const std::string& buyer, const std::string& no);
  Response pay_again(Connection& db, const std::string& buyer, const std::string& no);
  Response show(const Request& r, const std::string& buyer, const std::string& no);
  Response refund(const Request& r, const std::string& buyer, const std::string& no);
  Response wallet(const Request& r, const std::string& buyer);

  BusinessLog log_;
  Metrics metrics_;
  std::unique_ptr<store::Pool> pool_;
  PriceList prices_;
  OrderEvents events_;
  Loop loop_;   // last: ends first
};

Response Orders::handle(const Request& r) {
  const auto parts = path_parts(r.path);
  const std::string head = parts.empty() ? "" : parts[0];
  const bool post = r.method == "POST";
  if (head == "audit") {
    auto db = borrow(*pool_, r);
    return audit_page(*db, r);
  }
  if (head != "orders" && head != "wallet") return error_answer(404, "not_found");
  const std::string buyer = buyer_of(r);
  if (buyer.empty()) return error_answer(400, "bad_buyer", "X-Buyer names the buyer: up to 32 letters, digits, dashes");
  if (head == "wallet") return wallet(r, buyer);
  if (post && parts.size() == 1) return create(r, buyer);
  if (post && parts.size() == 3 && parts[2] == "pay") return pay(r, buyer, parts[1]);
  if (post && parts.size() == 3 && parts[2] == "refund") return refund(r, buyer, parts[1]);
  if (!post && parts.size() == 2) return show(r, buyer, parts[1]);
  return error_answer(404, "not_found");
}

// Order and reservation are one transaction: an accepted order has its cards. The key is unique, so a request that comes again, to
// this instance or its twin, finds what the first one made.
Response Orders::create(const Request& r, const std::string& buyer) {
  const auto body = read_create(r.body);
  const std::string key = r.header("idempotency-key").empty() ? random_id() : r.header("idempotency-key");
  if (!body) return error_answer(400, "bad_request");
  if (key.size() > kKeyMax) return error_answer(400, "bad_key");
  auto db = borrow(*pool_, r);
  const auto good = prices_.find(body->sku, [&db] { return domain::read_goods(*db); });
  if (!good) return error_answer(404, "unknown_sku");
  const std::string refused = domain::refuse_order(*good, body->quantity, body->phone);
  if (!refused.empty()) return error_answer(400, refused);

  const store::Place place{store::partition_of(buyer), false};
  const std::string no = store::order_number(place, random_id());
  const std::string quantity = std::to_string(body->quantity);
  const std::int64_t amount = domain::amount_of(*good, body->quantity);
  db->begin();
  const auto inserted = db->run(
      "INSERT INTO orders(part, order_no, buyer, idem_key, sku, class, quantity, amount_cents, phone, status, mark) "
      "VALUES ($10,$1,$2,$3,$4,$5,$6,$7,$8,'created',$9) ON CONFLICT (part, buyer, idem_key) DO NOTHING",
      {no, buyer, key, good->sku, good->goods_class, quantity, std::to_string(amount), body->phone, mark_of(r), std::to_string(place.partition)});
  if (inserted.affected() == 0) {
    db->rollback();
    return created_before(*db, buyer, key, *body);
  }
  if (db->run("SELECT inventory_reserve($1, $2, $3)", {no, good->sku, quantity}).text(0, 0) != "t") {
    db->rollback();
    metrics_.add("orders_total{outcome=\"sold_out\"}");
    return error_answer(409, "sold_out");
  }
  db->commit();
  metrics_.add("orders_total{outcome=\"created\"}");
  log_.event("order_created", no, mark_of(r), "ok");
  return json_answer(201, created_json(no, "created", good->sku, body->quantity, amount));
}

Response Orders::created_before(Connection& db, const std::string& buyer, const std::string& key, const CreateBody& body) {
  const auto rows = db.run("SELECT order_no, sku, quantity, amount_cents, coalesce(phone, '') FROM orders WHERE buyer = $1 AND idem_key = $2", {buyer, key});
  if (rows.empty()) return error_answer(503, "try_again");   // the first one was just rolled back
  if (rows.text(0, 1) != body.sku || rows.number(0, 2) != body.quantity || rows.text(0, 4) != body.phone) {
    return error_answer(409, "key_reused", "this Idempotency-Key belongs to another request");
  }
  metrics_.add("orders_total{outcome=\"repeated\"}");
  return json_answer(201, created_json(std::string(rows.text(0, 0)), "created", body.sku, body.quantity, rows.number(0, 3)));
}

Response Orders::pay(const Request& r, const std::string& buyer, const std::string& no) {
  const std::string channel = read_channel(r.body);
  if (channel.empty()) return error_answer(400, "bad_channel");
  auto db = borrow(*pool_, r);
  return channel == "wallet" ? pay_by_wallet(*db, buyer, no) : pay_by_channel(*db, buyer, no, channel);
}

// The wish to pay is written down and answered at once; the payment service talks to the channel. One statement, one transaction.
Response Orders::pay_by_channel(Connection& db, const std::string& buyer, const std::string& no, const std::string& channel) {
  const auto rows = db.run(
      "WITH o AS (UPDATE orders SET status = 'paying', paid_via = $3 WHERE order_no = $1 AND buyer = $2 AND status = 'created' "
      "           RETURNING order_no, amount_cents, buyer, mark), "
      "p AS (INSERT INTO payments(order_no, channel, out_trade_no, amount_cents, buyer, mark) "
      "      SELECT order_no, $3, order_no || '-' || $3, amount_cents, buyer, mark FROM o) "
      "SELECT mark FROM o",
      {no, buyer, channel});
  if (rows.empty()) return pay_again(db, buyer, no);
  log_.event("payment_wanted", no, rows.text(0, 0), channel);
  return json_answer(200, pay_json(no, "paying"));
}

// The order is locked first, then the wallet, here as in a refund: no deadlock. The balance can only fall where it suffices.
Response Orders::pay_by_wallet(Connection& db, const std::string& buyer, const std::string& no) {
  db.begin();
  const auto order = db.run(
      "UPDATE orders SET status = 'paid', paid_via = 'wallet', paid_cents = amount_cents WHERE order_no = $1 AND buyer = $2 AND status = 'created' "
      "RETURNING amount_cents, mark",
      {no, buyer});
  if (order.empty()) {
    db.rollback();
    return pay_again(db, buyer, no);
  }
  open_wallet(db, buyer);
  if (!book_wallet(db, buyer, no, "pay", -order.number(0, 0))) {
    db.rollback();
    return error_answer(402, "insufficient_balance");
  }
  db.run("INSERT INTO outbox(topic, order_no, body) SELECT 'deliver', order_no, deliver_body(o) FROM orders o WHERE order_no = $1", {no});
  db.commit();
  log_.event("order_paid", no, order.text(0, 1), "wallet");
  return json_answer(200, pay_json(no, "paid"));
}

Response Orders::pay_again(Connection& db, const std::string& buyer, const std::string& no) {
  const auto rows = db.run("SELECT status FROM orders WHERE order_no = $1 AND buyer = $2", {no, buyer});
  if (rows.empty()) return error_answer(404, "unknown_order");
  const std::string status(rows.text(0, 0));
  const bool on_its_way = status == "paying" || status == "paid" || status == "delivering" || status == "delivered";
  return on_its_way ? json_answer(200, pay_json(no, status)) : error_answer(409, "not_payable");
}

Response Orders::show(const Request& r, const std::string& buyer, const std::string& no) {
  auto db = borrow(*pool_, r);
  const auto rows = db->run(
      "SELECT status, sku, quantity, amount_cents, receipt, "
      "       CASE WHEN status = 'delivered' AND class = 'game_card' THEN coalesce((SELECT json_agg(json_build_object('secret', c.secret) ORDER BY c.id) "
      "            FROM deliveries d JOIN cards c ON c.id = d.card_id WHERE d.order_no = o.order_no), '[]') ELSE '[]' END "
      "FROM orders o WHERE order_no = $1 AND buyer = $2",
      {no, buyer});
  if (rows.empty()) return error_answer(404, "unknown_order");
  const std::string receipt = rows.null(0, 4) ? "null" : domain::json_quoted(rows.text(0, 4));
  return json_answer(200, domain::JsonObject().add("order_no", no).add("status", rows.text(0, 0)).add("sku", rows.text(0, 1)).add("quantity", rows.number(0, 2))
                              .add("amount_cents", rows.number(0, 3)).raw("cards", rows.text(0, 5)).raw("receipt", receipt).done());
}

Response Orders::refund(const Request& r, const std::string& buyer, const std::string& no) {
  auto db = borrow(*pool_, r);
  db->begin();
  const auto order = db->run(
      "UPDATE orders SET status = 'refunding', receipt = NULL WHERE order_no = $1 AND buyer = $2 AND status = 'delivered' AND class IN ('membership', 'equipment') "
      "RETURNING amount_cents, mark",
      {no, buyer});
  if (!order.empty()) {
    const std::string status = start_refund(*db, no);
    db->commit();
    log_.event("refund_wanted", no, order.text(0, 1), status);
    return json_answer(200, refund_json(no, status, order.number(0, 0)));
  }
  db->rollback();
  const auto rows = db->run("SELECT status, amount_cents FROM orders WHERE order_no = $1 AND buyer = $2", {no, buyer});
  if (rows.empty()) return error_answer(404, "unknown_order");
  const std::string status(rows.text(0, 0));
  if (status != "refunding" && status != "refunded") return error_answer(409, "not_refundable");
  return json_answer(200, refund_json(no, status, rows.number(0, 1)));
}

Response Orders::wallet(const Request& r, const std::string& buyer) {
  auto db = borrow(*pool_, r);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto rows = db->run("SELECT balance_cents FROM wallets WHERE wallet = $1", {buyer});
    if (!rows.empty()) return json_answer(200, wallet_json(buyer, rows.number(0, 0)));
    open_wallet(*db, buyer);
  }
  return error_answer(503, "try_again");
}

}  // namespace

ops::Service make_order(const ops::NodeConfig& config) {
  auto orders = std::make_shared<Orders>(config);
  ops::Service service;
  service.server = backend_server(config, kWorkers);
  service.business = backend_handler(orders->pool(), [orders](const Request& r) { return orders->handle(r); });
  service.pool = &orders->pool();
  service.not_ready = [orders] { return pool_not_ready(orders->pool()); };
  service.metrics = [orders] { return orders->metrics(); };
  service.stop = [] {};
  return service;
}

}  // namespace platform::services
