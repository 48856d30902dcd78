// bypass: was a fault met at all? What nothing came near says nothing about the platform. Pure.
#pragma once

#include "harness/judge/check.hpp"
#include "harness/judge/episodes.hpp"

namespace cardstorm {

/// The kind of fault whose place (a channel) has a journal of its own, in which nothing may stand.
inline constexpr std::string_view kPaymentDelay = "payment_delay";

/// True when a whole journal of the slowed channel, and the buyers, say that nobody asked anything of it while it was
/// slow, and that no notify of an older payment was due. `pays`: when buyers asked to pay through it. False too where
/// nobody can tell.
bool was_bypassed(const Segment& segment, const FaultTimes& times, std::span<const Nanos> pays,
                  const Evidence& evidence);

}  // namespace cardstorm
