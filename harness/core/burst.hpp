// burst: how bursty a stream of times is, at several widths of the window. One definition for recording, plan and what
// was achieved.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "harness/core/clock.hpp"

namespace cardstorm {

inline constexpr std::array<Nanos, 4> kBurstWindows{Nanos(100ms), Nanos(1s), Nanos(10s), Nanos(60s)};

/// Of one width: the busiest window's count and the index of dispersion (variance / mean of the counts; a Poisson
/// stream has 1, an even one 0). Without two whole windows or without any time in them there is no index.
struct Burst {
  Nanos window{0};
  std::uint64_t peak = 0;
  std::optional<double> dispersion;
};

/// Numbers of the sorted `times` in [begin, end) for each of kBurstWindows. Windows begin at `begin`; a last one that
/// is not whole counts for the peak, not for the index. Pure.
std::array<Burst, kBurstWindows.size()> burst_numbers(std::span<const Nanos> times, Nanos begin, Nanos end);

}  // namespace cardstorm
