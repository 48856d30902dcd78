// driver: sends every planned trade at its planned time, whatever the target does (open loop), walks each through its
// journey, and writes down exactly one outcome per step and per trade. One thread; never waits for other lanes.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "harness/core/clock.hpp"
#include "harness/core/events.hpp"
#include "harness/core/histogram.hpp"
#include "harness/mint/mint.hpp"
#include "harness/net/http_client.hpp"
#include "harness/plan/arrivals.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

/// Live figures for the screen, read by another thread; not for judgement.
struct DriveLive {
  std::atomic<std::uint64_t> trades_planned{0}, trades_ok{0}, trades_bad{0}, trades_open{0}, steps_ok{0}, steps_bad{0}, in_flight{0};
  std::atomic<std::int64_t> p99_us{0};         // of steps that ended in the last few seconds
  std::atomic<std::int64_t> lateness_p99_us{0};
};

struct DriverParts {
  const Plan& plan;
  const Trace& trace;
  const Clock& clock;              // zero = load start
  HttpClient& client;
  EventSink& history;
  const Mint& mint;                // to turn card texts into indices
  std::string url;                 // base, without trailing slash
  std::string mark;                // value of the X-Cardstorm-Mark header on every request (traffic colouring)
  DriveLive& live;
};

/// Runs from now until every trade has ended, at the latest at load_end + drain; then what is open becomes unfinished.
/// A stop request ends what is open as interrupted and returns within 100 ms. Sums are asserted: one outcome per planned
/// trade and step.
void drive(const DriverParts& parts, const std::stop_token& stop);

/// Takes SCHED_RR or nice -10 for the calling thread where allowed and says which: "rr", "nice-10", "plain".
std::string take_priority();

}  // namespace cardstorm
