// audit: the platform's own books, row by row, at the end of a run: by its audit API, or by read-only SQL when no API answers.
// Rows carry card secrets in the clear: they stay in memory, the run room decodes them.
#pragma once

#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/json.hpp"
#include "harness/core/result.hpp"
#include "harness/net/allow.hpp"

namespace cardstorm {

/// Reads `base`/orders, /wallets and /ledger by keyset pages. First row {"row":"source","source":"api"}, then
/// {"row":"order"|"wallet"|"ledger", ...}.
Result<std::vector<Json>> audit_by_api(const std::string& base, const AllowList& allow, Nanos wait);

/// The same rows by psql from the views audit_orders, audit_wallets, audit_ledger; the session is read only.
/// `url`: postgresql://user:password@host:port/db; the password goes by the environment, not into the process list.
/// `log`: where psql's complaints go, "" for nowhere.
Result<std::vector<Json>> audit_by_sql(const std::string& url, Nanos wait, const std::string& log = "", const std::string& program = "psql");

/// "postgresql://u:p@h/d" is split into the same address without ":p", and p decoded ("" when there is none).
struct DatabaseAddress { std::string url, password; };
DatabaseAddress split_password(const std::string& url);

}  // namespace cardstorm
