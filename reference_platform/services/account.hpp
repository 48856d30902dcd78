// account: what the operator does about accounts, coupons and promotions. Served on an order node's own address only;
// the gateway leads no one here.
#pragma once

#include "reference_platform/edge/http.hpp"
#include "reference_platform/services/order_terms.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

/// POST /operator/accounts {"name","role","level"}, /operator/coupons {"code","kind","value",...}, /operator/promotions
/// {"id","sku","kind","value","from_ms","to_ms"}; GET /operator/coupons?code=. The same again changes nothing more.
edge::Response operate(store::Shards& shards, OrderTerms& terms, const edge::Request& r);

/// GET /account: role, level and what they bring.
edge::Response show_account(OrderTerms& terms, const std::string& buyer, bool shadow);

}  // namespace platform::services
