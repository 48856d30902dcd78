// trace_id: the distributed-tracing ids of a step, computed, so that whoever knows the plan can name the trace of a
// witness.
#pragma once

#include <cstdint>
#include <string>

#include "harness/core/events.hpp"
#include "harness/core/rng.hpp"

namespace cardstorm {

/// 16 hex digits.
inline std::string hex16(std::uint64_t value) {
  std::string out(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) out[i] = "0123456789abcdef"[value & 15];
  return out;
}

/// 32 hex digits, never all zero: all requests of one step of one trade are one trace.
inline std::string trace_id_of(std::uint64_t seed, TradeId trade, std::uint16_t step) {
  const std::uint64_t index = (trade << 16) | step;
  return hex16(draw(seed, stream_of("trace id high"), index)) + hex16(draw(seed, stream_of("trace id low"), index) | 1);
}

/// 16 hex digits: the span of the n-th request of that step.
inline std::string span_id_of(std::uint64_t seed, TradeId trade, std::uint16_t step, std::uint16_t request) {
  return hex16(draw(seed, stream_of("span id") ^ request, (trade << 16) | step) | 1);
}

}  // namespace cardstorm
