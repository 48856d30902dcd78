// answers: what all roles say in the same way: errors, paths, business log lines, metrics, audit pages.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/store/pg.hpp"

namespace platform::services {

edge::Response json_answer(int status, std::string body);
edge::Response error_answer(int status, std::string_view code, std::string_view message = "");
edge::Response text_answer(int status, std::string text);

/// "/orders/X/pay" → {"orders","X","pay"}.
std::vector<std::string> path_parts(std::string_view path);
/// Value of `name` in a query, "" when absent. No decoding: our values need none.
std::string query_value(std::string_view query, std::string_view name);

/// 16 bytes of the system's randomness as hex.
std::string random_id();

/// One JSON line on stderr per business event: {"at_ms":..,"node":..,"event":..,"order_no":..,"mark":..,"outcome":..}. Never a card
/// text or a phone. The line leaves in one write, so that lines of several threads do not mix.
class BusinessLog {
 public:
  explicit BusinessLog(std::string node) : node_(std::move(node)) {}
  void event(std::string_view name, std::string_view order_no, std::string_view mark, std::string_view outcome) const;

 private:
  std::string node_;
};

/// Counters and gauges by full name with labels: add("orders_total{outcome=\"ok\"}").
class Metrics {
 public:
  void add(const std::string& name, double by = 1);
  void set(const std::string& name, double value);
  [[nodiscard]] std::string text() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, double> values_;
};

/// GET /audit/{orders,wallets,ledger}: a keyset page of the view.
edge::Response audit_page(store::Connection& db, const edge::Request& request);

}  // namespace platform::services
