// timeline: where in the plan we are. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "harness/plan/plan.hpp"

namespace cardstorm {

struct Moment {
  Phase phase = Phase::steady;
  std::uint32_t segment = 0;
};

/// The phase at offset `at` from load start.
Moment moment_at(const Plan& plan, Nanos at);
/// The next change of phase after `at`, or nothing when the drain has ended.
std::optional<Nanos> next_change(const Plan& plan, Nanos at);

}  // namespace cardstorm
