// arrivals: which trade starts when, computed from the plan and the trace. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/plan/plan.hpp"

namespace cardstorm {

/// One line of a recording that tells more than its time. Texts are held once, in Trace::texts.
struct TraceLine {
  std::uint32_t session = 0;  // any number, the same for all lines of one visitor
  std::uint32_t path = 0;     // of Trace::texts
  std::uint16_t choice = 0;   // of Trace::choices, when a routes file was applied
};

/// What a routes file made of a recording's lines, for people: counts by route.
struct RouteCounts {
  std::uint64_t lines = 0, started = 0, absorbed = 0, replayed = 0, ignored = 0;
  std::map<std::string, std::uint64_t> skipped_writes, unmapped_reads, scrubbed_reads, recorded_refusals;
};

/// Arrival times of a recording, offsets from its first, sorted; and, when it tells more, one line for each.
struct Trace {
  std::vector<Nanos> at;
  std::string sha256;
  Nanos length{0};                    // of the whole recording; 0 = up to its last arrival and one mean gap
  std::vector<TraceLine> lines = {};  // one per arrival, or none
  std::vector<std::string> texts = {};
  std::vector<std::vector<std::uint16_t>> choices =
      {};  // journeys (of Plan::journeys) that a line may start; empty = the mix decides
  RouteCounts routes = {};
};

/// One trade of the plan, with every choice made by (seed, trade).
struct Arrival {
  TradeId trade;
  Nanos at;
  std::uint16_t journey;
  std::string buyer, sku, channel, key, phone;  // key: idempotency key
  std::uint32_t quantity;
  std::string trace_path = {};  // of a replayed read: path and query as recorded, percent-encoded already
};

/// Where a replayed trade comes from: the recorded line, and who plays it now. A clone of a session is another person.
struct Origin {
  std::uint32_t line = 0, person = 0;
  std::uint16_t journey = 0;
};

/// Time under load without the gaps between segments: the axis on which replays and shapes are computed.
Nanos loaded_time(const std::vector<Segment>& segments);
/// A point of that axis as a time of the plan, and back. `at` is below loaded_time(); times inside a gap fall on its
/// begin.
Nanos plan_time(const std::vector<Segment>& segments, Nanos at);
Nanos load_time(const std::vector<Segment>& segments, Nanos at);

/// All trades of a plan in order of their start. Every member is const and may be called from any thread. `plan` and
/// `trace` must outlive it.
class PlannedTrades {
 public:
  PlannedTrades(const Plan& plan, const Trace& trace);

  [[nodiscard]] std::size_t size() const { return times_.size(); }
  [[nodiscard]] const std::vector<Nanos>& times() const { return times_; }
  [[nodiscard]] Arrival arrival(TradeId trade) const;
  [[nodiscard]] std::uint16_t journey(TradeId trade) const;
  /// What must stay together when the stream is cut into shards: a session where sessions are replayed, else the trade
  /// itself.
  [[nodiscard]] std::uint64_t stripe(TradeId trade) const;

 private:
  const Plan& plan_;
  const Trace& trace_;
  std::vector<Nanos> times_;
  std::vector<Origin> origins_;  // one per trade when the recording's lines are replayed, else none
};

/// PlannedTrades(plan, trace).times(). In mode shaped each phase of a segment holds at least one second at scale x
/// peak_rate.
std::vector<Nanos> arrival_times(const Plan& plan, const Trace& trace);
/// The trade with index `trade` that starts at `at`, its journey chosen by the mix.
Arrival arrival(const Plan& plan, TradeId trade, Nanos at);
/// The same with a journey that is known already, as from a history. Buyer and path of a replayed trade are not told
/// here.
Arrival arrival(const Plan& plan, TradeId trade, Nanos at, std::uint16_t journey);

}  // namespace cardstorm
