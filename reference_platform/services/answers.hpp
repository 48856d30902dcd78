// answers: what all roles say in the same way: errors, paths, business log lines, metrics, audit pages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/observe/log.hpp"
#include "reference_platform/observe/metrics.hpp"
#include "reference_platform/store/pg.hpp"

namespace platform::services {

edge::Response json_answer(int status, std::string body);
edge::Response error_answer(int status, std::string_view code, std::string_view message = "");
edge::Response text_answer(int status, std::string text);

/// "/orders/X/pay" → {"orders","X","pay"}.
std::vector<std::string> path_parts(std::string_view path);
/// Value of `name` in a query, "" when absent. No decoding: our values need none.
std::string query_value(std::string_view query, std::string_view name);

/// ?after= and ?limit= of a keyset page; nullopt when they are no such numbers.
struct Page {
  std::int64_t after = 0, limit = 0;
};
struct PageLimit {
  std::int64_t usual, most;
};
inline constexpr PageLimit kBuyersPage{100, 500}, kAuditPage{500, 5000};
std::optional<Page> page_of(const edge::Request& request, PageLimit limit = kBuyersPage);
edge::Response bad_page(PageLimit limit = kBuyersPage);

/// 16 bytes of the system's randomness as hex.
std::string random_id();

using observe::BusinessLog;
using observe::Metrics;

/// GET /audit/{orders,wallets,ledger}: a keyset page of the view.
edge::Response audit_page(store::Connection& db, const edge::Request& request);

}  // namespace platform::services
