// supplies_book: what came of a request: each end is one statement with the message that tells the order. See
// supplies.hpp.
#include <algorithm>
#include <cctype>
#include <set>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/domain/trade.hpp"
#include "reference_platform/observe/spans.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/supplies.hpp"

namespace platform::services {

using domain::Bug;
using domain::JsonObject;
using edge::Request;
using edge::Response;
using store::Connection;

namespace {

constexpr std::size_t kCodeMax = 40;
constexpr char kApology[] = "Sorry, out of stock. Please write to the shop.";
#define OPEN_STATES "('new','sent','absent','accepted')"

bool good_code(const std::string& code) {
  return !code.empty() && code.size() <= kCodeMax && std::all_of(code.begin(), code.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

bool sells_cards(const SupplierSetup& setup) { return setup.dialect == "hmac" || setup.dialect == "sharedstock"; }

}  // namespace

void Supplies::accept(Connection& db, const std::vector<std::string>& message_ids,
                      const std::vector<std::string>& suppliers) {
#define GONE                                                                                                           \
  "WITH said AS (SELECT * FROM unnest($1::bigint[], $2::text[]) AS s(id, supplier)), "                                 \
  "gone AS (DELETE FROM outbox o USING said WHERE o.id = said.id RETURNING o.order_no, o.body::json AS body, o.mark, " \
  "o.trace, said.supplier), "                                                                                          \
  "wanted AS (SELECT order_no || '-' || supplier AS request_no, order_no, supplier, body->>'sku' AS sku, "             \
  "coalesce(nullif(body->>'phone', ''), body->>'buyer', '') AS target, "                                               \
  "  (body->>'quantity')::int AS quantity, (body->>'amount_cents')::bigint AS amount_cents, coalesce(nullif(mark, "    \
  "''), body->>'mark', '') AS mark, trace FROM gone) "
#define COLUMNS "request_no, order_no, supplier, sku, target, quantity, amount_cents, mark, trace"
  if (!config_.switches.on(Bug::B29)) {
    db.run(GONE "INSERT INTO supplies(" COLUMNS ") SELECT " COLUMNS " FROM wanted ON CONFLICT DO NOTHING",
           {pg_array(message_ids), pg_array(suppliers)});
    return;
  }
  const auto rows = db.run(GONE "SELECT " COLUMNS " FROM wanted", {pg_array(message_ids), pg_array(suppliers)});
  for (int i = 0; i < rows.size(); ++i) {
    std::vector<store::Param> row;
    for (int c = 0; c < 9; ++c) row.emplace_back(std::string(rows.text(i, c)));
    pool_of(*row[0]).take()->run(
        "INSERT INTO supplies(" COLUMNS ") VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) ON CONFLICT DO NOTHING", row);
  }
#undef COLUMNS
#undef GONE
}

void Supplies::revoke(Connection& db, const std::string& message_id, const std::string& supplier) {
  db.run(
      "WITH gone AS (DELETE FROM outbox WHERE id = $1 RETURNING order_no, body::json AS body, mark, trace) "
      "INSERT INTO supplies AS s (request_no, order_no, supplier, sku, target, quantity, amount_cents, mark, trace, "
      "state) "
      "SELECT order_no || '-' || $2, order_no, $2, coalesce(body->>'sku', ''), '', 1, 0, mark, trace, 'revoked' FROM "
      "gone "
      "ON CONFLICT (request_no) DO UPDATE SET next_at = now(), state = CASE WHEN s.state = 'new' THEN 'revoked' WHEN "
      "s.state IN ('failed','dropped','revoked') THEN s.state ELSE 'revoking' END",
      {message_id, supplier});
}

void Supplies::book(Connection& db, const Row& r, const SupplyAnswer& answer) {
  metrics_.add("supplier_answers_total{supplier=\"" + r.supplier + "\",alive=\"" + (answer.alive ? "yes" : "no") +
               "\"}");
  if (r.state == "revoking") {
    const bool over =
        answer.what == Supplied::revoked || answer.what == Supplied::failed || answer.what == Supplied::refused;
    db.run(
        "UPDATE supplies SET state = $2, next_at = now() + $3 * interval '1 ms' WHERE request_no = $1 AND state = "
        "'revoking'",
        {r.request_no, over ? "revoked" : "revoking", std::to_string(ask_again_ms_)});
    if (over) log_.event("supply_revoked", r.order_no, r.mark, r.supplier);
    return;
  }
  const bool never_before = r.state == "new";
  switch (answer.what) {
    case Supplied::done:
    case Supplied::partial:
      return delivered(db, r, answer);
    case Supplied::failed:
    case Supplied::revoked:
      return failed(db, r, answer.why.empty() ? "the supplier says no" : answer.why);
    case Supplied::refused:
      // What was refused now may have been taken before. A signature that is not known is our operator's mistake, not
      // the buyer's end.
      if (never_before && answer.why != "401") return failed(db, r, answer.why);
      return wait_on(db, r, never_before ? "new" : "sent", "");
    case Supplied::taken:
      if (!never_before)
        return end(db, r, "failed", "undeliverable", JsonObject().add("reason", "lost at " + r.supplier).done());
      return wait_on(db, r, "new", "");
    case Supplied::accepted:
      return wait_on(db, r, "accepted", answer.supply_no);
    case Supplied::absent:
      return wait_on(db, r, "absent", "");
    case Supplied::unsent:
      return wait_on(db, r, r.state, "");
    case Supplied::unknown:
      break;
  }
  if (config_.switches.on(Bug::B15)) return failed(db, r, "timeout");
  wait_on(db, r, never_before ? "sent" : r.state, "");
}

void Supplies::wait_on(Connection& db, const Row& r, const std::string& state, const std::string& supply_no) {
  const bool started = state == "accepted" && r.state != "accepted";  // the order is told once
  db.run(
      "WITH told AS (UPDATE supplies SET state = $2, supply_no = CASE WHEN $3 = '' THEN supply_no ELSE $3 END, next_at "
      "= now() + $4 * interval '1 ms' "
      "              WHERE request_no = $1 AND state IN " OPEN_STATES
      " RETURNING order_no, mark, trace) "
      "INSERT INTO outbox(topic, order_no, mark, trace) SELECT 'started', order_no, mark, trace FROM told WHERE $5",
      {r.request_no, state, supply_no, std::to_string(state == "accepted" ? ask_again_ms_ : try_again_ms_),
       started ? "true" : "false"});
}

void Supplies::end(Connection& db, const Row& r, const std::string& state, const std::string& topic,
                   const std::string& body, const std::vector<std::string>& cards) {
  const int part = store::place_of(r.order_no).value_or(store::Place{}).partition;
  if (cards.empty()) {
    db.run("WITH done AS (UPDATE supplies SET state = $2 WHERE request_no = $1 AND state IN " OPEN_STATES
           " RETURNING order_no, mark, trace) "
           "INSERT INTO outbox(topic, order_no, body, mark, trace) SELECT $3, order_no, $4, mark, trace FROM done",
           {r.request_no, state, topic, body});
  } else {
    db.run("WITH done AS (UPDATE supplies SET state = $2 WHERE request_no = $1 AND state IN " OPEN_STATES
           " RETURNING order_no, sku, mark, trace), "
           "told AS (INSERT INTO outbox(topic, order_no, body, mark, trace) SELECT $3, order_no, $4, mark, trace FROM "
           "done), "
           "made AS (INSERT INTO cards(part, id, sku, secret, order_no, sold) SELECT $5::smallint, next_row(), sku, "
           "secret, order_no, true FROM done, unnest($6::text[]) AS secret RETURNING id, order_no) "
           "INSERT INTO deliveries(card_id, order_no) SELECT id, order_no FROM made",
           {r.request_no, state, topic, body, std::to_string(part), pg_array(cards)});
  }
  log_.event("supply_" + state, r.order_no, r.mark, r.supplier);
}

// The second supplier is asked only where the first one surely has not delivered and will not.
void Supplies::failed(Connection& db, const Row& r, const std::string& why) {
  if (const Supplier* second = second_of(r.supplier)) {
    db.run("WITH dead AS (UPDATE supplies SET state = 'failed' WHERE request_no = $1 AND state IN " OPEN_STATES
           " RETURNING *) "
           "INSERT INTO supplies(request_no, order_no, supplier, sku, target, quantity, amount_cents, mark, trace) "
           "SELECT order_no || '-' || $2, order_no, $2, sku, target, quantity, amount_cents, mark, trace FROM dead ON "
           "CONFLICT DO NOTHING",
           {r.request_no, second->setup.name});
    return log_.event("supply_failed", r.order_no, r.mark, r.supplier + ", now " + second->setup.name);
  }
  if (config_.switches.on(Bug::B07)) {
    const Supplier* s = find(r.supplier);
    return end(db, r, "failed", "delivered", JsonObject().add("receipt", kApology).done(),
               s != nullptr && sells_cards(s->setup) ? std::vector<std::string>{kApology} : std::vector<std::string>{});
  }
  if (config_.switches.on(Bug::B08)) {
    db.run("UPDATE supplies SET state = 'failed' WHERE request_no = $1 AND state IN " OPEN_STATES, {r.request_no});
    return;
  }
  end(db, r, "failed", "undeliverable", JsonObject().add("reason", why).done());
}

// A part is delivered and the rest is paid back, in favour of the buyer where it does not divide.
void Supplies::delivered(Connection& db, const Row& r, const SupplyAnswer& answer) {
  const Supplier* s = find(r.supplier);
  const bool cards = s != nullptr && sells_cards(s->setup);
  std::vector<std::string> given = answer.cards;
  if (given.size() > static_cast<std::size_t>(r.quantity)) given.resize(static_cast<std::size_t>(r.quantity));
  const bool whole = answer.what == Supplied::done && (!cards || given.size() == static_cast<std::size_t>(r.quantity));
  const std::int64_t pieces =
      cards ? static_cast<std::int64_t>(given.size()) : std::clamp(answer.delivered, 0, r.quantity);
  const std::int64_t by_pieces = r.quantity > 0 ? r.amount_cents * pieces / r.quantity : 0;
  const std::int64_t worth = whole                                   ? r.amount_cents
                             : !cards && answer.delivered_cents >= 0 ? std::min(answer.delivered_cents, r.amount_cents)
                                                                     : by_pieces;
  const bool nothing = !whole && (cards ? given.empty() : worth <= 0);
  if (nothing) return failed(db, r, "nothing was delivered");
  JsonObject body;
  if (r.supplier == "members")
    body.add("receipt", domain::receipt_of("membership", r.order_no, keyed_code(config_.partners_key, r.order_no)));
  else if (!cards)
    body.add("receipt", r.request_no);
  if (!whole && !config_.switches.on(Bug::B16)) body.add("refund_cents", r.amount_cents - worth);
  end(db, r, whole ? "done" : "partial", "delivered", body.done(), given);
}

Response Supplies::notify(const Request& r) {
  if (!partner_signed(config_.partners_key, r)) return error_answer(401, "bad_sign");
  const auto json = domain::Json::parse(r.body);
  if (!json) return error_answer(400, "bad_json");
  const std::string& named = (*json)["request_no"].text();
  const std::string& number = named.empty() ? (*json)["transfer_no"].text() : named;
  if (!store::place_of(number)) return error_answer(404, "unknown_request");
  auto db = borrow(pool_of(number), r);
  const auto rows = db->run(
      "SELECT order_no, supplier, sku, mark, trace, state, quantity, amount_cents FROM supplies WHERE request_no = $1",
      {number});
  Supplier* s = rows.empty() ? nullptr : find(std::string(rows.text(0, 1)));
  if (s == nullptr) return error_answer(404, "unknown_request");
  if (!(*json)["order"].is_null() && (*json)["order"].text() != rows.text(0, 0))
    return error_answer(400, "wrong_order");
  auto told = s->client->told(r.body);
  const bool known = told && (told->what == Supplied::done || told->what == Supplied::partial ||
                              told->what == Supplied::failed || told->what == Supplied::accepted);
  if (!known) return error_answer(400, "bad_status");
  const std::string state(rows.text(0, 5));
  if (state != "new" && state != "sent" && state != "absent" && state != "accepted")
    return text_answer(200, "success");  // known already
  Row row;
  row.request_no = number;
  row.order_no = std::string(rows.text(0, 0));
  row.supplier = s->setup.name;
  row.sku = std::string(rows.text(0, 2));
  row.mark = std::string(rows.text(0, 3));
  row.trace = std::string(rows.text(0, 4));
  row.state = state;
  row.quantity = static_cast<int>(rows.number(0, 6));
  row.amount_cents = rows.number(0, 7);
  told->alive = true;
  const observe::Context order = observe::Context::of(row.trace, row.mark);
  observe::record_work("process supply notify", observe::SpanKind::consumer, order, std::chrono::steady_clock::now(),
                       {{"cardstorm.order_no", row.order_no, false}, {"cardstorm.supplier", row.supplier, false}},
                       observe::current());
  const observe::Scope scope(order);
  book(*db, row, *told);
  return text_answer(200, "success");
}

bool Supplies::sync_stock() {
  for (auto& [name, s] : suppliers_) {
    if (!sells_cards(s->setup)) continue;
    const auto offers = s->client->offers();
    if (!offers) continue;  // what is not known stays as it was
    for (const auto& each : shards_.each()) {
      if (!pool_not_ready(*each.pool).empty()) continue;
      try {
        auto db = each.pool->take(std::chrono::milliseconds(200));
        offer(*db, *s, *offers, each.database);
      } catch (const std::exception& e) {  // the other database has its own
        log_.event("stock_sync", "", "", e.what());
      }
    }
  }
  return false;
}

// Each database shows and sells its share. What is sold and not yet bought over there is not theirs any more. What has
// no price that we can read is not for sale; what stands in two places of their list is one good.
void Supplies::offer(Connection& db, const Supplier& s, const std::vector<Offer>& offers, int database) {
  std::vector<std::string> skus, prices, stocks, unlimited;
  std::set<std::string> seen;
  const std::int64_t databases = shards_.databases();
  for (const Offer& o : offers) {
    if (!good_code(o.sku) || o.price_cents < 1 || !seen.insert(o.sku).second) continue;
    skus.push_back(s.setup.name + "-" + o.sku);
    prices.push_back(std::to_string((o.price_cents * 11 + 9) / 10));  // a tenth is ours
    stocks.push_back(std::to_string(o.stock < 0 ? 0 : o.stock / databases + (database < o.stock % databases ? 1 : 0)));
    unlimited.push_back(o.stock < 0 ? "true" : "false");
  }
  db.run(
      "WITH offered AS (SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::boolean[]) AS o(sku, price, "
      "stock, unlimited)), "
      "gone AS (UPDATE goods g SET stock = 0, unlimited = false WHERE g.source = $5 AND g.sku <> ALL($1::text[]) AND "
      "(g.stock > 0 OR g.unlimited)), "
      "open AS (SELECT sku, sum(quantity) AS n FROM supplies WHERE supplier = $5 AND state IN ('new','sent') GROUP BY "
      "sku) "
      "INSERT INTO goods(sku, number, name, class, price_cents, stock, unlimited, source) "
      "SELECT o.sku, 900000, 'Game card ' || o.sku, 'game_card', o.price, greatest(o.stock - coalesce(open.n, 0), 0), "
      "o.unlimited, $5 FROM offered o LEFT JOIN open USING (sku) "
      "ON CONFLICT (sku) DO UPDATE SET price_cents = EXCLUDED.price_cents, stock = EXCLUDED.stock, unlimited = "
      "EXCLUDED.unlimited "
      "WHERE goods.source = EXCLUDED.source AND (goods.price_cents, goods.stock, goods.unlimited) IS DISTINCT FROM "
      "(EXCLUDED.price_cents, EXCLUDED.stock, EXCLUDED.unlimited)",
      {pg_array(skus), pg_array(prices), pg_array(stocks), pg_array(unlimited), s.setup.name});
}

}  // namespace platform::services
