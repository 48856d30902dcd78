// shards: the sending threads of one run and what they share. Each has its own loop, connections, lane and measures;
// what they share is a screen, the stop conditions, and a stop.
#pragma once

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/drive/generator.hpp"
#include "harness/drive/schedule.hpp"

namespace cardstorm {

/// What shards show and decide together. Any thread; nobody holds it for longer than a few microseconds, ten times a
/// second.
class ShardBoard {
 public:
  ShardBoard(const DriverParts& parts, std::uint32_t shards, std::stop_source halt);

  /// About once a second: puts the figures of all shards on the screen.
  void show(std::uint32_t shard, const Histogram& latency, const Histogram& lateness);
  /// Ten times a second. When a stop condition is met, the run's owner is told and all shards are stopped.
  void tell(std::uint32_t shard, Nanos now, AbortTally& tally, const std::vector<Nanos>& open);
  void leave(std::uint32_t shard);

 private:
  const DriverParts& parts_;
  std::stop_source halt_;
  std::mutex mutex_;
  std::vector<Histogram> latency_, lateness_;  // by shard
  AbortWatch watch_;
};

/// What is left of a shard when it has ended.
struct ShardEnd {
  SelfMeasure self;
  double cpu_seconds = 0;  // of its thread
  std::string scheduling;
  std::uint64_t trades = 0;  // planned, each with its outcome
};

/// Which shard, of how many.
struct ShardPlace {
  std::uint32_t shard = 0, shards = 1;
};

/// Sends the trades of one slice, on the calling thread.
ShardEnd run_shard(const DriverParts& parts, const Schedule& schedule, ShardPlace place, EventSink& history,
                   ShardBoard& board, const std::string& scheduling, const std::stop_token& stop);

}  // namespace cardstorm
