// timeline: phases from the plan's segments.
#include "harness/run/timeline.hpp"

#include <algorithm>
#include <vector>

namespace cardstorm {

Moment moment_at(const Plan& plan, Nanos at) {
  if (at >= plan.load_end + plan.drain) return {Phase::done, 0};
  for (const Segment& s : plan.segments) {
    if (at >= s.end) continue;
    if (at < s.fault_at) return {Phase::steady, s.index};
    if (at < s.heal_at) return {Phase::fault, s.index};
    if (at < s.horizon_at) return {Phase::observe, s.index};
    if (at < plan.load_end) return {Phase::gap, s.index};
  }
  const std::uint32_t last = plan.segments.empty() ? 0 : plan.segments.back().index;
  return {at < plan.load_end ? Phase::steady : Phase::drain, last};
}

std::optional<Nanos> next_change(const Plan& plan, Nanos at) {
  std::vector<Nanos> changes{plan.load_end, plan.load_end + plan.drain};
  for (const Segment& s : plan.segments)
    changes.insert(changes.end(), {s.begin, s.fault_at, s.heal_at, s.horizon_at, s.end});
  std::sort(changes.begin(), changes.end());
  const auto next = std::upper_bound(changes.begin(), changes.end(), at);
  if (next == changes.end()) return std::nullopt;
  return *next;
}

}  // namespace cardstorm
