// round: figures for reports. Rounded in one place, so that the same record always prints the same digits.
#pragma once

#include <cmath>

#include "harness/core/clock.hpp"

namespace cardstorm {

inline double rounded(double value, double parts) { return std::round(value * parts) / parts; }
/// Seconds to the microsecond.
inline double seconds_rounded(Nanos t) { return rounded(seconds(t), 1e6); }
/// Milliseconds to the microsecond.
inline double millis_rounded(Nanos t) { return rounded(seconds(t) * 1e3, 1e3); }

}  // namespace cardstorm
