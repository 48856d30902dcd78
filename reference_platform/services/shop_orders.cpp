// shop: orders, from creation to their lists.
#include <algorithm>
#include <charconv>

#include "reference_platform/domain/catalogue.hpp"
#include "reference_platform/domain/json.hpp"
#include "reference_platform/observe/trade.hpp"
#include "reference_platform/services/shop.hpp"

namespace platform::services {

using domain::JsonObject;

namespace {

constexpr std::int64_t kPageSize = 20, kPageMax = 100;
constexpr std::size_t kShopOrderKeyMax = 128;

std::int64_t number_in(const std::string& query, const char* name, std::int64_t fallback) {
  const std::string text = query_value(query, name);
  std::int64_t v = fallback;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  return error == std::errc() && end == text.data() + text.size() ? v : fallback;
}

std::string row_json(const store::Rows& rows, int i) {
  return JsonObject()
      .add("order_no", rows.text(i, 1))
      .add("status", rows.text(i, 2))
      .add("sku", rows.text(i, 3))
      .add("quantity", rows.number(i, 4))
      .add("amount_cents", rows.number(i, 5))
      .done();
}

void insert(Connection& db, const ShopOrder& o) {
  db.run(
      "INSERT INTO orders(order_no, buyer, sku, class, quantity, amount_cents, phone, status, mark, reserved) VALUES "
      "($1,$2,$3,$4,$5,$6,$7,'created',$8,$9)",
      {o.order_no, o.buyer, o.sku, o.goods_class, std::to_string(o.quantity), std::to_string(o.amount_cents), o.phone,
       o.mark, o.reserved ? "true" : "false"});
}

Response created(const ShopOrder& o) {
  return json_answer(201, created_json(o.order_no, o.status, o.sku, o.quantity, o.amount_cents));
}

}  // namespace

Response Shop::create(const Request& r, const std::string& buyer) {
  const auto body = read_create(r.body);
  if (!body) return error_answer(400, "bad_request");
  // A03: the buyer's own number for this intent is not looked at, so a request that is sent again makes another order.
  const std::string key = on(Trait::A03) ? "" : r.header("idempotency-key");
  if (key.size() > kShopOrderKeyMax) return error_answer(400, "bad_request", "the Idempotency-Key is too long");
  auto db = pool_->take();
  for (const auto& good : domain::read_goods(*db)) {
    if (good.sku != body->sku) continue;
    const std::string refused = domain::refuse_order(good, body->quantity, body->phone);
    if (!refused.empty()) return error_answer(400, refused);
    ShopOrder order;
    order.order_no = "F" + random_id().substr(0, 19);
    order.buyer = buyer;
    order.sku = good.sku;
    order.goods_class = good.goods_class;
    order.status = "created";
    order.phone = body->phone;
    order.mark = mark_of(r);
    order.quantity = body->quantity;
    order.amount_cents = domain::amount_of(good, body->quantity);
    return create_in(*db, *body, good, std::move(order), key);
  }
  return error_answer(404, "unknown_sku");
}

// A07: stock is only compared here; it is taken at delivery, after the buyer has paid. Off: it is taken here, by a
// condition.
Response Shop::create_in(Connection& db, const CreateBody& body, const domain::Good& good, ShopOrder order,
                         const std::string& key) {
  db.begin();
  if (!key.empty() &&
      db.run("INSERT INTO shop_requests(buyer, idem_key, order_no) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING",
             {order.buyer, key, order.order_no})
              .affected() == 0) {
    db.rollback();
    const auto earlier =
        db.run("SELECT order_no FROM shop_requests WHERE buyer = $1 AND idem_key = $2", {order.buyer, key});
    const auto same = earlier.empty() ? std::nullopt : find(db, std::string(earlier.text(0, 0)));
    return same ? created(*same) : error_answer(503, "database");
  }
  bool enough = good.unlimited || good.stock >= body.quantity;
  if (enough && !on(Trait::A07) && !good.unlimited) {
    enough = db.run("UPDATE goods SET stock = stock - $2 WHERE sku = $1 AND stock >= $2",
                    {good.sku, std::to_string(body.quantity)})
                 .affected() == 1;
    order.reserved = true;
  }
  if (!enough) {
    db.rollback();
    observe::trade_reached("sold_out", order.goods_class, "", order.mark);
    return error_answer(409, "sold_out");
  }
  insert(db, order);
  db.commit();
  reached("created", order, "ok");
  return created(order);
}

std::optional<ShopOrder> Shop::find(Connection& db, const std::string& order_no, bool lock) {
  static constexpr char kColumns[] =
      "SELECT buyer, sku, class, status, phone, paid_via, out_trade_no, mark, quantity, amount_cents, reserved, "
      "supplier FROM orders WHERE order_no = $1";
  static const std::string locked = std::string(kColumns) + " FOR UPDATE";
  const auto rows = db.run(lock ? locked.c_str() : kColumns, {order_no});
  if (rows.empty()) return std::nullopt;
  const auto text = [&](int column) { return std::string(rows.text(0, column)); };
  return ShopOrder{order_no,
                   text(0),
                   text(1),
                   text(2),
                   text(3),
                   text(4),
                   text(5),
                   text(6),
                   text(7),
                   rows.number(0, 8),
                   rows.number(0, 9),
                   text(10) == "t",
                   static_cast<int>(rows.number(0, 11))};
}

Response Shop::show(const std::string& buyer, const std::string& order_no) {
  auto db = pool_->take();
  const auto rows =
      db->run("SELECT status, sku, quantity, amount_cents, receipt FROM orders WHERE order_no = $1 AND buyer = $2",
              {order_no, buyer});
  if (rows.empty()) return error_answer(404, "unknown_order");
  std::vector<std::string> cards;
  const auto secrets = db->run(
      "SELECT c.secret FROM shop_deliveries d JOIN cards c ON c.id = d.card_id WHERE d.order_no = $1 ORDER BY d.id",
      {order_no});
  for (int i = 0; i < secrets.size(); ++i) cards.push_back(JsonObject().add("secret", secrets.text(i, 0)).done());
  const std::string receipt = rows.null(0, 4) ? "null" : domain::json_quoted(rows.text(0, 4));
  return json_answer(200, JsonObject()
                              .add("order_no", order_no)
                              .add("status", rows.text(0, 0))
                              .add("sku", rows.text(0, 1))
                              .add("quantity", rows.number(0, 2))
                              .add("amount_cents", rows.number(0, 3))
                              .raw("cards", domain::json_array(cards))
                              .raw("receipt", receipt)
                              .done());
}

// A05: pages by OFFSET: every page reads all before it, and to find the buyer's orders at all the whole table is read.
// Off: from the last one on, by index. `next` is the query of the next page.
Response Shop::list(const Request& r, const std::string& buyer) {
  const std::int64_t size = std::clamp<std::int64_t>(number_in(r.query, "size", kPageSize), 1, kPageMax);
  const std::int64_t page = std::clamp<std::int64_t>(number_in(r.query, "page", 0), 0, 1'000'000'000);
  const std::int64_t before = number_in(r.query, "before", INT64_MAX);
  auto db = pool_->take();
  const bool by_offset = on(Trait::A05);
  const auto rows = by_offset ? db->run(
                                    "SELECT id, order_no, status, sku, quantity, amount_cents FROM orders WHERE buyer "
                                    "= $1 ORDER BY id DESC LIMIT $2 OFFSET $3",
                                    {buyer, std::to_string(size), std::to_string(page * size)})
                              : db->run(
                                    "SELECT id, order_no, status, sku, quantity, amount_cents FROM orders WHERE buyer "
                                    "= $1 AND id < $3 ORDER BY id DESC LIMIT $2",
                                    {buyer, std::to_string(size), std::to_string(before)});
  std::vector<std::string> items;
  for (int i = 0; i < rows.size(); ++i) items.push_back(row_json(rows, i));
  const std::string next = by_offset
                               ? "page=" + std::to_string(page + 1)
                               : "before=" + (rows.empty() ? "" : std::to_string(rows.number(rows.size() - 1, 0)));
  return json_answer(
      200, JsonObject()
               .raw("orders", domain::json_array(items))
               .raw("next", rows.size() < size ? "null" : domain::json_quoted(next + "&size=" + std::to_string(size)))
               .done());
}

// Closing gives the reserved pieces back in the same statement.
bool Shop::close_unpaid(const std::string& order_no) {
  auto db = pool_->take();
  const auto closed = db->run(
      "WITH gone AS (UPDATE orders SET status = 'closed', ask_at = NULL WHERE order_no = $1 AND status IN "
      "('created','paying') RETURNING sku, quantity, reserved), "
      "back AS (UPDATE goods g SET stock = stock + gone.quantity FROM gone WHERE gone.reserved AND g.sku = gone.sku) "
      "SELECT count(*) FROM gone",
      {order_no});
  if (closed.number(0, 0) == 0) return false;
  log_.event("order_closed", order_no, "", "unpaid");
  return true;
}

bool Shop::close_old() {
  const auto old = pool_->take()->run(
      "SELECT order_no FROM orders WHERE status = 'created' AND created_at < now() - $1 * interval '1 s' LIMIT 100",
      {std::to_string(unpaid_s_)});
  bool any = false;
  for (int i = 0; i < old.size(); ++i) any = close_unpaid(std::string(old.text(i, 0))) || any;
  return any;
}

// A14: the books are added up over all orders there ever were, on the database that the buyers need.
bool Shop::report() {
  const auto sum = pool_->take()->run(
      "SELECT coalesce(sum(paid_cents), 0)::bigint, coalesce(sum(refunded_cents), 0)::bigint FROM orders");
  metrics_.set("shop_report_paid_cents", static_cast<double>(sum.number(0, 0)));
  metrics_.set("shop_report_refunded_cents", static_cast<double>(sum.number(0, 1)));
  metrics_.add("shop_reports_total");
  return false;
}

}  // namespace platform::services
