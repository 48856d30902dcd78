// held: see held.hpp.
#include "reference_platform/queue/held.hpp"

#include <algorithm>
#include <charconv>

namespace platform::queue {

std::string id_text(int lane, Position p) {
  return std::to_string(lane) + ":" + std::to_string(p.major) + "-" + std::to_string(p.minor);
}

std::optional<LanePosition> read_id(std::string_view id) {
  LanePosition out;
  const char *at = id.data(), *const end = id.data() + id.size();
  const auto number = [&](auto& value, char after) {
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || (after != '\0' ? next == end || *next != after : next != end)) return false;
    at = next + (after != '\0' ? 1 : 0);
    return true;
  };
  if (!number(out.lane, ':') || !number(out.position.major, '-') || !number(out.position.minor, '\0'))
    return std::nullopt;
  return out;
}

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::size_t Held::count(int lane) const {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? 0 : found->second.size();
}

bool Held::has(LanePosition at) const {
  const auto lane = lanes_.find(at.lane);
  return lane != lanes_.end() && lane->second.contains(at.position);
}

void Held::give(int lane, Position position, const Message& message, std::int64_t published_ms,
                std::chrono::steady_clock::time_point now) {
  count_ += lanes_[lane].insert_or_assign(position, Entry{message, published_ms, now}).second ? 1U : 0U;
}

bool Held::finish(LanePosition at) {
  const auto lane = lanes_.find(at.lane);
  if (lane == lanes_.end() || lane->second.erase(at.position) == 0) return false;
  --count_;
  if (lane->second.empty()) lanes_.erase(lane);
  return true;
}

void Held::forget(int lane) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return;
  count_ -= found->second.size();
  lanes_.erase(found);
}

std::optional<Position> Held::first(int lane) const {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return std::nullopt;
  return found->second.begin()->first;
}

std::vector<Message> Held::overdue(std::size_t max, std::chrono::steady_clock::time_point now) {
  std::vector<Message> out;
  for (auto& [lane, entries] : lanes_) {
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
