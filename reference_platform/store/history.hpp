// history: old orders, in the number that a shop has after years, so that what depends on the size of its tables can be
// seen.
#pragma once

#include <cstdint>

#include "reference_platform/store/pg.hpp"

namespace platform::store {

/// Puts `orders` delivered orders of buyers `old-...`, paid from wallets, into the empty table of the fragile variant.
/// Their ids are below 0: the audit begins above.
void seed_fragile_orders(Connection& db, std::int64_t orders);
/// The share of database `number` of `databases`, each order in its buyer's partition.
void seed_hardened_orders(Connection& db, std::int64_t orders, int number, int databases);

}  // namespace platform::store
