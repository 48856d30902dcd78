// schema: see schema.hpp.
#include "reference_platform/store/schema.hpp"

#include "reference_platform/store/schema_base_sql.hpp"
#include "reference_platform/store/schema_fragile_sql.hpp"
#include "reference_platform/store/schema_goods_sql.hpp"
#include "reference_platform/store/schema_money_sql.hpp"
#include "reference_platform/store/schema_orders_sql.hpp"

namespace platform::store {
namespace {

void replace(std::string& text, const std::string& name, const std::string& value) {
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size()))
    text.replace(at, name.size(), value);
}

}  // namespace

std::string fragile_schema() { return kFragileSql; }
// Shops that start together find the same state, and IF (NOT) EXISTS does not save the second one: each waits for the
// transaction of the other.
std::string fragile_order_indexes(bool wanted) {
  return std::string("SELECT pg_advisory_xact_lock('orders'::regclass::oid::bigint); ") +
         (wanted ? kFragileIndexesSql : kFragileNoIndexesSql);
}

std::string hardened_schema(int number, int databases) {
  std::string base = kBaseSql;
  replace(base, ":databases", std::to_string(databases));  // the longer name first
  replace(base, ":database", std::to_string(number));
  return base + kGoodsSql + kOrdersSql + kMoneySql;
}

std::string audit_views(const std::vector<std::string>& others) {
  std::string out;
  for (const char* book : {"audit_orders", "audit_wallets", "audit_ledger"}) {
    const std::string here = std::string(book) + "_here";
    out += "CREATE VIEW " + std::string(book) + " AS SELECT * FROM " + here;
    for (const auto& schema : others) out += " UNION ALL SELECT * FROM " + schema + "." + here;
    out += ";\n";
  }
  return out;
}

}  // namespace platform::store
