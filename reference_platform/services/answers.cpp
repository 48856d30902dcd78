// answers: see answers.hpp.
#include "reference_platform/services/answers.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <stdexcept>

#include "reference_platform/domain/json.hpp"

namespace platform::services {
namespace {

std::int64_t number_of(const std::string& text, std::int64_t fallback) {
  std::int64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  return error == std::errc() && end == text.data() + text.size() ? v : fallback;
}

const char* view_query(std::string_view view) {
  if (view == "orders") return "SELECT id, row_to_json(v) FROM audit_orders v WHERE id > $1 ORDER BY id LIMIT $2";
  if (view == "wallets") return "SELECT id, row_to_json(v) FROM audit_wallets v WHERE id > $1 ORDER BY id LIMIT $2";
  if (view == "ledger") return "SELECT id, row_to_json(v) FROM audit_ledger v WHERE id > $1 ORDER BY id LIMIT $2";
  return nullptr;
}

}  // namespace

edge::Response json_answer(int status, std::string body) {
  edge::Response r;
  r.status = status;
  r.body = std::move(body);
  return r;
}

edge::Response error_answer(int status, std::string_view code, std::string_view message) {
  edge::Response r = json_answer(
      status, domain::JsonObject().add("error", code).add("message", message.empty() ? code : message).done());
  if (status == 503) r.headers.emplace_back("Retry-After", "1");
  return r;
}

edge::Response text_answer(int status, std::string text) {
  edge::Response r;
  r.status = status;
  r.content_type = "text/plain";
  r.body = std::move(text);
  return r;
}

std::vector<std::string> path_parts(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    const auto slash = path.find('/');
    if (slash != 0) out.emplace_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return out;
}

std::string query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    if (pair.size() > name.size() && pair.substr(0, name.size()) == name && pair[name.size()] == '=')
      return std::string(pair.substr(name.size() + 1));
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return "";
}

std::optional<Page> page_of(const edge::Request& request, PageLimit limit) {
  const std::string after = query_value(request.query, "after"), size = query_value(request.query, "limit");
  const Page page{after.empty() ? 0 : number_of(after, -1), size.empty() ? limit.usual : number_of(size, -1)};
  if (page.after < 0 || page.limit < 1 || page.limit > limit.most) return std::nullopt;
  return page;
}

edge::Response bad_page(PageLimit limit) {
  return error_answer(400, "bad_page", "after and limit are whole numbers, limit 1 to " + std::to_string(limit.most));
}

std::string random_id() {
  static constexpr char kHex[] = "0123456789abcdef";
  unsigned char bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes))
    throw std::runtime_error("getrandom failed");
  std::string out;
  for (const unsigned char b : bytes) {
    out += kHex[b >> 4];
    out += kHex[b & 15];
  }
  return out;
}

edge::Response audit_page(store::Connection& db, const edge::Request& request) {
  const auto parts = path_parts(request.path);
  const char* sql = parts.size() == 2 && request.method == "GET" ? view_query(parts[1]) : nullptr;
  if (sql == nullptr) return error_answer(404, "not_found");
  const auto page = page_of(request, kAuditPage);
  if (!page) return bad_page(kAuditPage);
  const store::Rows rows = db.run(sql, {std::to_string(page->after), std::to_string(page->limit)});
  std::vector<std::string> items;
  for (int i = 0; i < rows.size(); ++i) items.emplace_back(rows.text(i, 1));
  const std::string next = rows.size() < page->limit ? "null" : std::to_string(rows.number(rows.size() - 1, 0));
  return json_answer(200, domain::JsonObject().raw("rows", domain::json_array(items)).raw("next", next).done());
}

}  // namespace platform::services
