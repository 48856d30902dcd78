// shards: one stream of trades cut into slices for sending threads or, later, machines. Pure: which slice a trade
// belongs to follows from the plan alone, so the union over any number of shards is the same stream.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/plan/arrivals.hpp"

namespace cardstorm {

/// The slice, in [0, shards), of what carries `stripe` (PlannedTrades::stripe: a session's trades share one). shards
/// >= 1.
constexpr std::uint32_t slice_of(std::uint64_t stripe, std::uint32_t shards) {
  return shards <= 1 ? 0 : static_cast<std::uint32_t>(stripe % shards);
}

/// The trades of one slice, in order.
inline std::vector<TradeId> trades_of_slice(const PlannedTrades& trades, std::uint32_t slice, std::uint32_t shards) {
  std::vector<TradeId> out;
  for (TradeId trade = 0; trade < trades.size(); ++trade)
    if (slice_of(trades.stripe(trade), shards) == slice) out.push_back(trade);
  return out;
}

}  // namespace cardstorm
