// wallet: see wallet.hpp.
#include "reference_platform/services/wallet.hpp"

#include <algorithm>
#include <charconv>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/domain/order_state.hpp"
#include "reference_platform/observe/context.hpp"
#include "reference_platform/services/buyer_api.hpp"

namespace platform::services {

using domain::JsonObject;
using domain::OrderMove;
using edge::Request;
using edge::Response;
using store::Connection;

namespace {

constexpr std::int64_t kRechargeMax = 5'000'000;
constexpr std::size_t kWalletKeyMax = 128;

}  // namespace

bool book_wallet(Connection& db, const std::string& buyer, const std::string& order_no, const std::string& kind,
                 std::int64_t delta_cents, const std::string& ref) {
  return !db.run("SELECT wallet_book($1, $2, $3, $4, $5, $6, true)",
                 {buyer, std::to_string(kOpeningCents), order_no, kind, std::to_string(delta_cents), ref})
              .null(0, 0);
}

Response show_wallet(Connection& db, const std::string& buyer) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto rows = db.run("SELECT balance_cents FROM wallets WHERE wallet = $1", {buyer});
    if (!rows.empty()) return json_answer(200, wallet_json(buyer, rows.number(0, 0)));
    db.run("SELECT wallet_open($1, $2)", {buyer, std::to_string(kOpeningCents)});
  }
  return error_answer(503, "try_again");
}

Response wallet_entries(Connection& db, const Request& r, const std::string& buyer) {
  const auto page = page_of(r);
  if (!page) return bad_page();
  const auto rows = db.run(
      "SELECT id, json_build_object('id', id, 'order_no', order_no, 'kind', kind, 'delta_cents', delta_cents, "
      "'balance_after_cents', balance_after_cents) "
      "FROM ledger WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3",
      {buyer, std::to_string(page->after), std::to_string(page->limit)});
  std::vector<std::string> items;
  for (int i = 0; i < rows.size(); ++i) items.emplace_back(rows.text(i, 1));
  const std::string next = rows.size() < page->limit ? "null" : std::to_string(rows.number(rows.size() - 1, 0));
  return json_answer(200, JsonObject().raw("entries", domain::json_array(items)).raw("next", next).done());
}

Response recharge_wallet(Connection& db, const Request& r, const std::string& buyer, store::Place place,
                         const std::vector<std::string>& channels) {
  const auto json = domain::Json::parse(r.body);
  const std::string channel = read_channel(r.body, channels),
                    key = r.header("idempotency-key").empty() ? random_id() : r.header("idempotency-key");
  if (!json) return error_answer(400, "bad_request");
  const std::int64_t amount = (*json)["amount_cents"].integer();
  if (amount < 1 || amount > kRechargeMax)
    return error_answer(400, "bad_amount", "1 to " + std::to_string(kRechargeMax) + " cents");
  if (channel.empty() || channel == "wallet") return bad_channel(channels, false);
  if (!plain_text(key, kWalletKeyMax)) return error_answer(400, "bad_key");
  static const std::string insert =
      "WITH o AS (INSERT INTO orders(part, order_no, buyer, idem_key, sku, class, quantity, amount_cents, status, "
      "mark, trace) "
      "           VALUES ($1, $2, $3, $4, 'wallet', 'recharge', 1, $5, 'paying', $7, $8) ON CONFLICT DO NOTHING "
      "RETURNING order_no, amount_cents, buyer, mark, trace), "
      "p AS (INSERT INTO payments(order_no, channel, out_trade_no, amount_cents, buyer, mark, trace) "
      "      SELECT order_no, $6, order_no || '-' || $6, amount_cents, buyer, mark, trace FROM o) "
      "SELECT order_no FROM o";
  const std::string no = store::order_number(place, random_id()), part = std::to_string(place.partition);
  db.run(insert.c_str(),
         {part, no, buyer, key, std::to_string(amount), channel, mark_of(r), observe::current().traceparent()});
  const auto order = db.run(
      "SELECT order_no, status, class, amount_cents FROM orders WHERE part = $1 AND buyer = $2 AND idem_key = $3",
      {part, buyer, key});
  if (order.empty()) return error_answer(503, "try_again");
  if (order.text(0, 2) != "recharge" || order.number(0, 3) != amount)
    return error_answer(409, "key_reused", "this Idempotency-Key belongs to another request");
  return json_answer(201, JsonObject()
                              .add("order_no", order.text(0, 0))
                              .add("status", order.text(0, 1))
                              .add("amount_cents", amount)
                              .done());
}

}  // namespace platform::services
