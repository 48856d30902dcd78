// shards: where rows live. The routing rule is written here and nowhere else: a buyer's name hashes into one of 16
// partitions, a partition belongs to one database, and an order number carries its partition, so that payments,
// charges, messages and deliveries of an order are found from its number alone. Marked traffic (a drill on the live
// platform) goes to the same place in the shadow tables.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reference_platform/store/pg.hpp"

namespace platform::store {

inline constexpr int kPartitions = 16;

/// Which rows: partition 0 to 15, and whether in the shadow tables.
struct Place {
  int partition = 0;
  bool shadow = false;
};

/// FNV-1a (32 bits) of the name, modulo 16: stable for ever, for it decides where old rows are.
int partition_of(std::string_view buyer);
/// 'H' (or 'S' in the shadow tables), the partition as one upper-case hex digit, then `random`. Never more than 20
/// characters.
std::string order_number(Place place, std::string_view random);
/// The place of an order, or of any number that starts with an order's ("<order>-alpha", "<order>-r1"). nullopt: not
/// one of ours.
std::optional<Place> place_of(std::string_view order_no);

/// One pool per database, and one per database for its shadow tables when there are such. Any thread.
class Shards final : public PoolControl {
 public:
  /// `options.url` is not read; `options.size` is per database. `shadow_urls` empty: everything is real.
  Shards(const std::vector<std::string>& urls, const std::vector<std::string>& shadow_urls, const PoolOptions& options);

  [[nodiscard]] int databases() const { return static_cast<int>(real_.size()); }
  [[nodiscard]] bool has_shadow() const { return !shadow_.empty(); }
  /// Where a buyer's orders and wallet are; marked ones in the shadow when there is one.
  [[nodiscard]] Place of_buyer(std::string_view buyer, bool marked) const {
    return {partition_of(buyer), marked && has_shadow()};
  }
  /// partition * databases / 16.
  [[nodiscard]] int database_of(Place place) const { return place.partition * databases() / kPartitions; }
  Pool& at(Place place);
  Pool& at(int database, bool shadow = false);

  /// Every pool with the place it serves, for work that goes through all of them. Databases first, then their shadows.
  struct Each {
    int database;
    bool shadow;
    Pool* pool;
  };
  [[nodiscard]] std::vector<Each> each() const;

  /// Sums over all pools.
  [[nodiscard]] PoolState state() const override;
  void hold(std::chrono::milliseconds lease) override;

 private:
  std::vector<std::unique_ptr<Pool>> real_, shadow_;
};

}  // namespace platform::store
