// audit: see audit.hpp.
#include "harness/target/audit.hpp"

#include "harness/core/text.hpp"
#include "harness/db/db.hpp"
#include "harness/net/control.hpp"

namespace cardstorm {
namespace {

struct Book {
  const char* path;
  const char* view;
  const char* row;
};
constexpr Book kBooks[] = {
    {"orders", "audit_orders", "order"}, {"wallets", "audit_wallets", "wallet"}, {"ledger", "audit_ledger", "ledger"}};
constexpr int kPage = 500;

Json named_row(const char* name, const Json& row) {
  Json named = Json::object({{"row", name}});
  for (const auto& [key, value] : row.members()) named.set(key, value);
  return named;
}

std::vector<Json> from(const char* source) { return {Json::object({{"row", "source"}, {"source", source}})}; }

Status read_book(const std::string& base, const Book& book, const AllowList& allow, Nanos end, const HttpRequest& way,
                 std::vector<Json>* rows) {
  for (std::int64_t after = 0;;) {
    const Nanos left = end - monotonic_now();
    if (left <= Nanos(0)) return Error{Errc::timeout, "the audit took too long at " + std::string(book.path)};
    const std::string url =
        base + "/" + book.path + "?after=" + std::to_string(after) + "&limit=" + std::to_string(kPage);
    HttpRequest question = way;
    question.url = url;
    question.timeout = std::min(left, Nanos(10s));
    auto page = control_call(question, allow);
    if (!page) return std::move(page).error();
    if (!(*page)["rows"].is_array()) return Error{Errc::invalid, url + ": no member 'rows'"};
    for (const auto& row : (*page)["rows"].items()) rows->push_back(named_row(book.row, row));
    const Json& next = (*page)["next"];
    if (next.is_null()) return ok();
    // A page that does not move on would never end.
    if (next.integer(after) <= after) return Error{Errc::invalid, url + ": 'next' does not grow"};
    after = next.integer();
  }
}

Status read_view(DbSession& session, const Book& book, std::vector<Json>* rows) {
  auto lines = session.query("SELECT row_to_json(t) AS line FROM " + std::string(book.view) + " t ORDER BY id");
  if (!lines) return std::move(lines).error().in(book.view);
  for (const Json& line : *lines) {
    auto row = Json::parse(line["line"].string());
    if (!row) return std::move(row).error().in(book.view);
    rows->push_back(named_row(book.row, *row));
  }
  return ok();
}

}  // namespace

Result<std::vector<Json>> audit_by_api(const std::string& base, const AllowList& allow, Nanos wait,
                                       const HttpRequest& way) {
  const Nanos end = monotonic_now() + wait;
  auto rows = from("api");
  for (const auto& book : kBooks)
    if (auto read = read_book(base, book, allow, end, way, &rows); !read) return std::move(read).error();
  return rows;
}

Result<std::vector<Json>> audit_by_sql(const std::string& url, const AllowList& allow, Nanos wait) {
  const auto address = parse_db_url(url);
  if (!address) return address.error();
  DbOptions options;
  options.application = "cardstorm-audit";
  options.read_only = true;
  options.connect = std::min(wait, Nanos(5s));
  options.statement = wait / static_cast<int>(std::size(kBooks));
  auto session = DbSession::open(*address, options, allow);
  if (!session) return std::move(session).error();
  auto rows = from("sql");
  for (const auto& book : kBooks)
    if (auto read = read_view(**session, book, &rows); !read) return std::move(read).error();
  return rows;
}

DatabaseAddress split_password(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return {url, ""};
  const auto begin = scheme + 3;
  const auto host = url.find('@', begin);
  const auto colon = url.find(':', begin);
  if (host == std::string::npos || colon == std::string::npos || colon > host || url.find('/', begin) < host)
    return {url, ""};
  // A '+' in a connection address is a plus, not a space as in a form.
  std::string password = url.substr(colon + 1, host - colon - 1), plain;
  for (const char c : password) plain += c == '+' ? std::string("%2B") : std::string(1, c);
  return {url.substr(0, colon) + url.substr(host), url_decode(plain)};
}

}  // namespace cardstorm
