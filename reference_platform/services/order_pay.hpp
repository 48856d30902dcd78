// order_pay: POST /orders/{no}/pay. From the wallet it is one statement: order, both sides of the ledger, message to
// the delivery. At a channel it is a row for the payment service, and the answer does not wait for the channel.
#pragma once

#include <string>

#include "reference_platform/domain/switches.hpp"
#include "reference_platform/edge/http.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

struct OrderId {
  store::Place place;
  std::string no, buyer;
};

edge::Response pay_at_channel(store::Connection& db, const OrderId& order, const std::string& channel,
                              const BusinessLog& log);
edge::Response pay_from_wallet(store::Connection& db, const OrderId& order, const domain::Switches& switches,
                               const BusinessLog& log);

/// Planted bug B04: goods without a message, in a transaction of its own after the order was marked paid.
void deliver_without_message(store::Connection& db, int part, const std::string& order_no);

}  // namespace platform::services
