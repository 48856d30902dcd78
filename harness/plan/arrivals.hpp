// arrivals: which trade starts when, computed from the plan and the trace. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/plan/plan.hpp"

namespace cardstorm {

/// Arrival times of a recording, offsets from its first, sorted.
struct Trace { std::vector<Nanos> at; std::string sha256; };

/// One trade of the plan, with every choice made by (seed, trade).
struct Arrival {
  TradeId trade; Nanos at; std::uint16_t journey;
  std::string buyer, sku, channel, key, phone;   // key: idempotency key
  std::uint32_t quantity;
};

/// All start times in order. Each phase of a segment holds at least one second at scale x peak_rate.
std::vector<Nanos> arrival_times(const Plan& plan, const Trace& trace);
/// The trade with index `trade` that starts at `at`.
Arrival arrival(const Plan& plan, TradeId trade, Nanos at);

}  // namespace cardstorm
