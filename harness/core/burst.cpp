// burst: counts per window in one pass over the times, without a list of windows.
#include "harness/core/burst.hpp"

#include <algorithm>

namespace cardstorm {
namespace {

Burst burst_of(std::span<const Nanos> times, Nanos begin, Nanos end, Nanos window) {
  Burst out{window, 0, std::nullopt};
  const std::int64_t whole = end > begin ? (end - begin) / window : 0;
  double sum = 0, squares = 0;  // of the counts of whole windows; empty windows add nothing to either
  auto it = std::lower_bound(times.begin(), times.end(), begin);
  while (it != times.end() && *it < end) {
    const std::int64_t number = (*it - begin) / window;
    const Nanos edge = std::min(end, begin + (number + 1) * window);
    std::uint64_t count = 0;
    for (; it != times.end() && *it < edge; ++it) ++count;
    out.peak = std::max(out.peak, count);
    if (number >= whole) continue;
    const auto n = static_cast<double>(count);
    sum += n;
    squares += n * n;
  }
  if (whole < 2 || sum <= 0) return out;
  const auto windows = static_cast<double>(whole);
  const double mean = sum / windows;
  out.dispersion = std::max(0.0, squares / windows - mean * mean) / mean;
  return out;
}

}  // namespace

std::array<Burst, kBurstWindows.size()> burst_numbers(std::span<const Nanos> times, Nanos begin, Nanos end) {
  std::array<Burst, kBurstWindows.size()> out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = burst_of(times, begin, end, kBurstWindows[i]);
  return out;
}

}  // namespace cardstorm
