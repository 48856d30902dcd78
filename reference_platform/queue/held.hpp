// held: what a consumer has given out and not heard back about, in memory: so that a message whose effect failed comes
// again to the same member, and a log of positions (Kafka) knows up to where everything is done.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reference_platform/queue/queue.hpp"

namespace platform::queue {

/// Where a message lies in its partition of a topic: offset, or milliseconds and number of a stream's entry.
struct Position {
  std::int64_t major = 0, minor = 0;
  auto operator<=>(const Position&) const = default;
};
/// "3:1700000000000-0": a message's id.
std::string id_text(int partition, Position position);
struct PartitionPosition {
  int partition = 0;
  Position position;
};
std::optional<PartitionPosition> read_id(std::string_view id);

/// Milliseconds of the machine's clock.
std::int64_t wall_ms();

class Held {
 public:
  explicit Held(std::chrono::milliseconds retake) : retake_(retake) {}

  /// More must not be taken before some are done.
  [[nodiscard]] bool full() const { return count_ >= kMax; }
  [[nodiscard]] bool any(int partition) const { return partitions_.contains(partition); }
  [[nodiscard]] std::size_t count(int partition) const;
  [[nodiscard]] bool has(PartitionPosition at) const;
  void give(int partition, Position position, const Message& message, std::int64_t published_ms,
            std::chrono::steady_clock::time_point now);
  /// False: not held (any more).
  bool finish(PartitionPosition at);
  void forget(int partition);
  [[nodiscard]] std::optional<Position> first(int partition) const;
  /// Up to `max` that were given out longer than `retake` ago; they count as given out now.
  std::vector<Message> overdue(std::size_t max, std::chrono::steady_clock::time_point now);

 private:
  static constexpr std::size_t kMax = 2000;
  struct Entry {
    Message message;
    std::int64_t published_ms;
    std::chrono::steady_clock::time_point given;
  };
  const std::chrono::milliseconds retake_;
  std::map<int, std::map<Position, Entry>> partitions_;  // no empty ones
  std::size_t count_ = 0;
};

}  // namespace platform::queue
