// selling_desk: merchants and their orders, over the order service's buyer API. See selling.hpp.
#include <algorithm>
#include <thread>

#include "reference_platform/observe/context.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/partner.hpp"
#include "reference_platform/services/selling.hpp"

namespace platform::services {

using namespace std::chrono_literals;
using domain::Json;
using domain::JsonObject;
using edge::Request;
using std::chrono::steady_clock;

namespace {

constexpr edge::CallOptions kCall{100ms, 1500ms};
constexpr auto kDeskLookEvery = 30ms;
constexpr std::int64_t kQuantityMax = 1000;

/// A number for a product that is always the same: 52 bits, so that a client that reads it as a floating number loses
/// nothing.
std::int64_t id_of(const std::string& sku) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : sku) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return static_cast<std::int64_t>(hash >> 12);
}

bool marked() { return !observe::current().mark.empty(); }

}  // namespace

store::Pool& SellingDesk::pool_of(const Merchant& m) { return shards_.at(shards_.of_buyer(m.account, marked())); }

std::optional<Merchant> SellingDesk::merchant(const Request& r, const std::string& app_id) {
  if (app_id.empty() || app_id.size() > 64) return std::nullopt;
  const auto rows = borrow(shards_.at(shards_.of_buyer(app_id, marked())), r)
                        ->run("SELECT app_id, secret, account FROM merchants WHERE app_id = $1", {app_id});
  if (rows.empty()) return std::nullopt;
  return Merchant{std::string(rows.text(0, 0)), std::string(rows.text(0, 1)), std::string(rows.text(0, 2))};
}

std::optional<Merchant> SellingDesk::make_merchant(const Request& r, const std::string& app_id,
                                                   const std::string& account) {
  borrow(shards_.at(shards_.of_buyer(app_id, marked())), r)
      ->run("INSERT INTO merchants(app_id, secret, account, mark) VALUES ($1,$2,$3,$4) ON CONFLICT DO NOTHING",
            {app_id, random_id(), account, observe::current().mark});
  auto m = merchant(r, app_id);
  return m && m->account == account ? m : std::nullopt;
}

// An order node that does not answer has a twin, and every call here may come twice.
SellingDesk::Answer SellingDesk::ask(const std::string& role, const Merchant& m, const std::string& method,
                                     const std::string& path, const std::string& body, const std::string& key) {
  Answer out;
  const auto peers = config_.peers.find(role);
  if (peers == config_.peers.end()) return out;
  edge::Headers headers;
  if (!m.account.empty()) headers.emplace_back("X-Buyer", m.account);
  if (!key.empty()) headers.emplace_back("Idempotency-Key", key);
  for (const std::string& url : peers->second) {
    const auto answer = edge::call(method, url + path, body, headers, kCall);
    out.status = answer.status;
    out.json = Json::parse(answer.body).value_or(Json());
    if (out.status != 0 && out.status < 500) break;
  }
  return out;
}

std::optional<std::vector<SoldGood>> SellingDesk::goods() {
  const Answer list = ask("catalog", {}, "GET", "/goods");
  if (list.status != 200) return std::nullopt;
  std::vector<SoldGood> out;
  for (const Json& g : list.json["goods"].items()) {
    if (g["class"].text() == "game_card")
      out.push_back({id_of(g["sku"].text()), g["sku"].text(), g["name"].text(), g["price_cents"].integer(),
                     g["stock"].integer()});
  }
  return out;
}

SoldOrder SellingDesk::buy(const Request& r, const Merchant& m, const std::string& sku, std::int64_t quantity,
                           const std::string& request_no, const std::string& callback_url,
                           std::chrono::milliseconds wait) {
  SoldOrder order;
  order.sku = sku;
  if (quantity < 1 || quantity > kQuantityMax) return order.refused = "bad_quantity", order;
  order.quantity = static_cast<int>(quantity);
  const std::string key = "merchant-" + md5_hex(m.app_id + "\n" + request_no);
  const Answer made =
      ask("order", m, "POST", "/orders", JsonObject().add("sku", sku).add("quantity", quantity).done(), key);
  order.order_no = made.json["order_no"].text();
  const std::string& error = made.json["error"].text();
  if (made.status == 409)
    order.refused = error == "key_reused" ? "conflict" : "sold_out";
  else if (made.status == 404)
    order.refused = "unknown_sku";
  else if (made.status == 400)
    order.refused = "bad_quantity";
  else if ((made.status != 201 && made.status != 202) || order.order_no.empty())
    order.refused = "try_again";
  if (!order.refused.empty()) return order;
  order.amount_cents = made.json["amount_cents"].integer();
  // Queued orders become orders in a moment; paying answers 404 until then.
  const auto until = steady_clock::now() + wait;
  Answer paid;
  do {
    paid = ask("order", m, "POST", "/orders/" + order.order_no + "/pay", R"({"channel":"wallet"})", key);
    if (paid.status != 404) break;
    std::this_thread::sleep_for(kDeskLookEvery);
  } while (steady_clock::now() < until);
  if (paid.status == 402) return order.refused = "no_money", order;
  // What cannot be paid any more is over: closed or paid back. It stands as it is.
  if (paid.status != 200 && paid.status != 409) return order.refused = "try_again", order;
  const auto& context = observe::current();
  auto db = borrow(pool_of(m), r);
  db->run(
      "INSERT INTO merchant_orders(app_id, request_no, order_no, sku, quantity, amount_cents, callback_url, mark, "
      "trace) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) ON CONFLICT DO NOTHING",
      {m.app_id, request_no, order.order_no, sku, std::to_string(quantity), std::to_string(order.amount_cents),
       callback_url, context.mark, context.traceparent()});
  order.id = db->run("SELECT id FROM merchant_orders WHERE app_id = $1 AND request_no = $2", {m.app_id, request_no})
                 .number(0, 0);
  fill(m, order);
  while ((order.state == "paid" || order.state == "delivering") && steady_clock::now() < until) {
    std::this_thread::sleep_for(kDeskLookEvery);
    fill(m, order);
  }
  return order;
}

void SellingDesk::fill(const Merchant& m, SoldOrder& order) {
  const Answer now = ask("order", m, "GET", "/orders/" + order.order_no);
  if (now.status != 200) return void(order.state = order.state.empty() ? "paid" : order.state);
  order.state = now.json["status"].text();
  order.amount_cents = now.json["amount_cents"].integer();
  order.cards.clear();
  for (const Json& card : now.json["cards"].items()) order.cards.push_back(card["secret"].text());
}

SoldOrder SellingDesk::look(const Request& r, const Merchant& m, const std::string& order_no, std::int64_t id) {
  SoldOrder order;
  const auto rows = borrow(pool_of(m), r)
                        ->run(
                            "SELECT id, order_no, sku, quantity, amount_cents FROM merchant_orders WHERE app_id = $1 "
                            "AND (order_no = $2 OR id = $3)",
                            {m.app_id, order_no, std::to_string(id)});
  if (rows.empty()) return order.refused = "unknown", order;
  order.id = rows.number(0, 0);
  order.order_no = std::string(rows.text(0, 1));
  order.sku = std::string(rows.text(0, 2));
  order.quantity = static_cast<int>(rows.number(0, 3));
  order.amount_cents = rows.number(0, 4);
  fill(m, order);
  return order;
}

std::optional<std::int64_t> SellingDesk::balance(const Merchant& m) {
  const Answer wallet = ask("order", m, "GET", "/wallet");
  return wallet.status == 200 ? std::optional(wallet.json["balance_cents"].integer()) : std::nullopt;
}

std::vector<SellingDesk::Due> SellingDesk::due(store::Pool& pool, const std::vector<std::string>& busy, int each,
                                               int most) {
  std::vector<Due> out;
  const auto rows = pool.take(200ms)->run(
      "WITH waiting AS (SELECT app_id, min(next_at) AS since FROM merchant_orders WHERE callback_url <> '' AND NOT "
      "told AND next_at <= now() AND app_id <> ALL($1::text[]) GROUP BY app_id), "
      "picked AS MATERIALIZED (SELECT q.id FROM (SELECT app_id FROM waiting ORDER BY since LIMIT $3) w CROSS JOIN "
      "LATERAL ("
      "  SELECT id FROM merchant_orders WHERE app_id = w.app_id AND callback_url <> '' AND NOT told AND next_at <= "
      "now() ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED) q LIMIT $3) "
      "UPDATE merchant_orders o SET next_at = now() + interval '10 s' FROM picked WHERE o.id = picked.id "
      "RETURNING o.id, o.app_id, o.request_no, o.order_no, o.sku, o.quantity, o.amount_cents, o.callback_url, o.tries, "
      "o.mark, o.trace",
      {pg_array(busy), std::to_string(each), std::to_string(most)});
  for (int i = 0; i < rows.size(); ++i) {
    const auto text = [&](int column) { return std::string(rows.text(i, column)); };
    Due d;
    d.mark = text(9);
    d.trace = text(10);
    const observe::Scope scope(observe::Context::of(d.trace, d.mark));
    const auto who = shards_.at(shards_.of_buyer(text(1), !d.mark.empty()))
                         .take(200ms)
                         ->run("SELECT app_id, secret, account FROM merchants WHERE app_id = $1", {text(1)});
    if (who.empty()) continue;
    d.merchant = {std::string(who.text(0, 0)), std::string(who.text(0, 1)), std::string(who.text(0, 2))};
    d.request_no = text(2);
    d.order.id = rows.number(i, 0);
    d.order.order_no = text(3);
    d.order.sku = text(4);
    d.order.quantity = static_cast<int>(rows.number(i, 5));
    d.order.amount_cents = rows.number(i, 6);
    d.url = text(7);
    d.tries = static_cast<int>(rows.number(i, 8));
    out.push_back(std::move(d));
  }
  return out;
}

void SellingDesk::told(store::Pool& pool, const Due& d, bool acknowledged, bool over) {
  // 1 s, 2 s, 4 s; an order that is under way is looked at again soon, and that is no try.
  const int wait_ms = over ? 1000 << std::min(d.tries, 4) : 300;
  pool.take(200ms)->run(
      "UPDATE merchant_orders SET told = $2::boolean OR ($3::boolean AND tries >= 3), tries = tries + CASE WHEN "
      "$3::boolean THEN 1 ELSE 0 END, next_at = now() + $4 * interval '1 ms' WHERE id = $1",
      {std::to_string(d.order.id), acknowledged ? "true" : "false", over ? "true" : "false", std::to_string(wait_ms)});
}

}  // namespace platform::services
