// order_terms: what decides the price of an order, kept in memory: goods, promotions and accounts change rarely, and an
// order must not wait for another service, nor make another query, to know them.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "reference_platform/domain/pricing.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

/// Read again every 2 s; while a database is away, what was last known of it. Any thread.
class OrderTerms {
 public:
  explicit OrderTerms(store::Shards& shards);

  std::optional<domain::Good> good(const std::string& sku);
  /// In a drill (`shadow`) the drill's own accounts count first.
  domain::Account account(const std::string& buyer, bool shadow);
  /// In a drill (`shadow`) the drill's promotions count too.
  std::optional<domain::Quote> quote(const domain::Good& good, std::int64_t quantity, const domain::Account& account,
                                     const std::optional<domain::Coupon>& coupon, bool shadow);
  /// Now, on this node.
  void refresh();

 private:
  using Accounts = std::map<std::string, domain::Account, std::less<>>;
  struct Known {
    std::vector<domain::Good> goods;
    std::vector<domain::Promotion> promotions, drill_promotions;
    std::vector<std::shared_ptr<const Accounts>> accounts;  // per pool, in the order of Shards::each()
  };
  std::shared_ptr<const Known> known();

  store::Shards& shards_;
  std::mutex mutex_, refresh_mutex_;
  std::shared_ptr<const Known> known_;
  Loop loop_;  // last: ends first
};

}  // namespace platform::services
