// selling_upstream: our stock for shops of the dujiao-next kind: JSON below /api/v1/upstream, HMAC over method, path,
// time and body, and a callback with the cards for those who name an address for it.
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <ctime>

#include "reference_platform/observe/context.hpp"
#include "reference_platform/services/selling.hpp"
#include "reference_platform/services/supplier.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Json;
using domain::JsonObject;
using edge::Request;
using edge::Response;

constexpr char kRoot[] = "/api/v1/upstream";
constexpr std::int64_t kSkewSecondsMax = 60;
constexpr std::size_t kUpstreamNumberMax = 64, kUrlMax = 512;
constexpr auto kUpstreamWait = 300ms;
constexpr edge::CallOptions kTell{200ms, 3000ms};

Response refuse(int status, const std::string& code) {
  return json_answer(status, JsonObject().add("ok", false).add("error_code", code).add("error_message", code).done());
}

const char* status_of(const SoldOrder& order) {
  if (order.state == "delivered")
    return static_cast<int>(order.cards.size()) < order.quantity ? "partially_delivered" : "completed";
  if (order.state == "created" || order.state == "paying") return "pending_payment";
  return order.state == "paid" || order.state == "delivering" ? "paid" : "canceled";
}

std::string fulfillment(const SoldOrder& order) {
  std::string payload;
  for (const std::string& card : order.cards) payload.append(payload.empty() ? "" : "\n").append(card);
  return JsonObject()
      .add("type", "auto")
      .add("status", "delivered")
      .add("payload", payload)
      .raw("delivery_data", "null")
      .done();
}

std::string head(const SoldOrder& order) {
  JsonObject out;
  out.add("ok", true)
      .add("order_id", order.id)
      .add("order_no", order.order_no)
      .add("status", status_of(order))
      .add("amount", yuan_of(order.amount_cents))
      .add("currency", "CNY");
  if (!order.cards.empty()) out.raw("fulfillment", fulfillment(order));
  return out.done();
}

std::string upstream_row(const SoldGood& g) {
  const char* stock = g.stock <= 0 ? "out_of_stock" : g.stock <= 20 ? "low_stock" : "in_stock";
  const std::string title = JsonObject().add("zh-CN", g.name).add("en", g.name).done(), price = yuan_of(g.price_cents);
  const std::string sku = JsonObject()
                              .add("id", g.id)
                              .add("sku_code", g.sku)
                              .raw("spec_values", "{}")
                              .add("price_amount", price)
                              .add("stock_status", stock)
                              .add("stock_quantity", g.stock)
                              .add("is_active", true)
                              .done();
  return JsonObject()
      .add("id", g.id)
      .add("slug", g.sku)
      .raw("title", title)
      .add("price_amount", price)
      .add("fulfillment_type", "auto")
      .add("is_active", true)
      .add("category_id", 1)
      .raw("skus", "[" + sku + "]")
      .done();
}

/// "" when it is signed by that merchant, lately.
std::string refusal_of(const Request& r, const std::optional<Merchant>& m) {
  if (!m) return "invalid_api_key";
  const std::string& timestamp = r.header("dujiao-next-timestamp");
  std::int64_t at = 0;
  const auto [end, error] = std::from_chars(timestamp.data(), timestamp.data() + timestamp.size(), at);
  if (error != std::errc() || end != timestamp.data() + timestamp.size()) return "invalid_timestamp";
  const std::int64_t now = std::time(nullptr);
  if (at < now - kSkewSecondsMax || at > now + kSkewSecondsMax) return "timestamp_expired";
  return same_secret(upstream_sign(m->secret, r.method, r.path, timestamp, r.body), r.header("dujiao-next-signature"))
             ? ""
             : "invalid_signature";
}

/// `url` leads to where the prefix says: "http://127.0.0.1:1@elsewhere/" begins the same, and leads elsewhere.
bool callback_allowed(const std::string& url, const std::string& prefix) {
  const std::size_t host = url.find("//");
  if (host == std::string::npos || !url.starts_with(prefix)) return false;
  const std::size_t end = url.find_first_of("/?#", host + 2);
  return url.find_first_of("@\\", host + 2) >= end;
}

Response order(SellingDesk& desk, const std::string& callback_prefix, const Request& r, const Merchant& m) {
  const auto body = Json::parse(r.body);
  if (!body || !body->is_object() || !(*body)["sku_id"].is_integer() || !(*body)["quantity"].is_integer())
    return refuse(400, "bad_request");
  const std::string &number = (*body)["downstream_order_no"].text(), &callback = (*body)["callback_url"].text();
  // Without a number nothing could be repeated, and a lost answer would be lost money.
  if (number.empty() || number.size() > kUpstreamNumberMax || callback.size() > kUrlMax ||
      (!(*body)["callback_url"].is_null() && !(*body)["callback_url"].is_string()))
    return refuse(400, "bad_request");
  if (!callback.empty() && !callback_allowed(callback, callback_prefix)) return refuse(400, "callback_not_allowed");
  const auto goods = desk.goods();
  if (!goods) return refuse(503, "try_again");
  const auto g = std::find_if(goods->begin(), goods->end(),
                              [&](const SoldGood& x) { return x.id == (*body)["sku_id"].integer(); });
  if (g == goods->end()) return refuse(400, "sku_unavailable");
  const SoldOrder sold = desk.buy(r, m, g->sku, (*body)["quantity"].integer(), number, callback, kUpstreamWait);
  if (sold.refused == "sold_out") return refuse(409, "insufficient_stock");
  if (sold.refused == "no_money") return refuse(402, "insufficient_balance");
  if (sold.refused == "unknown_sku") return refuse(400, "sku_unavailable");
  if (sold.refused == "bad_quantity") return refuse(400, "bad_request");
  if (sold.refused == "conflict") return refuse(409, "order_conflict");
  if (!sold.refused.empty()) return refuse(503, "try_again");
  return json_answer(200, head(sold));
}

Response upstream_query(SellingDesk& desk, const Request& r, const Merchant& m, const std::string& text) {
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 1) return refuse(404, "order_not_found");
  const SoldOrder found = desk.look(r, m, "", id);
  return found.refused.empty() ? json_answer(200, head(found)) : refuse(404, "order_not_found");
}

Response products(SellingDesk& desk, const std::string& id) {
  const auto goods = desk.goods();
  if (!goods) return refuse(503, "try_again");
  std::vector<std::string> rows;
  for (const SoldGood& g : *goods) {
    if (std::to_string(g.id) == id)
      return json_answer(200, JsonObject().add("ok", true).raw("product", upstream_row(g)).done());
    rows.push_back(upstream_row(g));
  }
  if (!id.empty()) return refuse(404, "product_not_found");
  const auto total = static_cast<std::int64_t>(rows.size());
  return json_answer(200, JsonObject()
                              .add("ok", true)
                              .raw("items", domain::json_array(rows))
                              .add("total", total)
                              .add("page", 1)
                              .add("page_size", total)
                              .done());
}

Response ping(SellingDesk& desk, const Merchant& m) {
  const auto balance = desk.balance(m);
  if (!balance) return refuse(503, "try_again");
  return json_answer(200, JsonObject()
                              .add("ok", true)
                              .add("site_name", "CardStorm")
                              .add("protocol_version", "1.0")
                              .add("balance", yuan_of(*balance))
                              .add("currency", "CNY")
                              .done());
}

std::string path_of(const std::string& url) {
  const auto host = url.find("//");
  const auto path = host == std::string::npos ? std::string::npos : url.find('/', host + 2);
  return path == std::string::npos ? "/" : url.substr(path, url.find('?', path) - path);
}

}  // namespace

Response upstream_answer(SellingDesk& desk, const std::string& callback_prefix, const Request& r) {
  const auto m = desk.merchant(r, r.header("dujiao-next-api-key"));
  if (const std::string refused = refusal_of(r, m); !refused.empty()) return refuse(401, refused);
  const auto parts = path_parts(r.path.substr(sizeof kRoot - 1));
  const std::string what = parts.empty() ? "" : parts[0], id = parts.size() > 1 ? parts[1] : "";
  const bool post = r.method == "POST", get = r.method == "GET";
  if (what == "ping" && post && id.empty()) return ping(desk, *m);
  if (what == "categories" && get && id.empty())
    return json_answer(
        200,
        R"({"ok":true,"categories":[{"id":1,"parent_id":0,"slug":"cards","name":{"zh-CN":"卡密","en":"Cards"},"icon":"","sort_order":1}]})");
  if (what == "products" && get && parts.size() < 3) return products(desk, id);
  if (what == "orders" && post && id.empty()) return order(desk, callback_prefix, r, *m);
  if (what == "orders" && get && parts.size() == 2) return upstream_query(desk, r, *m, id);
  if (what == "orders" && post && parts.size() == 3 && parts[2] == "cancel")
    return refuse(409, "cancel_not_allowed");  // paid at once, delivered at once
  return refuse(404, "not_found");
}

void tell_callback(SellingDesk& desk, store::Pool& pool, SellingDesk::Due d) {
  const observe::Scope scope(observe::Context::of(d.trace, d.mark));
  desk.look_again(d);
  const bool over = d.order.state == "delivered" || status_of(d.order) == std::string("canceled");
  bool acknowledged = false;
  if (over) {
    JsonObject said;
    const std::string at = std::to_string(std::time(nullptr));
    said.add("event", "order.status")
        .add("order_id", d.order.id)
        .add("order_no", d.order.order_no)
        .add("downstream_order_no", d.request_no)
        .add("status", status_of(d.order))
        .raw("timestamp", at);
    if (!d.order.cards.empty()) said.raw("fulfillment", fulfillment(d.order));
    const std::string body = said.done();
    const auto answer =
        edge::call("POST", d.url, body,
                   {{"Content-Type", "application/json"},
                    {"Dujiao-Next-Api-Key", d.merchant.app_id},
                    {"Dujiao-Next-Timestamp", at},
                    {"Dujiao-Next-Signature", upstream_sign(d.merchant.secret, "POST", path_of(d.url), at, body)}},
                   kTell);
    const auto json = Json::parse(answer.body);
    acknowledged = answer.status == 200 && json && (*json)["ok"].boolean();
  }
  desk.told(pool, d, acknowledged, over);
}

}  // namespace platform::services
