// schedule: what the driver's loop follows. drive() takes it from the plan; tests make their own.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "harness/drive/driver.hpp"

namespace cardstorm {

struct Schedule {
  std::span<const Nanos> times;                    // start of trade i, sorted
  std::function<Arrival(TradeId, Nanos)> arrival;  // its choices; any thread
  /// What must stay in one shard carries one number. Any thread.
  std::function<std::uint64_t(TradeId)> stripe = [](TradeId trade) { return trade; };
};

/// drive() by this schedule instead of the plan's; `parts.trace` is not looked at. `priority` is called on each sending
/// thread.
void drive_schedule(const DriverParts& parts, const Schedule& schedule, const std::function<std::string()>& priority,
                    const std::stop_token& stop);

}  // namespace cardstorm
