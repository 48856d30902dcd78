// order_refund: POST /orders/{no}/refund and /confirm: what a buyer may take back by the rules of
// domain/refund_rules.hpp, in full or in part, to where it came from or into the wallet.
#pragma once

#include <string>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/services/order_pay.hpp"

namespace platform::services {

/// Body {"amount_cents"?, "to": "wallet|channel"?}; without them everything, to where it came from. A repeated key
/// finds what the first one did.
edge::Response refund_order(store::Connection& db, const edge::Request& r, const OrderId& order,
                            const BusinessLog& log);
/// The buyer has what he bought; ends his right to give equipment back.
edge::Response confirm_order(store::Connection& db, const OrderId& order);

}  // namespace platform::services
