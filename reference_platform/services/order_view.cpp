// order_view: see order_view.hpp.
#include "reference_platform/services/order_view.hpp"

#include <algorithm>
#include <map>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/buyer_api.hpp"

namespace platform::services {

using namespace std::chrono_literals;
using domain::JsonObject;
using edge::Request;
using edge::Response;
using store::Connection;

namespace {

struct Book {
  const char *name, *sql;
};
constexpr Book kBooks[] = {
    {"orders", "SELECT id, row_to_json(v) FROM audit_orders_here v WHERE id > $1 ORDER BY id LIMIT "},
    {"wallets", "SELECT id, row_to_json(v) FROM audit_wallets_here v WHERE id > $1 ORDER BY id LIMIT "},
    {"ledger", "SELECT id, row_to_json(v) FROM audit_ledger_here v WHERE id > $1 ORDER BY id LIMIT "},
};
constexpr auto kOrderViewBorrow = 500ms;

/// What tells on which side a row belongs: a column, and the rows that are wrong among the real ones and in the shadow.
/// Order numbers say it, and numbers that begin with one; a foreign number that a channel's bill names must look like
/// ours in full.
struct Sign {
  const char *column, *not_real, *not_shadow;
};
constexpr Sign kSigns[] = {
    {"mark", "mark <> ''", "mark = ''"},
    {"order_no", "order_no LIKE 'S%'", "order_no LIKE 'H%'"},
    {"refund_no", "refund_no LIKE 'S%'", "refund_no LIKE 'H%'"},
    {"out_trade_no", "out_trade_no ~ '^S[0-9A-F][0-9a-f]{8}'", "out_trade_no ~ '^H[0-9A-F][0-9a-f]{8}'"},
    {"session_id", "session_id LIKE 'm%'", "session_id NOT LIKE 'm%'"}};

/// Every table (not their partitions) with its columns, whoever made it.
constexpr char kTables[] =
    "SELECT c.relname, array_to_string(array_agg(a.attname::text), ',') FROM pg_class c JOIN pg_attribute a ON "
    "a.attrelid = c.oid "
    "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r','p') AND NOT c.relispartition AND "
    "a.attnum > 0 AND NOT a.attisdropped GROUP BY c.relname ORDER BY c.relname";

/// Rows that do not belong where they are; 0 for a table without a sign.
std::int64_t strangers(Connection& db, const std::string& table, const std::string& columns, bool shadow) {
  std::string where;
  for (const Sign& sign : kSigns) {
    if (("," + columns + ",").find(std::string(",") + sign.column + ",") != std::string::npos)
      where += (where.empty() ? "" : " OR ") + std::string(shadow ? sign.not_shadow : sign.not_real);
  }
  return where.empty() ? 0 : db.run(("SELECT count(*) FROM " + table + " WHERE " + where).c_str()).number(0, 0);
}

std::int64_t strangers_in(const std::string& url, bool shadow, std::map<std::string, std::int64_t>& where) {
  const auto db = store::connect(url);
  const auto tables = db->run(kTables);
  std::int64_t sum = 0;
  for (int i = 0; i < tables.size(); ++i) {
    const std::string table(tables.text(i, 0));
    const auto n = strangers(*db, table, std::string(tables.text(i, 1)), shadow);
    if (n > 0) where[(shadow ? "shadow." : "real.") + table] += n;
    sum += n;
  }
  return sum;
}

/// Most looks at an order come before it is delivered: its cards, which may lie in any partition, are a statement of
/// their own.
std::string cards_of(Connection& db, const std::string& order_no) {
  const auto rows = db.run(
      "SELECT coalesce(json_agg(json_build_object('secret', c.secret) ORDER BY c.id), '[]') FROM deliveries d JOIN "
      "cards c ON c.order_no = d.order_no AND c.id = d.card_id "
      "WHERE d.order_no = $1",
      {order_no});
  return std::string(rows.text(0, 0));
}

}  // namespace

Response show_order(Connection& db, const OrderId& order) {
  const auto rows = db.run(
      "SELECT status, sku, quantity, amount_cents, receipt, refunded_cents, status = 'delivered' AND class = "
      "'game_card' FROM orders WHERE part = $1 AND order_no = $2 AND buyer = $3",
      {std::to_string(order.place.partition), order.no, order.buyer});
  if (rows.empty()) {
    const auto refused = db.run("SELECT outcome FROM intake_refused WHERE order_no = $1", {order.no});
    return refused.empty() ? error_answer(404, "unknown_order")
                           : error_answer(409, refused.text(0, 0) == "expired" ? "expired" : "not_made",
                                          "the same request again makes it, or says why not");
  }
  const std::string cards = rows.text(0, 6) == "t" ? cards_of(db, order.no) : "[]";
  const std::string receipt = rows.null(0, 4) ? "null" : domain::json_quoted(rows.text(0, 4));
  return json_answer(200, JsonObject()
                              .add("order_no", order.no)
                              .add("status", rows.text(0, 0))
                              .add("sku", rows.text(0, 1))
                              .add("quantity", rows.number(0, 2))
                              .add("amount_cents", rows.number(0, 3))
                              .add("refunded_cents", rows.number(0, 5))
                              .raw("cards", cards)
                              .raw("receipt", receipt)
                              .done());
}

Response list_orders(Connection& db, const Request& r, const std::string& buyer, store::Place place) {
  const auto page = page_of(r);
  if (!page) return bad_page();
  const auto rows = db.run(
      "SELECT id, json_build_object('order_no', order_no, 'status', status, 'sku', sku, 'quantity', quantity, "
      "'amount_cents', amount_cents, 'refunded_cents', refunded_cents, "
      "                             'created_at_ms', (extract(epoch FROM created_at) * 1000)::bigint) "
      "FROM orders WHERE part = $1 AND buyer = $2 AND ($3::bigint = 0 OR id < $3::bigint) ORDER BY id DESC LIMIT $4",
      {std::to_string(place.partition), buyer, std::to_string(page->after), std::to_string(page->limit)});
  std::vector<std::string> items;
  for (int i = 0; i < rows.size(); ++i) items.emplace_back(rows.text(i, 1));
  const std::string next = rows.size() < page->limit ? "null" : std::to_string(rows.number(rows.size() - 1, 0));
  return json_answer(200, JsonObject().raw("orders", domain::json_array(items)).raw("next", next).done());
}

Response audit_page(store::Shards& shards, const Request& r) {
  const auto parts = path_parts(r.path);
  const auto book = std::find_if(std::begin(kBooks), std::end(kBooks),
                                 [&parts](const Book& b) { return parts.size() == 2 && parts[1] == b.name; });
  if (book == std::end(kBooks) || r.method != "GET") return error_answer(404, "not_found");
  const auto page = page_of(r, kAuditPage);
  if (!page) return bad_page(kAuditPage);
  std::map<std::int64_t, std::string> merged;  // ids rise over all databases
  for (int i = 0; i < shards.databases(); ++i) {
    auto db = shards.at(i, !mark_of(r).empty()).take(kOrderViewBorrow);
    const auto rows = db->run((book->sql + std::to_string(page->limit)).c_str(), {std::to_string(page->after)});
    for (int n = 0; n < rows.size(); ++n) merged.emplace(rows.number(n, 0), rows.text(n, 1));
  }
  std::vector<std::string> items;
  std::int64_t last = 0;
  for (const auto& [id, row] : merged) {
    if (static_cast<std::int64_t>(items.size()) == page->limit) break;
    items.push_back(row);
    last = id;
  }
  const std::string next = static_cast<std::int64_t>(merged.size()) < page->limit ? "null" : std::to_string(last);
  return json_answer(200, JsonObject().raw("rows", domain::json_array(items)).raw("next", next).done());
}

Response audit_marked(const std::vector<std::string>& real_urls, const std::vector<std::string>& shadow_urls) {
  std::map<std::string, std::int64_t> where;
  std::int64_t real = 0, shadow = 0;
  for (const auto& url : real_urls) real += strangers_in(url, false, where);
  for (const auto& url : shadow_urls) shadow += strangers_in(url, true, where);
  std::vector<std::string> places;
  for (const auto& [table, n] : where) places.push_back(JsonObject().add("table", table).add("rows", n).done());
  return json_answer(200, JsonObject()
                              .add("real_rows_with_mark", real)
                              .add("shadow_rows_without_mark", shadow)
                              .raw("where", domain::json_array(places))
                              .done());
}

}  // namespace platform::services
