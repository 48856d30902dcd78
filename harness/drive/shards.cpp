// shards: the loop that sends. It follows an absolute schedule, so that nothing the target does moves a start.
#include "harness/drive/shards.hpp"

#include <algorithm>
#include <cassert>
#include <deque>
#include <optional>

#include "harness/drive/journey.hpp"
#include "harness/drive/ledger.hpp"
#include "harness/net/deadlines.hpp"
#include "harness/plan/shards.hpp"

namespace cardstorm {
namespace {

constexpr int kStartsPerPass = 64;
constexpr Nanos kWaitMax = 50ms;  // the longest single wait: a lost wake-up delays a stop by no more
constexpr Nanos kFlushEach = 200ms, kSampleEach = 1s, kTellEach = AbortTally::kBucket;
constexpr Nanos kOverdueGrace =
    100ms;  // requests end by the trade's deadline themselves; this catches one that does not

/// An equal part of `whole`; the first ones get what is left over.
std::size_t part_of(std::size_t whole, ShardPlace place) {
  const std::size_t part = whole / place.shards + (place.shard < whole % place.shards ? 1 : 0);
  return std::max<std::size_t>(part, 1);
}

class Shard {
 public:
  Shard(const DriverParts& parts, const Schedule& schedule, ShardPlace place, EventSink& history, ShardBoard& board)
      : parts_(parts),
        schedule_(schedule),
        place_(place),
        history_(history),
        board_(board),
        client_(parts.client(limits_of_shard(parts.plan, place.shard, place.shards))),
        ledger_(history, parts.live, parts.plan.abort.empty() ? nullptr : &tally_, parts.plan.slo.step_limit),
        journey_parts_(parts.plan, parts.mint, parts.url, parts.mark, ledger_, parts.clients),
        in_flight_max_(part_of(parts.plan.in_flight_max, place)),
        self_(parts.clock.now(), thread_cpu_seconds(), host_ticks_now()),
        next_flush_(parts.clock.now() + kFlushEach),
        next_sample_(parts.clock.now() + kSampleEach),
        next_tell_(parts.plan.abort.empty() ? Nanos::max() : parts.clock.now() + kTellEach) {
    to_next_own();
  }

  void run(const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { client_->wake(); });
    const Nanos end = parts_.plan.load_end + parts_.plan.drain;
    while (!all_done() && !stop.stop_requested() && parts_.clock.now() < end) {
      start_due(stop);
      fire_due();
      run_ticks();
      if (all_done()) break;
      client_->drive(std::min(next_time(), end));
      show_in_flight(client_->in_flight());
    }
    finish(stop.stop_requested());
  }

  [[nodiscard]] ShardEnd end(const std::string& scheduling) const {
    return {self_, thread_cpu_seconds(), scheduling, ledger_.trades_planned()};
  }

 private:
  /// A place for an open trade, used again and again; memory follows the number of open trades, not the length of the
  /// run.
  struct Open {
    std::optional<TradeExecution> walk;
    TradeId trade = 0;
    std::uint32_t index = 0, generation = 0;  // generation: counts the trades that were here
    Nanos deadline{0};                        // of its timer
    std::size_t place = Deadlines<Open>::kNowhere;
  };
  /// A request under way: whose answer it will be.
  struct Asked {
    std::uint32_t open, generation, ticket;
  };

  [[nodiscard]] bool all_done() const { return next_trade_ == schedule_.times.size() && open_count_ == 0; }

  void to_next_own() {
    if (place_.shards > 1)
      while (next_trade_ < schedule_.times.size() &&
             slice_of(schedule_.stripe(next_trade_), place_.shards) != place_.shard)
        ++next_trade_;
  }

  [[nodiscard]] Nanos next_time() const {
    Nanos next = std::min({parts_.clock.now() + kWaitMax, next_flush_, next_sample_, next_tell_, timers_.next()});
    if (next_trade_ < schedule_.times.size()) next = std::min(next, schedule_.times[next_trade_]);
    return next;
  }

  void start_due(const std::stop_token& stop) {
    // So many at most before answers are looked at: where the plan asks for more than we can send, starting trades must
    // not keep us from reading what comes back. What falls behind is refused as our own lateness.
    for (int started = 0; started < kStartsPerPass && next_trade_ < schedule_.times.size() && !stop.stop_requested();
         ++started) {
      const TradeId trade = next_trade_;
      const Nanos planned = schedule_.times[trade];
      if (planned > parts_.clock.now()) break;
      ++next_trade_;
      to_next_own();
      Open& open = take_open(trade);
      open.walk.emplace(journey_parts_, schedule_.arrival(trade, planned));
      act(open, open.walk->begin(parts_.clock.now()));
    }
  }

  Open& take_open(TradeId trade) {
    ++open_count_;
    if (free_open_.empty()) {
      opens_.emplace_back();
      opens_.back().index = static_cast<std::uint32_t>(opens_.size() - 1);
      free_open_.push_back(opens_.back().index);
    }
    Open& open = opens_[free_open_.back()];
    free_open_.pop_back();
    open.trade = trade;
    return open;
  }

  void release(Open& open) {
    timers_.remove(open);
    open.walk.reset();
    ++open.generation;
    free_open_.push_back(open.index);
    --open_count_;
  }

  void fire_due() {
    while (timers_.next() <= parts_.clock.now()) {
      Open& open = *timers_.first();
      timers_.remove(open);
      act(open, open.walk->on_time(parts_.clock.now()));
    }
  }

  /// Does what the trade asked for.
  void act(Open& open, Next next) {
    while (next.kind == Next::Kind::send) next = send(open, std::move(next));  // a buyer may press twice
    if (next.kind == Next::Kind::wait) {
      timers_.remove(open);
      open.deadline = next.at;
      timers_.add(open);
    }
    if (next.kind == Next::Kind::ended) release(open);
  }

  /// Sends; what the trade wants beside the answer, or what follows from not sending.
  Next send(Open& open, Next next) {
    const Nanos now = parts_.clock.now();
    self_.sent(now - next.at);
    if (!parts_.plan.abort.empty()) tally_.sent(next.at, now - next.at);
    if (next.first && now - next.at > parts_.plan.traffic.late_max)
      return open.walk->refuse(Cause::late_generator, now);
    if (client_->in_flight() >= in_flight_max_) return open.walk->refuse(Cause::in_flight_cap, now);
    Next beside = open.walk->on_sent(now);
    const std::uint32_t asked = take_asked({open.index, open.generation, next.ticket});
    client_->submit(std::move(next.request),
                    [this, asked](const HttpResponse& response) { answered(asked, response); });
    return beside;
  }

  std::uint32_t take_asked(const Asked& asked) {
    if (free_asked_.empty()) {
      asked_.push_back(asked);
      return static_cast<std::uint32_t>(asked_.size() - 1);
    }
    const std::uint32_t index = free_asked_.back();
    free_asked_.pop_back();
    asked_[index] = asked;
    return index;
  }

  void answered(std::uint32_t index, const HttpResponse& response) {
    const Asked asked = asked_[index];
    free_asked_.push_back(index);
    Open& open = opens_[asked.open];
    if (open.generation != asked.generation) return;  // it ended before its answer came
    act(open, open.walk->on_answer(response, parts_.clock.now(), asked.ticket));
  }

  void run_ticks() {
    const Nanos now = parts_.clock.now();
    if (now >= next_tell_) {
      next_tell_ = now + kTellEach;
      waiting_.clear();
      for (const Open& open : opens_)
        if (const auto since = open.walk ? open.walk->waits_since() : std::nullopt) waiting_.push_back(*since);
      board_.tell(place_.shard, now, tally_, waiting_);
    }
    if (now >= next_flush_) {
      history_.flush();
      next_flush_ = now + kFlushEach;
    }
    if (now < next_sample_) return;
    next_sample_ = now + kSampleEach;
    self_.sample(now, thread_cpu_seconds(), host_ticks_now());
    board_.show(place_.shard, ledger_.tick(), self_.lateness());
    end_overdue(now);
  }

  void show_in_flight(std::size_t now) {
    if (now == shown_in_flight_) return;
    parts_.live.in_flight.fetch_add(now - shown_in_flight_, std::memory_order_relaxed);  // modulo 2^64: may go down
    shown_in_flight_ = now;
  }

  /// Open trades that `chosen` picks, in order of their number.
  template <class Chosen>
  std::vector<Open*> in_order(Chosen&& chosen) {
    std::vector<Open*> out;
    for (Open& open : opens_)
      if (open.walk && chosen(*open.walk)) out.push_back(&open);
    std::sort(out.begin(), out.end(), [](const Open* a, const Open* b) { return a->trade < b->trade; });
    return out;
  }

  void end_overdue(Nanos now) {
    for (Open* open : in_order([&](const TradeExecution& walk) { return now >= walk.deadline() + kOverdueGrace; }))
      act(*open, open->walk->on_time(now));  // past its deadline: this ends it
  }

  /// Gives an outcome to whatever has none.
  void finish(bool interrupted) {
    const Nanos now = parts_.clock.now();
    const Cause cause = interrupted ? Cause::interrupted : Cause::deadline;
    for (Open* open : in_order([](const TradeExecution&) { return true; })) {
      open->walk->cut(TradeOutcome::unfinished, cause, now);
      release(*open);
    }
    // Never begun: by the user's will, or because the whole run is so late that its end has passed.
    for (; next_trade_ < schedule_.times.size(); ++next_trade_, to_next_own()) {
      TradeExecution walk(journey_parts_, schedule_.arrival(next_trade_, schedule_.times[next_trade_]));
      walk.never_begin(interrupted ? Cause::interrupted : Cause::late_generator, now);
    }
    assert(ledger_.adds_up());
    show_in_flight(0);
    board_.leave(place_.shard);
    history_.flush();
  }

  const DriverParts& parts_;
  const Schedule& schedule_;
  const ShardPlace place_;
  EventSink& history_;
  ShardBoard& board_;
  std::unique_ptr<HttpClient> client_;
  AbortTally tally_;
  Ledger ledger_;
  JourneyParts journey_parts_;
  const std::size_t in_flight_max_;
  SelfMeasure self_;
  std::size_t next_trade_ = 0, open_count_ = 0, shown_in_flight_ = 0;
  std::deque<Open> opens_;
  std::vector<std::uint32_t> free_open_;
  std::vector<Asked> asked_;
  std::vector<std::uint32_t> free_asked_;
  Deadlines<Open> timers_;
  std::vector<Nanos> waiting_;
  Nanos next_flush_, next_sample_, next_tell_;
};

}  // namespace

HttpClientLimits limits_of_shard(const Plan& plan, std::uint32_t shard, std::uint32_t shards) {
  HttpClientLimits share;
  share.connections_max = part_of(plan.connections_max, {shard, shards});
  share.connects_per_second = plan.traffic.connects_per_second / shards;
  return share;
}

ShardBoard::ShardBoard(const DriverParts& parts, std::uint32_t shards, std::stop_source halt)
    : parts_(parts),
      halt_(std::move(halt)),
      latency_(shards),
      lateness_(shards),
      watch_(parts.plan, shards, parts.phase_at) {}

void ShardBoard::show(std::uint32_t shard, const Histogram& latency, const Histogram& lateness) {
  const std::lock_guard lock(mutex_);
  latency_[shard] = latency;
  lateness_[shard] = lateness;
  Histogram all_latency, all_lateness;
  for (std::size_t i = 0; i < latency_.size(); ++i) {
    all_latency.merge(latency_[i]);
    all_lateness.merge(lateness_[i]);
  }
  parts_.live.p99_us = all_latency.quantile(0.99) / 1us;
  parts_.live.lateness_p99_us = all_lateness.quantile(0.99) / 1us;
}

void ShardBoard::tell(std::uint32_t shard, Nanos now, AbortTally& tally, const std::vector<Nanos>& open) {
  std::optional<AbortBreach> breach;
  {
    const std::lock_guard lock(mutex_);
    watch_.tell(shard, now, tally, open);
    breach = watch_.decide();
  }
  if (!breach) return;
  if (parts_.on_abort) parts_.on_abort(*breach);
  halt_.request_stop();
}

void ShardBoard::leave(std::uint32_t shard) {
  const std::lock_guard lock(mutex_);
  watch_.leave(shard);
}

ShardEnd run_shard(const DriverParts& parts, const Schedule& schedule, ShardPlace place, EventSink& history,
                   ShardBoard& board, const std::string& scheduling, const std::stop_token& stop) {
  const auto shard =
      std::make_unique<Shard>(parts, schedule, place, history, board);  // its histograms are large for a stack
  shard->run(stop);
  return shard->end(scheduling);
}

}  // namespace cardstorm
