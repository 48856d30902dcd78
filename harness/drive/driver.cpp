// driver: the loop that sends. It follows an absolute schedule, so that nothing the target does moves a start.
#include "harness/drive/driver.hpp"

#include <algorithm>
#include <cassert>
#include <queue>
#include <unordered_map>

#include "harness/drive/generator.hpp"
#include "harness/drive/journey.hpp"
#include "harness/drive/ledger.hpp"
#include "harness/drive/schedule.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kWaitMax = 50ms;          // the longest single wait: a lost wake-up delays a stop by no more
constexpr Nanos kFlushEach = 200ms, kSampleEach = 1s;
constexpr Nanos kOverdueGrace = 100ms;    // requests end by the trade's deadline themselves; this catches one that does not

class Driver {
 public:
  Driver(const DriverParts& parts, const Schedule& schedule, std::string scheduling)
      : parts_(parts), schedule_(schedule), scheduling_(std::move(scheduling)), ledger_(parts.history, parts.live),
        journey_parts_{parts.plan, parts.mint, parts.url, parts.mark, ledger_},
        self_(parts.clock.now(), thread_cpu_seconds(), host_ticks_now()),
        next_flush_(parts.clock.now() + kFlushEach), next_sample_(parts.clock.now() + kSampleEach) {}

  void run(const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { parts_.client.wake(); });
    const Nanos end = parts_.plan.load_end + parts_.plan.drain;
    while (!all_done() && !stop.stop_requested() && parts_.clock.now() < end) {
      start_due(stop);
      fire_due();
      run_ticks();
      if (all_done()) break;
      wait_until_ = std::min(next_time(), end);
      parts_.client.drive(wait_until_);
      wait_until_ = Nanos::min();
      parts_.live.in_flight = parts_.client.in_flight();
    }
    finish(stop.stop_requested());
  }

 private:
  struct Open { std::unique_ptr<TradeWalk> walk; std::uint32_t serial = 0; };   // serial: counts what the walk asked for
  struct Timer {
    Nanos at;
    TradeId trade;
    std::uint32_t serial;
    bool operator>(const Timer& o) const { return std::tie(at, trade) > std::tie(o.at, o.trade); }
  };

  [[nodiscard]] bool all_done() const { return next_trade_ == schedule_.times.size() && open_.empty(); }

  [[nodiscard]] Nanos next_time() const {
    Nanos next = std::min({parts_.clock.now() + kWaitMax, next_flush_, next_sample_});
    if (next_trade_ < schedule_.times.size()) next = std::min(next, schedule_.times[next_trade_]);
    if (!timers_.empty()) next = std::min(next, timers_.top().at);
    return next;
  }

  void start_due(const std::stop_token& stop) {
    while (next_trade_ < schedule_.times.size() && !stop.stop_requested()) {
      const TradeId trade = next_trade_;
      const Nanos planned = schedule_.times[trade];
      if (planned > parts_.clock.now()) break;
      ++next_trade_;
      auto walk = std::make_unique<TradeWalk>(journey_parts_, schedule_.arrival(trade, planned));
      TradeWalk& started = *walk;
      open_.emplace(trade, Open{std::move(walk), 0});
      act(trade, started.begin(parts_.clock.now()));
    }
  }

  void fire_due() {
    while (!timers_.empty() && timers_.top().at <= parts_.clock.now()) {
      const Timer timer = timers_.top();
      timers_.pop();
      const auto found = open_.find(timer.trade);
      if (found == open_.end() || found->second.serial != timer.serial) continue;   // the trade went on without it
      act(timer.trade, found->second.walk->on_time(parts_.clock.now()));
    }
  }

  /// Does what the trade asked for.
  void act(TradeId trade, Next next) {
    Open& open = open_.at(trade);
    if (next.kind == Next::Kind::send) next = send(trade, open, std::move(next));
    if (next.kind == Next::Kind::wait) {
      timers_.push({next.at, trade, ++open.serial});
      if (next.at < wait_until_) parts_.client.wake();   // asked for while the client waits for something later
    }
    if (next.kind == Next::Kind::ended) open_.erase(trade);
  }

  /// Sends, and then there is nothing to do before the answer; or says what follows from not sending.
  Next send(TradeId trade, Open& open, Next next) {
    const Nanos now = parts_.clock.now();
    self_.sent(now - next.at);
    if (next.first && now - next.at > kLatenessMax) return open.walk->refuse(Cause::late_generator, now);
    if (parts_.client.in_flight() >= parts_.plan.in_flight_max) return open.walk->refuse(Cause::in_flight_cap, now);
    open.walk->on_sent(now);
    const std::uint32_t serial = ++open.serial;
    // The client may outlive this driver and still hold requests of a run that was stopped.
    parts_.client.submit(std::move(next.request), [this, alive = std::weak_ptr<const int>(alive_), trade, serial](HttpResponse response) {
      if (!alive.expired()) answered(trade, serial, response);
    });
    next.kind = Next::Kind::send;
    return next;
  }

  void answered(TradeId trade, std::uint32_t serial, const HttpResponse& response) {
    const auto found = open_.find(trade);
    if (found == open_.end() || found->second.serial != serial) return;   // it ended before its answer came
    act(trade, found->second.walk->on_answer(response, parts_.clock.now()));
  }

  void run_ticks() {
    const Nanos now = parts_.clock.now();
    if (now >= next_flush_) {
      parts_.history.flush();
      next_flush_ = now + kFlushEach;
    }
    if (now < next_sample_) return;
    next_sample_ = now + kSampleEach;
    self_.sample(now, thread_cpu_seconds(), host_ticks_now());
    ledger_.tick();
    parts_.live.lateness_p99_us = std::chrono::duration_cast<std::chrono::microseconds>(self_.lateness_p99()).count();
    end_overdue(now);
  }

  void end_overdue(Nanos now) {
    std::vector<TradeId> overdue;
    for (const auto& [trade, open] : open_)
      if (now >= open.walk->deadline() + kOverdueGrace) overdue.push_back(trade);
    std::sort(overdue.begin(), overdue.end());
    for (const TradeId trade : overdue) {
      Open& open = open_.at(trade);
      ++open.serial;   // an answer that comes now is too late
      act(trade, open.walk->on_time(now));
    }
  }

  /// Gives an outcome to whatever has none, and writes how good the generator was.
  void finish(bool interrupted) {
    const Nanos now = parts_.clock.now();
    const Cause cause = interrupted ? Cause::interrupted : Cause::deadline;
    std::vector<TradeId> left;
    for (const auto& [trade, open] : open_) left.push_back(trade);
    std::sort(left.begin(), left.end());
    for (const TradeId trade : left) open_.at(trade).walk->cut(TradeOutcome::unfinished, cause, now);
    open_.clear();
    // Never begun: by the user's will, or because the whole run is so late that its end has passed.
    for (; next_trade_ < schedule_.times.size(); ++next_trade_) {
      TradeWalk walk(journey_parts_, schedule_.arrival(next_trade_, schedule_.times[next_trade_]));
      walk.never_begin(interrupted ? Cause::interrupted : Cause::late_generator, now);
    }
    assert(ledger_.adds_up() && ledger_.trades_planned() == schedule_.times.size());
    parts_.live.in_flight = 0;
    parts_.history.write(self_.seen(now, thread_cpu_seconds(), scheduling_));
    parts_.history.flush();
  }

  const DriverParts& parts_;
  const Schedule& schedule_;
  std::string scheduling_;
  Ledger ledger_;
  JourneyParts journey_parts_;
  SelfMeasure self_;
  std::size_t next_trade_ = 0;
  std::unordered_map<TradeId, Open> open_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  Nanos next_flush_, next_sample_;
  Nanos wait_until_ = Nanos::min();   // while the client waits: until when
  std::shared_ptr<const int> alive_ = std::make_shared<const int>(0);
};

}  // namespace

void drive_schedule(const DriverParts& parts, const Schedule& schedule, const std::string& scheduling, const std::stop_token& stop) {
  assert(std::is_sorted(schedule.times.begin(), schedule.times.end()));
  Driver(parts, schedule, scheduling).run(stop);
}

void drive(const DriverParts& parts, const std::stop_token& stop) {
  const Schedule schedule{arrival_times(parts.plan, parts.trace),
                          [&](TradeId trade, Nanos at) { return arrival(parts.plan, trade, at); }};
  drive_schedule(parts, schedule, take_priority(), stop);
}

}  // namespace cardstorm
