// audit_queries: the books of a platform that is not ours, by queries that its owner wrote; see audit.hpp.
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "harness/core/text.hpp"
#include "harness/db/db.hpp"
#include "harness/target/audit.hpp"

namespace cardstorm {
namespace {

enum class Kind : std::uint8_t { text, number };
struct Column {
  const char* name;
  Kind kind;
  bool needed;
};

struct QueryBook {
  const char* name;
  const char* row;
  std::string AuditSpec::*query;
  std::vector<Column> columns;
};

const std::vector<QueryBook>& query_books() {
  static const std::vector<QueryBook> all{
      {"orders",
       "order",
       &AuditSpec::orders,
       {{"id", Kind::number, false},
        {"order_no", Kind::text, true},
        {"buyer", Kind::text, false},
        {"sku", Kind::text, false},
        {"class", Kind::text, false},
        {"status", Kind::text, true},
        {"paid_via", Kind::text, false},
        {"quantity", Kind::number, true},
        {"amount_cents", Kind::number, true},
        {"paid_cents", Kind::number, true},
        {"refunded_cents", Kind::number, true}}},
      {"cards", "card", &AuditSpec::cards, {{"order_no", Kind::text, true}, {"secret", Kind::text, true}}},
      {"wallets",
       "wallet",
       &AuditSpec::wallets,
       {{"id", Kind::number, false},
        {"wallet", Kind::text, true},
        {"balance_cents", Kind::number, true},
        {"opening_cents", Kind::number, true}}},
      {"ledger",
       "ledger",
       &AuditSpec::ledger,
       {{"id", Kind::number, true},
        {"wallet", Kind::text, true},
        {"order_no", Kind::text, true},
        {"kind", Kind::text, true},
        {"delta_cents", Kind::number, true},
        {"balance_after_cents", Kind::number, true}}}};
  return all;
}

/// The query without what would break it when it stands in brackets.
std::string bare_query(const std::string& query) {
  std::string text(trim(query));
  while (!text.empty() && text.back() == ';')
    text = std::string(trim(std::string_view(text).substr(0, text.size() - 1)));
  return text;
}

/// All mistakes of a query's columns at once.
Status check_columns(const QueryBook& book, const std::vector<std::string>& found) {
  std::string wrong;
  const auto add = [&](const std::string& text) { wrong += (wrong.empty() ? "" : ", ") + text; };
  std::vector<std::string> known;
  for (const Column& column : book.columns) {
    known.emplace_back(column.name);
    if (column.needed && std::count(found.begin(), found.end(), column.name) == 0)
      add(std::string("no column '") + column.name + "'");
  }
  for (const std::string& name : found)
    if (std::count(known.begin(), known.end(), name) == 0) add("unknown column '" + name + "'");
  if (wrong.empty()) return ok();
  return Error{Errc::invalid, std::string("audit query '") + book.name + "': " + wrong,
               "name the columns by AS; known are " + join(known, ", ")};
}

/// A whole number, also when the server writes it with zeros behind a dot (DECIMAL).
std::optional<std::int64_t> whole(const std::string& text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop == text.data()) return std::nullopt;
  if (stop == end) return value;
  if (*stop != '.' || std::any_of(stop + 1, end, [](char c) { return c != '0'; })) return std::nullopt;
  return value;
}

Result<Json> row_of(const QueryBook& book, const Json& raw, std::size_t index) {
  Json row = Json::object({{"row", book.row}});
  for (const Column& column : book.columns) {
    const Json& value = raw[column.name];
    if (value.is_null()) {
      if (column.needed && column.kind == Kind::number)
        return Error{Errc::invalid,
                     std::string("audit query '") + book.name + "', row " + std::to_string(index + 1) + ": " +
                         column.name + " is NULL",
                     "write COALESCE(..., 0)"};
      if (raw.has(column.name)) row.set(column.name, Json());
      continue;
    }
    if (column.kind == Kind::text) {
      row.set(column.name, value.string());
      continue;
    }
    const auto number = whole(value.string());
    if (!number)
      return Error{Errc::invalid,
                   std::string("audit query '") + book.name + "', row " + std::to_string(index + 1) + ": " +
                       column.name + " is '" + value.string().substr(0, 40) + "', not a whole number",
                   "amounts are in cents: write ROUND(amount * 100)"};
    row.set(column.name, *number);
  }
  if (!row.has("id")) row.set("id", static_cast<std::uint64_t>(index + 1));
  return row;
}

Result<std::unique_ptr<DbSession>> open_reader(const AuditSpec& audit, const DatabaseSpec& database,
                                               const AllowList& allow) {
  const auto address = parse_db_url(database.url, database.password_file);
  if (!address) return address.error();
  DbOptions options;
  options.application = "cardstorm-audit";
  options.read_only = true;
  options.statement = audit.timeout;
  options.idle = std::max(audit.timeout, Nanos(30s));
  auto session = DbSession::open(*address, options, allow);
  if (!session) return session;
  // One snapshot: orders and ledger of different moments would not add up.
  const std::vector<std::string> begin =
      address->kind == "mysql" ? std::vector<std::string>{"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                                                          "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"}
                               : std::vector<std::string>{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
  for (const std::string& statement : begin)
    if (auto done = (*session)->query(statement); !done) return std::move(done).error();
  return session;
}

Result<std::vector<Json>> read_book(DbSession& session, const QueryBook& book, const AuditSpec& audit) {
  auto raw = session.query(bare_query(audit.*(book.query)), audit.rows_max);
  if (!raw) return std::move(raw).error().in(std::string("audit query '") + book.name + "'");
  if (auto fits = check_columns(book, session.columns()); !fits) return std::move(fits).error();
  std::vector<Json> rows;
  for (std::size_t i = 0; i < raw->size(); ++i) {
    auto row = row_of(book, (*raw)[i], i);
    if (!row) return std::move(row).error();
    rows.push_back(std::move(*row));
  }
  return rows;
}

/// Gives each card to its order; returns how many have none.
std::size_t give_cards(const std::vector<Json>& cards, std::vector<Json>* orders) {
  std::map<std::string, Json::Array> by_order;
  for (const Json& card : cards) by_order[card["order_no"].string()].push_back(card["secret"]);
  for (Json& order : *orders) {
    const auto found = by_order.find(order["order_no"].string());
    order.set("cards", found == by_order.end() ? Json::array() : Json(std::move(found->second)));
    if (found != by_order.end()) by_order.erase(found);
  }
  std::size_t orphans = 0;
  for (const auto& [order, rest] : by_order) orphans += rest.size();
  return orphans;
}

}  // namespace

Result<std::vector<Json>> audit_by_queries(const AuditSpec& audit, const DatabaseSpec& database,
                                           const AllowList& allow) {
  if (audit.orders.empty())
    return Error{Errc::invalid, "the audit by SQL has no query `orders`", "write it into the target file"};
  auto session = open_reader(audit, database, allow);
  if (!session) return std::move(session).error();
  std::map<std::string, std::vector<Json>> read;
  for (const QueryBook& book : query_books()) {
    if ((audit.*(book.query)).empty()) continue;
    auto rows = read_book(**session, book, audit);
    if (!rows) return std::move(rows).error();
    read[book.name] = std::move(*rows);
  }
  std::vector<Json>& ledger = read["ledger"];
  std::stable_sort(ledger.begin(), ledger.end(),
                   [](const Json& a, const Json& b) { return a["id"].integer() < b["id"].integer(); });
  Json source = Json::object({{"row", "source"}, {"source", "sql"}});
  if (const std::size_t orphans = give_cards(read["cards"], &read["orders"]); orphans > 0)
    source.set("cards_without_order", orphans);
  std::vector<Json> out{std::move(source)};
  for (const char* book : {"orders", "wallets", "ledger"})
    for (Json& row : read[book]) out.push_back(std::move(row));
  return out;
}

std::vector<AuditTrial> try_audit_queries(const AuditSpec& audit, const DatabaseSpec& database,
                                          const AllowList& allow) {
  std::vector<AuditTrial> out;
  AuditSpec short_audit = audit;
  short_audit.timeout = std::min(audit.timeout, Nanos(10s));
  for (const QueryBook& book : query_books()) {
    const std::string query = bare_query(audit.*(book.query));
    if (query.empty()) continue;
    // A session each: PostgreSQL gives up a transaction at its first mistake, and all mistakes are wanted.
    auto session = open_reader(short_audit, database, allow);
    if (!session) return {{"", std::move(session).error()}};
    auto rows = (*session)->query("SELECT * FROM (" + query + "\n) one_row LIMIT 1", 1);
    if (!rows) {
      out.push_back({book.name, std::move(rows).error().in(std::string("audit query '") + book.name + "'")});
      continue;
    }
    Status status = check_columns(book, (*session)->columns());
    if (status && !rows->empty())
      if (auto row = row_of(book, rows->front(), 0); !row) status = std::move(row).error();
    out.push_back({book.name, std::move(status)});
  }
  return out;
}

}  // namespace cardstorm
