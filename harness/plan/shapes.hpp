// shapes: arrival times that need no recording: constant, ramp, step, poisson, spike, promotion. Closed form: arrival i
// is where the area under the rate reaches i + 1/2, so it does not depend on the arrivals before it (poisson, whose
// gaps are drawn, excepted).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/plan/plan.hpp"

namespace cardstorm {

/// constant | ramp | step | poisson | spike | promotion.
bool is_shape(std::string_view mode);

/// Start times in [0, length), sorted. traffic.mode is a shape.
std::vector<Nanos> shape_times(const Traffic& traffic, Nanos length, std::uint64_t seed);

/// How many trades shape_times() gives (poisson: on average).
double shape_total(const Traffic& traffic, Nanos length);

/// The promotion's wall rises at once and falls exponentially: after `lasts` so much of it is left, then the quiet rate
/// again.
inline constexpr double kWallLeft = 0.049787068367863944;  // e^-3

}  // namespace cardstorm
