// schedule: what the driver's loop follows. drive() takes it from the plan; tests make their own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/drive/driver.hpp"

namespace cardstorm {

struct Schedule {
  std::vector<Nanos> times;                            // start of trade i, sorted
  std::function<Arrival(TradeId, Nanos)> arrival;      // its choices
};

/// Later than this is not sent at all: what a stalled generator catches up on would be a burst that nobody planned.
inline constexpr Nanos kLatenessMax = 250ms;

/// drive() without the choice of priority. `parts.trace` is not looked at.
void drive_schedule(const DriverParts& parts, const Schedule& schedule, const std::string& scheduling, const std::stop_token& stop);

}  // namespace cardstorm
