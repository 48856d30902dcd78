// catalogue: what the shop sells: from a mint folder into the tables, and from the tables into memory.
#pragma once

#include <string>
#include <vector>

#include "reference_platform/domain/trade.hpp"
#include "reference_platform/store/pg.hpp"

namespace platform::domain {

/// Fills empty tables from `mint_dir` (manifest.json and cards/<sku>.txt, one secret a line) in one transaction; ""
/// takes a small built-in catalogue. A catalogue that is already there stays as it is. Throws std::runtime_error naming
/// the file at fault.
void load_catalogue(store::Connection& db, const std::string& mint_dir);

/// The share of database `number` of `databases`: cards dealt over 16 partitions by turns, an equal part of every
/// counted stock. `id` of a card is its place in the whole stock, so that it is unique over all databases.
struct Share {
  int number = 0, databases = 1;
};
/// The same for the partitioned tables of the hardened variant.
void load_catalogue(store::Connection& db, const std::string& mint_dir, Share share);

/// All goods with their price steps, by number. `stock` is the shop's own counter.
std::vector<Good> read_goods(store::Connection& db);

}  // namespace platform::domain
