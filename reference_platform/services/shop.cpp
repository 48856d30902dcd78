// shop: the fragile variant, one process. Every weakness here is one that real shops have, by its true mechanism; README.md names
// each beside its cure. Nothing sleeps for show.
#include <memory>

#include "reference_platform/domain/catalogue.hpp"
#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/partner.hpp"
#include "reference_platform/services/roles.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using edge::Request;
using edge::Response;
using store::Connection;

constexpr int kWorkers = 16;                            // each of them blocks for as long as a call takes
constexpr int kPoolSize = 8;
constexpr auto kPoolWait = 30s;
constexpr edge::CallOptions kPartnerCall{60s, 60s};     // no timeout worth the name
constexpr int kTries = 3;
constexpr int kSpread = 32;

struct Order {
  std::string order_no, buyer, sku, goods_class, status, phone, paid_via, out_trade_no, mark;
  std::int64_t quantity = 0, amount_cents = 0;
};

class Shop {
 public:
  explicit Shop(const ops::NodeConfig& config)
      : partner_{config.partners_url, config.partners_key}, public_url_(config.public_url), log_(config.name),
        pool_(store::make_pool({config.database_url(), kPoolSize, kPoolWait, 0ms})) {}

  Response handle(const Request& r);
  store::Pool* pool() { return pool_.get(); }
  std::string metrics() const { return metrics_.text(); }

 private:
  Response goods(const std::string& sku);
  Response create(const Request& r, const std::string& buyer);
  Response pay(const Request& r, const std::string& buyer, const std::string& order_no);
  Response pay_by_channel(Connection& db, const Order& order, const std::string& channel);
  Response pay_by_wallet(Connection& db, const Order& order);
  Response show(const std::string& buyer, const std::string& order_no);
  Response refund(const std::string& buyer, const std::string& order_no);
  bool refund_at_channel(const Order& order);
  Response wallet(const std::string& buyer);
  Response notify(const Request& r, const std::string& channel);
  Response notify_topup(const Request& r);

  std::optional<Order> find(Connection& db, const std::string& order_no);
  void deliver(Connection& db, const Order& order);
  void deliver_cards(Connection& db, const Order& order);
  static std::vector<std::string> look_for_cards(Connection& db, const Order& order, int spread);
  void deliver_topup(Connection& db, const Order& order);
  std::int64_t balance_of(Connection& db, const std::string& buyer);
  void book(Connection& db, const Order& order, const std::string& kind, std::int64_t balance, std::int64_t delta);

  PartnerKey partner_;
  std::string public_url_;
  BusinessLog log_;
  Metrics metrics_;
  std::unique_ptr<store::Pool> pool_;
};

Response Shop::handle(const Request& r) {
  const auto parts = path_parts(r.path);
  const std::string head = parts.empty() ? "" : parts[0];
  const bool post = r.method == "POST";
  metrics_.add("requests_total{path=\"/" + (parts.size() < 3 ? head : head + "/" + parts[2]) + "\"}");
  if (head == "audit") {
    auto db = pool_->take();
    return audit_page(*db, r);
  }
  if (head == "goods" && parts.size() <= 2) return goods(parts.size() == 2 ? parts[1] : "");
  if (head == "notify" && parts.size() == 2 && post) return parts[1] == "topup" ? notify_topup(r) : notify(r, parts[1]);
  const std::string buyer = buyer_of(r);
  if (head != "orders" && head != "wallet") return error_answer(404, "not_found");
  if (buyer.empty()) return error_answer(400, "bad_buyer", "X-Buyer names the buyer: up to 32 letters, digits, dashes");
  if (head == "wallet") return wallet(buyer);
  if (post && parts.size() == 1) return create(r, buyer);
  if (post && parts.size() == 3 && parts[2] == "pay") return pay(r, buyer, parts[1]);
  if (post && parts.size() == 3 && parts[2] == "refund") return refund(buyer, parts[1]);
  if (!post && parts.size() == 2) return show(buyer, parts[1]);
  return error_answer(404, "not_found");
}

// No cache: every look at the shop window is a query.
Response Shop::goods(const std::string& sku) {
  auto db = pool_->take();
  const auto all = domain::read_goods(*db);
  if (sku.empty()) return json_answer(200, goods_list_json(all));
  for (const auto& good : all) {
    if (good.sku == sku) return json_answer(200, goods_json(good, true));
  }
  return error_answer(404, "unknown_sku");
}

// The Idempotency-Key is not looked at: a request that is sent again makes another order. Stock is only compared here; it is
// taken at delivery, after the buyer has paid.
Response Shop::create(const Request& r, const std::string& buyer) {
  const auto body = read_create(r.body);
  if (!body) return error_answer(400, "bad_request");
  auto db = pool_->take();
  for (const auto& good : domain::read_goods(*db)) {
    if (good.sku != body->sku) continue;
    const std::string refused = domain::refuse_order(good, body->quantity, body->phone);
    if (!refused.empty()) return error_answer(400, refused);
    if (!good.unlimited && good.stock < body->quantity) return error_answer(409, "sold_out");
    const std::string order_no = "F" + random_id().substr(0, 19);
    const std::int64_t amount = domain::amount_of(good, body->quantity);
    db->run("INSERT INTO orders(order_no, buyer, sku, class, quantity, amount_cents, phone, status, mark) VALUES ($1,$2,$3,$4,$5,$6,$7,'created',$8)",
            {order_no, buyer, good.sku, good.goods_class, std::to_string(body->quantity), std::to_string(amount), body->phone, mark_of(r)});
    log_.event("order_created", order_no, mark_of(r), "ok");
    return json_answer(201, created_json(order_no, "created", good.sku, body->quantity, amount));
  }
  return error_answer(404, "unknown_sku");
}

std::optional<Order> Shop::find(Connection& db, const std::string& order_no) {
  const auto rows = db.run("SELECT buyer, sku, class, status, phone, paid_via, out_trade_no, mark, quantity, amount_cents FROM orders WHERE order_no = $1", {order_no});
  if (rows.empty()) return std::nullopt;
  const auto text = [&](int column) { return std::string(rows.text(0, column)); };
  return Order{order_no, text(0), text(1), text(2), text(3), text(4), text(5), text(6), text(7), rows.number(0, 8), rows.number(0, 9)};
}

Response Shop::pay(const Request& r, const std::string& buyer, const std::string& order_no) {
  const std::string channel = read_channel(r.body);
  if (channel.empty()) return error_answer(400, "bad_channel");
  auto db = pool_->take();
  const auto order = find(*db, order_no);
  if (!order || order->buyer != buyer) return error_answer(404, "unknown_order");
  if (order->status == "paid" || order->status == "delivering" || order->status == "delivered") return json_answer(200, pay_json(order_no, order->status));
  if (order->status != "created" && order->status != "paying") return error_answer(409, "not_payable");
  return channel == "wallet" ? pay_by_wallet(*db, *order) : pay_by_channel(*db, *order, channel);
}

// The channel is called inside the open transaction: the connection and the order's row stay taken for as long as it takes. Each
// try goes out under a new number, so that the channel cannot know that it is the same payment.
Response Shop::pay_by_channel(Connection& db, const Order& order, const std::string& channel) {
  db.begin();
  db.run("UPDATE orders SET status = 'paying', paid_via = $2 WHERE order_no = $1", {order.order_no, channel});
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const std::string out_trade_no = order.order_no + "-" + random_id().substr(0, 8);
    const PayOrder call{channel, out_trade_no, order.order_no, order.buyer, order.mark, public_url_ + "/notify/" + channel, order.amount_cents};
    if (channel_pay(partner_, call, kPartnerCall).status != 200) continue;
    db.run("UPDATE orders SET out_trade_no = $2 WHERE order_no = $1", {order.order_no, out_trade_no});
    db.commit();
    log_.event("payment_started", order.order_no, order.mark, channel);
    return json_answer(200, pay_json(order.order_no, "paying"));
  }
  db.rollback();
  log_.event("payment_started", order.order_no, order.mark, "failed");
  return error_answer(502, "channel_failed");
}

std::int64_t Shop::balance_of(Connection& db, const std::string& buyer) {
  db.run("INSERT INTO wallets(wallet, balance_cents, opening_cents) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING", {buyer, std::to_string(kOpeningCents)});
  return db.run("SELECT balance_cents FROM wallets WHERE wallet = $1", {buyer}).number(0, 0);
}

// Read, compute, write: who wrote in between is overwritten.
void Shop::book(Connection& db, const Order& order, const std::string& kind, std::int64_t balance, std::int64_t delta) {
  const std::string after = std::to_string(balance + delta);
  db.run("UPDATE wallets SET balance_cents = $2 WHERE wallet = $1", {order.buyer, after});
  db.run("INSERT INTO ledger(account, order_no, kind, delta_cents, balance_after_cents) VALUES ($1,$2,$3,$4,$5)",
         {order.buyer, order.order_no, kind, std::to_string(delta), after});
}

Response Shop::pay_by_wallet(Connection& db, const Order& order) {
  const std::int64_t balance = balance_of(db, order.buyer);
  if (balance < order.amount_cents) return error_answer(402, "insufficient_balance");
  book(db, order, "pay", balance, -order.amount_cents);
  db.run("UPDATE orders SET status = 'paid', paid_via = 'wallet', paid_cents = $2 WHERE order_no = $1", {order.order_no, std::to_string(order.amount_cents)});
  log_.event("order_paid", order.order_no, order.mark, "wallet");
  deliver(db, order);
  return json_answer(200, pay_json(order.order_no, find(db, order.order_no)->status));
}

Response Shop::show(const std::string& buyer, const std::string& order_no) {
  auto db = pool_->take();
  const auto rows = db->run("SELECT status, sku, quantity, amount_cents, receipt FROM orders WHERE order_no = $1 AND buyer = $2", {order_no, buyer});
  if (rows.empty()) return error_answer(404, "unknown_order");
  std::vector<std::string> cards;
  const auto secrets = db->run("SELECT c.secret FROM shop_deliveries d JOIN cards c ON c.id = d.card_id WHERE d.order_no = $1 ORDER BY d.id", {order_no});
  for (int i = 0; i < secrets.size(); ++i) cards.push_back(domain::JsonObject().add("secret", secrets.text(i, 0)).done());
  const std::string receipt = rows.null(0, 4) ? "null" : domain::json_quoted(rows.text(0, 4));
  return json_answer(200, domain::JsonObject().add("order_no", order_no).add("status", rows.text(0, 0)).add("sku", rows.text(0, 1))
                              .add("quantity", rows.number(0, 2)).add("amount_cents", rows.number(0, 3))
                              .raw("cards", domain::json_array(cards)).raw("receipt", receipt).done());
}

Response Shop::wallet(const std::string& buyer) {
  auto db = pool_->take();
  return json_answer(200, wallet_json(buyer, balance_of(*db, buyer)));
}

Response Shop::refund(const std::string& buyer, const std::string& order_no) {
  auto db = pool_->take();
  const auto order = find(*db, order_no);
  if (!order || order->buyer != buyer) return error_answer(404, "unknown_order");
  if (order->status == "refunded") return json_answer(200, refund_json(order_no, "refunded", order->amount_cents));
  if (!domain::refundable(order->goods_class, order->status)) return error_answer(409, "not_refundable");
  if (order->paid_via == "wallet") {
    book(*db, *order, "refund", balance_of(*db, buyer), order->amount_cents);
  } else {
    db->begin();
    db->run("UPDATE orders SET status = 'refunding' WHERE order_no = $1", {order_no});
    if (!refund_at_channel(*order)) {
      db->rollback();
      return error_answer(502, "channel_failed");
    }
    db->commit();
  }
  db->run("UPDATE orders SET status = 'refunded', refunded_cents = amount_cents, receipt = NULL WHERE order_no = $1", {order_no});
  log_.event("order_refunded", order_no, order->mark, order->paid_via);
  return json_answer(200, refund_json(order_no, "refunded", order->amount_cents));
}

bool Shop::refund_at_channel(const Order& order) {
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const RefundOrder call{order.paid_via, order.out_trade_no, "R" + random_id().substr(0, 19), order.mark, order.amount_cents};
    if (channel_refund(partner_, call, kPartnerCall).status == 200) return true;
  }
  return false;
}

// The order is read outside any lock: two notifies at the same time both find it unpaid, and both deliver. What follows the mark
// "paid" is lost when the process dies, or the stock is out: the channel has its `success`, nobody comes back to it.
Response Shop::notify(const Request& r, const std::string& channel) {
  if (!partner_signed(partner_.key, r)) return text_answer(401, "bad sign");
  const auto told = read_notify(r.body);
  if (!told) return text_answer(400, "fail");
  auto db = pool_->take();
  const auto order = find(*db, told->order_no);
  if (!order || (order->status != "created" && order->status != "paying")) return text_answer(200, "success");
  db->run("UPDATE orders SET status = 'paid', paid_via = $2, paid_cents = $3, out_trade_no = $4 WHERE order_no = $1",
          {order->order_no, channel, std::to_string(told->amount_cents), told->out_trade_no});
  log_.event("order_paid", order->order_no, order->mark, channel);
  deliver(*db, *order);
  return text_answer(200, "success");
}

Response Shop::notify_topup(const Request& r) {
  if (!partner_signed(partner_.key, r)) return text_answer(401, "bad sign");
  const auto json = domain::Json::parse(r.body);
  if (!json || (*json)["status"].text() != "SUCCESS") return text_answer(400, "fail");
  auto db = pool_->take();
  db->run("UPDATE orders SET status = 'delivered', receipt = $2 WHERE order_no = $1", {(*json)["order"].text(), (*json)["request_no"].text()});
  log_.event("order_delivered", (*json)["order"].text(), mark_of(r), "topup");
  return text_answer(200, "success");
}

void Shop::deliver(Connection& db, const Order& order) {
  if (order.goods_class == "topup") return deliver_topup(db, order);
  if (order.goods_class == "game_card") return deliver_cards(db, order);
  db.run("UPDATE goods SET stock = stock - $2 WHERE sku = $1 AND NOT unlimited", {order.sku, std::to_string(order.quantity)});
  db.run("UPDATE orders SET status = 'delivered', receipt = $2 WHERE order_no = $1", {order.order_no, domain::receipt_of(order.goods_class, order.order_no, random_id())});
  log_.event("order_delivered", order.order_no, order.mark, order.goods_class);
}

// Look first, take afterwards, one statement at a time: who looks in between takes the same cards. Somebody saw that happen and made
// it take from a random place near the front, as many shops do: seldom in quiet times, as bad as ever in a rush.
std::vector<std::string> Shop::look_for_cards(Connection& db, const Order& order, int spread) {
  const auto rows = db.run("SELECT id FROM cards WHERE sku = $1 AND order_no IS NULL AND NOT sold ORDER BY id LIMIT $2 OFFSET floor(random() * $3::int)",
                           {order.sku, std::to_string(order.quantity), std::to_string(spread)});
  std::vector<std::string> ids;
  for (int i = 0; i < rows.size(); ++i) ids.emplace_back(rows.text(i, 0));
  return ids;
}

void Shop::deliver_cards(Connection& db, const Order& order) {
  const auto wanted = static_cast<std::size_t>(order.quantity);
  auto ids = look_for_cards(db, order, kSpread);
  if (ids.size() < wanted) ids = look_for_cards(db, order, 0);
  if (ids.size() < wanted) return log_.event("order_delivered", order.order_no, order.mark, "out_of_stock");
  for (const auto& id : ids) db.run("UPDATE cards SET sold = true, order_no = $2 WHERE id = $1", {id, order.order_no});
  for (const auto& id : ids) db.run("INSERT INTO shop_deliveries(order_no, card_id) VALUES ($1, $2)", {order.order_no, id});
  db.run("UPDATE goods SET stock = stock - $2 WHERE sku = $1", {order.sku, std::to_string(order.quantity)});
  db.run("UPDATE orders SET status = 'delivered' WHERE order_no = $1", {order.order_no});
  log_.event("order_delivered", order.order_no, order.mark, order.goods_class);
}

// The only supplier, called inline; a new number for each try. The supplier's notify ends the order; when it is lost, nothing does.
void Shop::deliver_topup(Connection& db, const Order& order) {
  db.run("UPDATE orders SET status = 'delivering' WHERE order_no = $1", {order.order_no});
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const TopupOrder call{"T" + random_id().substr(0, 19), order.order_no, order.phone, order.mark, public_url_ + "/notify/topup", order.amount_cents};
    if (topup_order(partner_, call, kPartnerCall).status == 200) return;
  }
  log_.event("order_delivered", order.order_no, order.mark, "supplier_failed");
}

}  // namespace

ops::Service make_shop(const ops::NodeConfig& config) {
  auto shop = std::make_shared<Shop>(config);
  ops::Service service;
  service.server.port = config.port;
  service.server.threads = kWorkers;   // and an unbounded queue before them
  service.business = [shop](const Request& r) { return shop->handle(r); };
  service.pool = shop->pool();
  service.not_ready = [] { return std::string(); };   // it lives, so it says that it can serve
  service.metrics = [shop] { return shop->metrics(); };
  service.stop = [] {};
  return service;
}

}  // namespace platform::services
