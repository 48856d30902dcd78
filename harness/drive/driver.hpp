// driver: sends every planned trade at its planned time, whatever the target does (open loop), walks each through its
// journey, and writes down exactly one outcome per step and per trade. One thread per shard; never waits for other
// lanes.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "harness/core/clock.hpp"
#include "harness/core/events.hpp"
#include "harness/core/histogram.hpp"
#include "harness/drive/abort.hpp"
#include "harness/drive/client_settings.hpp"
#include "harness/mint/mint.hpp"
#include "harness/net/http_client.hpp"
#include "harness/plan/arrivals.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

/// Live figures for the screen, of all shards together, read by another thread; not for judgement.
struct DriveLive {
  std::atomic<std::uint64_t> trades_planned{0}, trades_ok{0}, trades_bad{0}, trades_open{0}, steps_ok{0}, steps_bad{0},
      in_flight{0};
  std::atomic<std::int64_t> p99_us{0};  // of steps that ended in the last few seconds
  std::atomic<std::int64_t> lateness_p99_us{0};
};

struct DriverParts {
  const Plan& plan;
  const Trace& trace;
  const Clock& clock;  // zero = load start
  /// Makes the client of one shard; `share` holds the shard's part of the plan's caps on connections, the rest is to be
  /// filled in. Called on the thread that will use the client. The client ends with the drive.
  std::function<std::unique_ptr<HttpClient>(HttpClientLimits share)> client;
  /// The sink of one shard: lane "drive", or "drive-0", "drive-1" and so on. Called before the first shard starts; a
  /// sink is used by one thread and must outlive the drive.
  std::function<EventSink&(const std::string& lane)> history;
  const Mint& mint;  // to turn card texts into indices
  std::string url;   // base, without trailing slash
  std::string mark;  // value of the mark header on every request (traffic colouring)
  DriveLive& live;
  ClientSettings clients = {};                // how the buyers look to the platform
  std::function<Phase(Nanos)> phase_at = {};  // for the abort rules that name a phase
  std::function<void(const AbortBreach&)> on_abort =
      {};  // told once, by a sending thread, before the drive stops itself
};

/// Runs from now until every trade has ended, at the latest at load_end + drain; then what is open becomes unfinished.
/// A stop request, or a broken abort rule of the plan, ends what is open as interrupted and returns within 100 ms. Sums
/// are asserted over all shards: one outcome per planned trade and step, and one GeneratorSeen for the run, in the
/// first lane. The calling thread is the first shard.
void drive(const DriverParts& parts, const std::stop_token& stop);

/// The part of the plan's caps that shard number `shard` may use.
HttpClientLimits limits_of_shard(const Plan& plan, std::uint32_t shard, std::uint32_t shards);

/// Takes SCHED_RR or nice -10 for the calling thread where allowed and says which: "rr", "nice-10", "plain".
std::string take_priority();

}  // namespace cardstorm
