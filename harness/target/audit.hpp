// audit: the platform's own books, row by row, at the end of a run: by its audit API, or by read-only SQL.
// Rows carry card secrets in the clear: they stay in memory, the run room decodes them.
#pragma once

#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/json.hpp"
#include "harness/core/result.hpp"
#include "harness/net/allow.hpp"
#include "harness/net/http_client.hpp"
#include "harness/plan/target_spec.hpp"

namespace cardstorm {

/// Reads `base`/orders, /wallets and /ledger by keyset pages. First row {"row":"source","source":"api"}, then
/// {"row":"order"|"wallet"|"ledger", ...}. `way`: how every question goes: its headers (a mark, for the books of a
/// shadow), socket file and TLS; url and timeout are set here.
Result<std::vector<Json>> audit_by_api(const std::string& base, const AllowList& allow, Nanos wait,
                                       const HttpRequest& way = {});

/// The same rows from the views audit_orders, audit_wallets, audit_ledger of a PostgreSQL at `url`
/// (postgresql://user:password@host:port/db); the session is read only.
Result<std::vector<Json>> audit_by_sql(const std::string& url, const AllowList& allow, Nanos wait);

/// The same rows by the user's own queries, in one read-only transaction. Their columns are named as in
/// harness/judge/audit.hpp:
///   orders   order_no, status, quantity, amount_cents, paid_cents, refunded_cents; also id, buyer, sku, class,
///   paid_via cards    order_no, secret: one row a card; they become the `cards` of their order wallets  wallet,
///   balance_cents, opening_cents; also id        ledger  id, wallet, order_no, kind, delta_cents, balance_after_cents
/// `orders` must be there, the others may be "". Amounts are whole cents. Cards of orders that `orders` did not give
/// are counted in the source row (cards_without_order) and left out.
Result<std::vector<Json>> audit_by_queries(const AuditSpec& audit, const DatabaseSpec& database,
                                           const AllowList& allow);

/// What doctor tries: each query for one row, with its columns checked. One entry a query, or one (book "") when there
/// is no session.
struct AuditTrial {
  std::string book;
  Status status;
};
std::vector<AuditTrial> try_audit_queries(const AuditSpec& audit, const DatabaseSpec& database, const AllowList& allow);

/// "postgresql://u:p@h/d" is split into the same address without ":p", and p decoded ("" when there is none).
struct DatabaseAddress {
  std::string url, password;
};
DatabaseAddress split_password(const std::string& url);

}  // namespace cardstorm
