// names: requests and statements as labels: what they are about is cut away, so that the number of series has a bound.
// See metrics.hpp.
#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "reference_platform/observe/metrics.hpp"

namespace platform::observe {
namespace {

constexpr std::size_t kPartsMax = 6, kChangesMax = 4;

/// Every word that a route of either variant has.
constexpr std::string_view kWords[] = {
    "goods",      "orders",         "pay",      "refund",    "confirm",  "wallet",   "entries",        "recharge",
    "account",    "sessions",       "notify",   "topup",     "operator", "accounts", "coupons",        "promotions",
    "merchants",  "audit",          "wallets",  "ledger",    "marked",   "ops",      "reconciliation", "run",
    "refunds",    "retry",          "internal", "claim",     "move",     "ready",    "health",         "metrics",
    "shared",     "authentication", "connect",  "commodity", "items",    "item",     "inventory",      "inventoryState",
    "stock",      "valuation",      "trade",    "query",     "api",      "v1",       "upstream",       "ping",
    "categories", "products",       "cancel"};

template <typename Each>
void each_part(const std::string& path, Each each) {
  std::size_t parts = 0;
  for (std::size_t at = 1; at <= path.size() && parts < kPartsMax; ++parts) {
    const auto end = std::min(path.find('/', at), path.size());
    each(path.substr(at, end - at));
    at = end + 1;
  }
}

bool is(std::string_view word, std::string_view keyword) {
  return word.size() == keyword.size() && std::equal(word.begin(), word.end(), keyword.begin(), [](char a, char b) {
           return std::toupper(static_cast<unsigned char>(a)) == b;
         });
}

/// Words and the signs between them. Texts in quotes are left out.
std::vector<std::string> tokens_of(const char* sql) {
  std::vector<std::string> out;
  std::string word;
  const auto finish = [&] {
    if (!word.empty()) out.push_back(std::exchange(word, {}));
  };
  for (const char* c = sql; *c != '\0'; ++c) {
    const auto u = static_cast<unsigned char>(*c);
    if (std::isalnum(u) != 0 || u == '_' || u == '.') {
      word += *c;
      continue;
    }
    finish();
    if (u == '\'') {
      while (*++c != '\0' && *c != '\'') {
      }
      if (*c == '\0') break;
    } else if (std::isspace(u) == 0) {
      out.emplace_back(1, *c);
    }
  }
  finish();
  return out;
}

class Statement {
 public:
  explicit Statement(const char* sql) : tokens_(tokens_of(sql)) {}

  /// "DELETE outbox UPDATE orders"; "" when nothing is changed.
  [[nodiscard]] std::string changes() const {
    std::vector<std::string> found;
    for (std::size_t i = 0; i < tokens_.size() && found.size() < kChangesMax; ++i) {
      const bool part_of_another = i > 0 && (is(tokens_[i - 1], "FOR") || is(tokens_[i - 1], "DO") ||
                                             is(tokens_[i - 1], "KEY"));  // FOR UPDATE, DO UPDATE, FOR NO KEY UPDATE
      const char* const verb = part_of_another ? nullptr : verb_of(tokens_[i]);
      if (verb == nullptr) continue;
      std::string change = std::string(verb) + " " + table_after(i);
      if (std::find(found.begin(), found.end(), change) == found.end()) found.push_back(std::move(change));
    }
    std::string out;
    for (const auto& change : found) out += (out.empty() ? "" : " ") + change;
    return out;
  }

  /// The first table or function that is read.
  [[nodiscard]] std::string reads() const {
    if (tokens_.empty()) return "";
    for (std::size_t i = 1; i + 1 < tokens_.size(); ++i) {
      const bool of_a_function =
          is(tokens_[i - 1], "EPOCH") || is(tokens_[i - 1], "DISTINCT");  // extract(epoch FROM ..), IS DISTINCT FROM
      const bool a_table = named(i + 1) && (i + 2 == tokens_.size() || tokens_[i + 2] != "(");
      if (is(tokens_[i], "FROM") && !of_a_function && a_table) return "SELECT " + tokens_[i + 1];
    }
    for (std::size_t i = 0; i + 1 < tokens_.size(); ++i)  // one of our functions: order_create(...)
      if (tokens_[i + 1] == "(" && tokens_[i].find('_') != std::string::npos && !tokens_[i].starts_with("json_") &&
          !tokens_[i].starts_with("row_"))
        return "SELECT " + tokens_[i];
    return is(tokens_[0], "SELECT") && tokens_.size() > 1 && named(1) ? "SELECT " + tokens_[1] : tokens_[0];
  }

 private:
  static const char* verb_of(std::string_view word) {
    for (const char* verb : {"INSERT", "UPDATE", "DELETE"})
      if (is(word, verb)) return verb;
    return nullptr;
  }
  [[nodiscard]] bool named(std::size_t i) const {
    return std::isalpha(static_cast<unsigned char>(tokens_[i][0])) != 0 || tokens_[i][0] == '_';
  }
  [[nodiscard]] std::string table_after(std::size_t i) const {
    for (++i; i < tokens_.size(); ++i)
      if (!is(tokens_[i], "INTO") && !is(tokens_[i], "FROM") && !is(tokens_[i], "ONLY")) return tokens_[i];
    return "";
  }

  const std::vector<std::string> tokens_;
};

}  // namespace

std::string route_of(const std::string& path) {
  std::string out, before;
  each_part(path, [&](const std::string& part) {
    const bool word = std::find(std::begin(kWords), std::end(kWords), part) != std::end(kWords);
    out += word || part.empty() ? "/" + part : before == "notify" ? "/{channel}" : "/{id}";
    before = part;
  });
  return out.empty() ? "/" : out;
}

std::string target_of(const std::string& path) {
  static constexpr std::string_view kNamed[] = {"orders",  "goods",   "sessions",
                                                "wallets", "coupons", "products"};  // the next part names one of them
  std::string out;
  bool id = false;
  each_part(path, [&](const std::string& part) {
    const bool digits =
        part.size() > 6 && std::any_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    out += id || digits ? "/{id}" : "/" + part.substr(0, 32);
    id = std::find(std::begin(kNamed), std::end(kNamed), part) != std::end(kNamed);
  });
  return out.empty() ? "/" : out;
}

std::string summary_of(const char* sql) {
  const Statement statement(sql);
  const std::string changes = statement.changes();
  return changes.empty() ? statement.reads() : changes;
}

}  // namespace platform::observe
