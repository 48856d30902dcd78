// wallet: a buyer's money with us. Every movement has two sides (the buyer's and the house's,
// store/schema_orders_sql.hpp: wallet_book).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

/// Inside a transaction: moves `delta_cents` and writes both sides; the same (ref, kind) twice is a unique violation.
/// False, with nothing done, when the balance does not suffice.
bool book_wallet(store::Connection& db, const std::string& buyer, const std::string& order_no, const std::string& kind,
                 std::int64_t delta_cents, const std::string& ref);

/// GET /wallet
edge::Response show_wallet(store::Connection& db, const std::string& buyer);
/// GET /wallet/entries?after=&limit=: the buyer's side of the ledger, oldest first.
edge::Response wallet_entries(store::Connection& db, const edge::Request& r, const std::string& buyer);
/// POST /wallet/recharge {"amount_cents","channel"}: an order of class "recharge" that is paid at a channel; its
/// delivery is the balance.
edge::Response recharge_wallet(store::Connection& db, const edge::Request& r, const std::string& buyer,
                               store::Place place, const std::vector<std::string>& channels);

}  // namespace platform::services
