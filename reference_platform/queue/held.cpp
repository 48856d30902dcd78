// held: see held.hpp.
#include "reference_platform/queue/held.hpp"

#include <algorithm>
#include <charconv>

namespace platform::queue {

std::string id_text(int partition, Position p) {
  return std::to_string(partition) + ":" + std::to_string(p.major) + "-" + std::to_string(p.minor);
}

std::optional<PartitionPosition> read_id(std::string_view id) {
  PartitionPosition out;
  const char *at = id.data(), *const end = id.data() + id.size();
  const auto number = [&](auto& value, char after) {
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || (after != '\0' ? next == end || *next != after : next != end)) return false;
    at = next + (after != '\0' ? 1 : 0);
    return true;
  };
  if (!number(out.partition, ':') || !number(out.position.major, '-') || !number(out.position.minor, '\0'))
    return std::nullopt;
  return out;
}

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::size_t Held::count(int partition) const {
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? 0 : found->second.size();
}

bool Held::has(PartitionPosition at) const {
  const auto partition = partitions_.find(at.partition);
  return partition != partitions_.end() && partition->second.contains(at.position);
}

void Held::give(int partition, Position position, const Message& message, std::int64_t published_ms,
                std::chrono::steady_clock::time_point now) {
  count_ += partitions_[partition].insert_or_assign(position, Entry{message, published_ms, now}).second ? 1U : 0U;
}

bool Held::finish(PartitionPosition at) {
  const auto partition = partitions_.find(at.partition);
  if (partition == partitions_.end() || partition->second.erase(at.position) == 0) return false;
  --count_;
  if (partition->second.empty()) partitions_.erase(partition);
  return true;
}

void Held::forget(int partition) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return;
  count_ -= found->second.size();
  partitions_.erase(found);
}

std::optional<Position> Held::first(int partition) const {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return std::nullopt;
  return found->second.begin()->first;
}

std::vector<Message> Held::overdue(std::size_t max, std::chrono::steady_clock::time_point now) {
  std::vector<Message> out;
  for (auto& [partition, entries] : partitions_) {
    for (auto& [position, entry] : entries) {
      if (out.size() >= max) return out;
      if (now - entry.given < retake_) continue;
      entry.given = now;
      entry.message.age = std::chrono::milliseconds(std::max<std::int64_t>(0, wall_ms() - entry.published_ms));
      out.push_back(entry.message);
    }
  }
  return out;
}

}  // namespace platform::queue
