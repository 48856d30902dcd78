// coupon: single-use coupons over both databases. A coupon lives in the database of its code, an order in that of its
// buyer: the coupon is claimed first, by compare-and-set, for an order number that does not exist yet; then the order
// is written; when that fails the claim is given back, and when the node died in between, settle() finds the claim
// without an order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "reference_platform/domain/pricing.hpp"
#include "reference_platform/domain/switches.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

/// 1 to 32 letters, digits, dashes.
bool valid_coupon(std::string_view code);

class Coupons {
 public:
  Coupons(store::Shards& shards, const domain::Switches& switches, int settle_s)
      : shards_(shards), switches_(switches), settle_s_(settle_s) {}

  // error: "" or unknown_coupon, coupon_used, coupon_not_valid
  struct Claim {
    std::string error, order_no;
    domain::Coupon coupon;
  };
  /// Claims `code` for `order_no`. Requests with the same `claim_key` (buyer and idempotency key) share one claim:
  /// order_no is that of the first.
  Claim claim(const std::string& code, const std::string& order_no, const std::string& claim_key,
              const std::string& sku, std::int64_t amount_cents, bool shadow);
  /// The order was surely not made. Only what nobody else shares; settle() does the rest.
  void give_back(const std::string& code, const std::string& order_no);
  /// The order was made and has ended without the buyer having got anything for it.
  void free_again(const std::string& code, const std::string& order_no);
  /// Claims older than settle_s in one database: used when their order exists, free when it does not. What cannot be
  /// known now is left.
  void settle(int database, bool shadow);

 private:
  store::Pool& home_of(const std::string& code, bool shadow);

  store::Shards& shards_;
  const domain::Switches& switches_;
  int settle_s_;
};

}  // namespace platform::services
