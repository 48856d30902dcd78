// catalogue: what the shop sells: from a mint folder into the tables, and from the tables into memory.
#pragma once

#include <string>
#include <vector>

#include "reference_platform/domain/trade.hpp"
#include "reference_platform/store/pg.hpp"

namespace platform::domain {

/// Fills empty tables from `mint_dir` (manifest.json and cards/<sku>.txt, one secret a line) in one transaction; "" takes a
/// small built-in catalogue. A catalogue that is already there stays as it is. Throws std::runtime_error naming the file at fault.
void load_catalogue(store::Connection& db, const std::string& mint_dir);

/// All goods with their price steps, by number. `stock` is the shop's own counter.
std::vector<Good> read_goods(store::Connection& db);

}  // namespace platform::domain
