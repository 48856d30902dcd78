// replay: a recording sent again, `scale` times as much. Pure. Each mode keeps something and bends something else:
// kLieOf says what, and `cardstorm plan` prints it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/plan/arrivals.hpp"

namespace cardstorm {

/// compress | clone | resample.
bool is_replay(std::string_view mode);
/// What a mode of any kind does not keep, in one line.
std::string_view lie_of(std::string_view mode);

/// A clone starts up to so much later than its original.
inline constexpr Nanos kCloneJitter = 1s;
/// resample draws a Poisson number of arrivals for each window of this width.
inline constexpr Nanos kResampleWindow = 1s;

/// The recorded arrivals that traffic.from and traffic.length choose, as offsets from the slice's begin, and the
/// slice's length (the last arrival plus one mean gap when none is given).
struct Slice {
  std::vector<Nanos> at;
  std::uint32_t first_line = 0;
  Nanos length{0};
};
Slice slice_of_trace(const Traffic& traffic, const Trace& trace);

/// How long the load lasts when the whole slice is sent once, in whole kLoadStep.
inline constexpr Nanos kLoadStep = 1ms;
Nanos replay_length(const Traffic& traffic, const Slice& slice);

struct Replayed {
  Nanos at;
  std::uint32_t line, person;
};
/// The arrivals of [0, length), sorted. A slice that is shorter is repeated as a ring, with new persons in each round;
/// a longer one is cut. The slice holds at least one arrival; lines of a trace without sessions are one session each.
std::vector<Replayed> replay(const Traffic& traffic, const Trace& trace, Nanos length, std::uint64_t seed);

}  // namespace cardstorm
