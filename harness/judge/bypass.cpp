// bypass: see bypass.hpp.
#include "harness/judge/bypass.hpp"

#include <algorithm>

#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kDelayDefault = 8s;  // of fault/payment_delay.cpp

bool any_within(std::span<const Nanos> times, Nanos from, Nanos to) {
  return std::any_of(times.begin(), times.end(), [&](Nanos at) { return at >= from && at <= to; });
}

Nanos delay_of(const Segment& segment) {
  const Json& given = segment.fault.params["delay"];
  const auto parsed = given.is_null() ? Result<Nanos>(kDelayDefault) : parse_duration(given.text());
  return parsed ? *parsed : kDelayDefault;
}

/// A notify that was due while the channel was slow is written down when it leaves, so much later.
bool any_notify(const std::string& channel, Nanos from, Nanos gone, Nanos delay, const Evidence& e) {
  return std::any_of(e.notifies.begin(), e.notifies.end(), [&](const Notify& n) {
    if (n.channel != channel || n.at < from || n.at > gone + delay) return false;
    return n.at <= gone || std::any_of(e.charges.begin(), e.charges.end(), [&](const Charge& c) {
             return c.channel == channel && c.trade_no == n.trade_no && c.at <= gone;
           });
  });
}

}  // namespace

bool was_bypassed(const Segment& segment, const FaultTimes& times, std::span<const Nanos> pays, const Evidence& e) {
  const std::string& channel = segment.fault.on;
  if (segment.fault.fault != kPaymentDelay || !times.verified || times.failed || !e.journals_whole) return false;
  const auto asked = e.asked.find(channel);
  if (asked == e.asked.end()) return false;
  const Nanos from = times.injecting.value_or(segment.fault_at),
              gone = times.cleared.value_or(times.healed.value_or(segment.heal_at));
  return !any_within(asked->second, from, gone) && !any_within(pays, from, gone) &&
         !any_notify(channel, from, gone, delay_of(segment), e);
}

}  // namespace cardstorm
