// shop_load: buyers in a closed loop against the reference platform's API: each orders, pays, and looks until the goods
// are there, then begins again. It shows what the platform bears at most; what a platform does under open load is the
// business of `run`.
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

struct ShopLoad {
  std::string url, sku;
  int buyers = 200;  // each has a name of its own
  int quantity = 1;
  int bulk_buyers = 0;  // of them, so many order `bulk_quantity` at once
  int bulk_quantity = 500;
  Nanos warm{2s}, length{10s};   // counted is what was delivered within `length`, after `warm`
  std::string prefix = "bench";  // of the buyers' names: two loads on one platform must not share buyers
};

struct ShopSeen {
  std::uint64_t delivered = 0, refused = 0,
                failed =
                    0;  // orders of ordinary buyers; refused: 409, 429; failed: anything else that was not delivered
  std::vector<double> wait_s;  // ordinary buyers: from ordering to the goods, sorted
  std::vector<double>
      gave_up_s;  // so long they waited without getting them (refusals left out), sorted: lower bounds of a wait
  double seconds = 0;
  std::map<std::string, std::uint64_t> answers;  // "pay 503" and such, what was not as wished
};

/// One thread; returns after warm + length and at most 20 s for what is on its way.
Result<ShopSeen> load_shop(const ShopLoad& load, const std::stop_token& stop);

/// The q-quantile of all waits of ordinary buyers. `at_least`: it lies at or beyond one who never got the goods, so it
/// is a lower bound.
struct Wait {
  double seconds = 0;
  bool at_least = false;
};
Wait wait_quantile(const ShopSeen& seen, double q);

}  // namespace cardstorm
