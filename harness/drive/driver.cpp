// driver: splits the schedule over its sending threads and puts together what they measured.
#include "harness/drive/driver.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <thread>

#include "harness/drive/shards.hpp"

namespace cardstorm {
namespace {

/// The least of what the threads got: the run is no better than its worst sender.
std::string worst_scheduling(const std::vector<ShardEnd>& ends) {
  static constexpr std::array<std::string_view, 3> kWorstFirst{"plain", "nice-10", "rr"};
  for (const auto& name : kWorstFirst)
    if (std::any_of(ends.begin(), ends.end(), [&](const ShardEnd& end) { return end.scheduling == name; }))
      return std::string(name);
  return ends.front().scheduling;
}

}  // namespace

void drive_schedule(const DriverParts& given, const Schedule& schedule, const std::function<std::string()>& priority,
                    const std::stop_token& stop) {
  assert(std::is_sorted(schedule.times.begin(), schedule.times.end()));
  DriverParts parts = given;
  if (!parts.clients.wall_at_zero)
    parts.clients.wall_at_zero =
        std::chrono::duration_cast<Nanos>(std::chrono::system_clock::now().time_since_epoch()) - parts.clock.now();
  const std::uint32_t shards = std::max(parts.plan.traffic.shards, 1U);
  std::vector<EventSink*> lanes;
  for (std::uint32_t i = 0; i < shards; ++i)
    lanes.push_back(&parts.history(shards == 1 ? "drive" : "drive-" + std::to_string(i)));

  std::stop_source halt;
  const std::stop_callback relay(stop, [&halt] { halt.request_stop(); });
  ShardBoard board(parts, shards, halt);
  std::vector<std::unique_ptr<ShardEnd>> results(shards);
  const auto run = [&](std::uint32_t shard) {
    const std::string scheduling = priority();
    results[shard] = std::make_unique<ShardEnd>(
        run_shard(parts, schedule, {shard, shards}, *lanes[shard], board, scheduling, halt.get_token()));
  };
  {
    std::vector<std::jthread> others;
    for (std::uint32_t i = 1; i < shards; ++i) others.emplace_back([&run, i] { run(i); });
    run(0);
  }

  std::vector<ShardEnd> ends;
  for (const auto& result : results) ends.push_back(*result);
  std::uint64_t trades = 0;
  for (const ShardEnd& end : ends) trades += end.trades;
  assert(trades == schedule.times.size());  // and each shard has asserted its own outcomes
  for (std::uint32_t i = 1; i < shards; ++i) ends[0].self.merge(ends[i].self, ends[i].cpu_seconds);
  lanes[0]->write(ends[0].self.seen(parts.clock.now(), ends[0].cpu_seconds, worst_scheduling(ends)));
  lanes[0]->flush();
}

void drive(const DriverParts& parts, const std::stop_token& stop) {
  const PlannedTrades trades(parts.plan, parts.trace);
  const Schedule schedule{trades.times(), [&](TradeId trade, Nanos) { return trades.arrival(trade); },
                          [&](TradeId trade) { return trades.stripe(trade); }};
  drive_schedule(parts, schedule, take_priority, stop);
}

}  // namespace cardstorm
