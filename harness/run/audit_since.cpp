// audit_since: see audit_since.hpp.
#include "harness/run/audit_since.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>

namespace cardstorm {
namespace {

/// Every order with all its columns, as one number: rows may be many, and hold card texts.
std::size_t mark_of(Json row) {
  row.set("id", Json());  // a query without ids has its rows numbered, which moves
  return std::hash<std::string>{}(row.dump());
}

struct Before {
  std::set<std::size_t> orders;
  std::unordered_map<std::string, Json> balances;
  std::int64_t ledger = -1;  // highest id
};

Before read(const std::vector<Json>& rows) {
  Before out;
  for (const Json& row : rows) {
    const std::string& kind = row["row"].string();
    if (kind == "order") out.orders.insert(mark_of(row));
    if (kind == "wallet") out.balances[row["wallet"].text()] = row["balance_cents"];
    if (kind == "ledger") out.ledger = std::max(out.ledger, row["id"].integer());
  }
  return out;
}

/// Money that went back may have brought the cards back too.
bool holds_cards(const Json& order) {
  const std::string& status = order["status"].string();
  return status != "closed" && status != "failed" && status != "refunding" && status != "refunded";
}

}  // namespace

std::vector<Json> audit_since(const std::vector<Json>& before, std::vector<Json> after) {
  const Before old = read(before);
  Json earlier = Json::array();
  std::erase_if(after, [&](const Json& row) {
    const std::string& kind = row["row"].string();
    if (kind == "ledger") return row["id"].integer() <= old.ledger;
    if (kind != "order" || !old.orders.contains(mark_of(row))) return false;
    if (holds_cards(row))
      for (const Json& card : row["cards"].items()) earlier.push(card);
    return true;
  });
  for (Json& row : after) {
    if (row["row"].string() != "wallet") continue;
    const auto known = old.balances.find(row["wallet"].text());
    if (known != old.balances.end()) row.set("opening_cents", known->second);
  }
  if (!earlier.items().empty()) after.push_back(Json::object({{"row", "earlier"}, {"cards", std::move(earlier)}}));
  return after;
}

}  // namespace cardstorm
