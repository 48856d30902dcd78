// audit: see audit.hpp.
#include "harness/judge/audit.hpp"

#include <algorithm>

#include "harness/core/json.hpp"

namespace cardstorm {
namespace {

AuditOrder order_of(const Json& j) {
  AuditOrder o;
  o.order = j["order_no"].text();
  o.buyer = j["buyer"].string();
  o.sku = j["sku"].string();
  o.goods = j["class"].string();
  o.status = j["status"].string();
  o.paid_via = j["paid_via"].string();
  o.quantity = static_cast<std::uint32_t>(j["quantity"].integer());
  o.amount_cents = j["amount_cents"].integer();
  o.paid_cents = j["paid_cents"].integer();
  o.refunded_cents = j["refunded_cents"].integer();
  for (const auto& c : j["cards"].items())
    o.cards.push_back({c["sku"].is_int() && c["index"].is_int(), static_cast<std::uint32_t>(c["sku"].integer()),
                       static_cast<std::uint32_t>(c["index"].integer())});
  return o;
}

Status add(Audit& audit, const Json& j) {
  const std::string& row = j["row"].string();
  if (row == "source") {
    audit.source = j["source"].string();
  } else if (row == "order") {
    audit.orders.push_back(order_of(j));
  } else if (row == "wallet") {
    audit.wallets.push_back({j["wallet"].string(), j["balance_cents"].integer(), j["opening_cents"].integer()});
  } else if (row == "ledger") {
    audit.ledger.push_back({static_cast<std::uint64_t>(j["id"].integer()), j["wallet"].string(),
                            j["order_no"].is_null() ? "" : j["order_no"].text(), j["kind"].string(),
                            j["delta_cents"].integer(), j["balance_after_cents"].integer()});
  } else if (row == "earlier") {
    audit.earlier[static_cast<std::uint32_t>(j["sku"].integer())] = static_cast<std::uint32_t>(j["cards"].integer());
  } else {
    return Error{Errc::invalid, "row is '" + j["row"].text() + "', wanted source, order, wallet, ledger or earlier"};
  }
  return ok();
}

}  // namespace

Result<Audit> audit_of_lines(std::string_view text) {
  Audit audit;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto place = "line " + std::to_string(line);
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return Error{Errc::invalid, place + ": torn, no newline at the end"};
    auto json = Json::parse(text.substr(0, end));
    if (!json) return std::move(json).error().in(place);
    if (auto added = add(audit, *json); !added) return std::move(added).error().in(place);
    text.remove_prefix(end + 1);
  }
  return audit;
}

std::uint32_t stock_at_start(const MintedSku& sku, const Audit* audit) {
  if (audit == nullptr) return sku.cards;
  const auto earlier = audit->earlier.find(sku.number);
  return earlier == audit->earlier.end() ? sku.cards : sku.cards - std::min(sku.cards, earlier->second);
}

}  // namespace cardstorm
