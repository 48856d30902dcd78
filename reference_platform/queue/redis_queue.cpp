// redis_queue: see redis_queue.hpp; how partitions, leases and positions work is written at the scripts.
#include "reference_platform/queue/redis_queue.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <thread>

#include "reference_platform/queue/held.hpp"
#include "reference_platform/queue/redis_scripts.hpp"
#include "reference_platform/store/redis.hpp"

namespace platform::queue {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using store::Redis;
using store::RedisReply;
using Kind = RedisReply::Kind;
using Words = std::vector<std::string>;

constexpr auto kLimit = 1000ms;          // of one command
constexpr auto kRedisQueuePause = 20ms;  // between looks at a Redis that is away, or for a partition
constexpr int kPartitionMax = 200'000;   // entries; what is beyond is refused, not dropped
constexpr std::size_t kAcksAtOnce = 500;

int partition_of(const std::string& key) {
  std::uint32_t hash = 2166136261U;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return static_cast<int>(hash % kRedisPartitions);
}

std::string stream_of(const std::string& topic, int partition) {
  return "cardstorm:queue:" + topic + ":" + std::to_string(partition);
}

struct Entry {
  int partition;
  Position position;
  Message message;
};

/// One entry of a stream: [id, [field, value, ...]]. An entry that was deleted under our hands has no fields.
std::optional<Entry> entry_of(int partition, const RedisReply& reply) {
  if (reply.items.size() != 2 || !reply.items[1].is(Kind::array)) return std::nullopt;
  const auto at = read_id(std::to_string(partition) + ":" + reply.items[0].text);
  if (!at) return std::nullopt;
  Entry e{partition, at->position, {}};
  e.message.id = id_text(partition, e.position);
  const auto& fields = reply.items[1].items;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string& name = fields[i].text;
    (name == "k"   ? e.message.key
     : name == "b" ? e.message.body
     : name == "m" ? e.message.mark
                   : e.message.trace) = fields[i + 1].text;
  }
  return e;
}

class RedisConsumer final : public Consumer {
 public:
  RedisConsumer(std::shared_ptr<Redis> redis, std::string topic, std::string group, std::string member,
                milliseconds retake)
      : redis_(std::move(redis)),
        topic_(std::move(topic)),
        group_(std::move(group)),
        member_(std::move(member)),
        retake_(std::max(retake, 40ms)),
        prefix_("cardstorm:queue:" + topic_ + ":group:" + group_),
        held_(retake_) {}
  RedisConsumer(const RedisConsumer&) = delete;
  RedisConsumer& operator=(const RedisConsumer&) = delete;
  ~RedisConsumer() override { leave(); }

  std::vector<Message> take(std::size_t max, milliseconds wait) override {
    left_ = false;
    const auto until = steady_clock::now() + wait;
    for (bool last = false;;) {
      tell_done();
      keep_partitions();
      std::vector<Message> out = held_.overdue(max, steady_clock::now());
      give(out, max);
      if (!out.empty() || last) return out;
      const auto now = steady_clock::now();
      last = now >= until;
      read(max, last ? 0ms : std::chrono::ceil<milliseconds>(std::min(until, next_lease_) - now));
    }
  }

  void done(const std::vector<Message>& messages) override {
    for (const Message& m : messages) {
      const auto at = read_id(m.id);
      if (!at) continue;
      held_.finish(*at);  // also when it is somebody else's by now: it is done
      finished_[at->partition].push_back(m.id.substr(m.id.find(':') + 1));
    }
    tell_done();
  }

  bool leave() override {
    if (left_) return true;
    tell_done();
    for (int partition = 0; partition < kRedisPartitions; ++partition) {
      drop(partition);
      held_.forget(partition);
    }
    next_lease_ = {};
    left_ = !redis_->command({"EVAL", kLeave, "1", prefix_, member_, std::to_string(kRedisPartitions)}, kLimit)
                 .is(Kind::lost);
    return true;  // a Redis that is away gives nothing to anybody, and forgets us by itself
  }
  [[nodiscard]] bool assigned() const override { return true; }  // a free partition is anybody's who asks

 private:
  void give(std::vector<Message>& out, std::size_t max) {
    while (out.size() < max && !buffer_.empty() && !held_.full()) {
      Entry& e = buffer_.front();
      e.message.age = milliseconds(std::max<std::int64_t>(0, wall_ms() - e.position.major));
      held_.give(e.partition, e.position, e.message, e.position.major, steady_clock::now());
      out.push_back(std::move(e.message));
      buffer_.pop_front();
    }
  }

  /// Says which are done; what Redis did not hear is said again with the next call.
  void tell_done() {
    while (!finished_.empty()) {
      auto& [partition, ids] = *finished_.begin();
      const auto n = static_cast<std::ptrdiff_t>(std::min(ids.size(), kAcksAtOnce));
      Words words{"EVAL", kDone, "1", stream_of(topic_, partition), group_};
      words.insert(words.end(), ids.begin(), ids.begin() + n);
      const RedisReply r = redis_->command(words, kLimit);
      if (r.is(Kind::lost) || (r.is(Kind::error) && !gone(r))) return;
      ids.erase(ids.begin(), ids.begin() + n);
      if (ids.empty()) finished_.erase(finished_.begin());
    }
  }
  /// The stream or its group is not there: nothing to be said about it.
  static bool gone(const RedisReply& r) {
    return r.text.find("NOGROUP") != std::string::npos || r.text.find("no such key") != std::string::npos;
  }

  void keep_partitions() {
    const auto now = steady_clock::now();
    if (now < next_lease_) return;
    next_lease_ = now + std::clamp(retake_ / 4, 10ms, 500ms);
    std::string busy = ",";
    for (int partition = 0; partition < kRedisPartitions; ++partition)
      if (held_.any(partition)) busy += std::to_string(partition) + ",";
    const RedisReply r = redis_->command({"EVAL", kLease, "1", prefix_, member_, std::to_string(retake_.count()),
                                          std::to_string(kRedisPartitions), busy},
                                         kLimit);
    if (!r.is(Kind::array)) return;  // the lease may have run out by the time that Redis answers again: it will say so
    std::array<bool, kRedisPartitions> may{}, unbroken{};
    for (const auto& item : r.items) {
      const auto partition = static_cast<std::size_t>(item.number / 4);
      may.at(partition) = (item.number & 1) != 0;
      unbroken.at(partition) = (item.number & 2) != 0;
    }
    for (int partition = 0; partition < kRedisPartitions; ++partition) {
      const auto i = static_cast<std::size_t>(partition);
      if (!may[i] || !unbroken[i]) drop(partition);
      if (!unbroken[i]) held_.forget(partition);  // others may have had it in between
      if (may[i] && !owned_[i]) owned_[i] = take_over(partition);
    }
    find_lost();
  }

  /// A reply that died with its connection, or with a Redis that stood still, has given us what we never saw, and Redis
  /// gives it to nobody else: it then counts more as given out than we know of.
  void find_lost() {
    Words streams;
    std::vector<int> partitions;
    for (int partition = 0; partition < kRedisPartitions; ++partition) {
      if (!owned_[static_cast<std::size_t>(partition)]) continue;
      streams.push_back(stream_of(topic_, partition));
      partitions.push_back(partition);
    }
    if (partitions.empty()) return;
    Words words{"EVAL", kGiven, std::to_string(partitions.size())};
    words.insert(words.end(), streams.begin(), streams.end());
    words.push_back(group_);
    const RedisReply r = redis_->command(words, kLimit);
    if (r.items.size() != partitions.size()) return;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      const int partition = partitions[i];
      const auto read = std::count_if(buffer_.begin(), buffer_.end(),
                                      [partition](const Entry& e) { return e.partition == partition; });
      if (r.items[i].number <= static_cast<std::int64_t>(held_.count(partition)) + read) continue;
      drop(partition);  // read once more with the lost ones, so that they come in their order
      owned_[static_cast<std::size_t>(partition)] = take_over(partition);
    }
  }

  /// What we have read and not given out of a partition goes to whoever reads it next.
  void drop(int partition) {
    owned_[static_cast<std::size_t>(partition)] = false;
    std::erase_if(buffer_, [partition](const Entry& e) { return e.partition == partition; });
  }

  /// Whoever read this partition before us is gone: what it had taken and not done is ours. What we hold ourselves is
  /// not given out twice.
  bool take_over(int partition) {
    const std::string stream = stream_of(topic_, partition);
    const RedisReply made = redis_->command({"XGROUP", "CREATE", stream, group_, "0", "MKSTREAM"}, kLimit);
    if (!made.is(Kind::status) && made.text.find("BUSYGROUP") == std::string::npos) return false;
    for (std::string from = "0-0";;) {
      const RedisReply r = redis_->command({"XAUTOCLAIM", stream, group_, member_, "0", from, "COUNT", "500"}, kLimit);
      if (!r.is(Kind::array) || r.items.size() < 2) {
        drop(partition);
        return false;
      }
      for (const auto& item : r.items[1].items) add(partition, item);
      from = r.items[0].text;
      if (from == "0-0") return true;
    }
  }

  void add(int partition, const RedisReply& item) {
    auto e = entry_of(partition, item);
    if (!e || held_.has({partition, e->position})) return;
    buffer_.push_back(std::move(*e));
  }

  void read(std::size_t max, milliseconds block) {
    Words streams, starts;
    for (int partition = 0; partition < kRedisPartitions; ++partition) {
      if (!owned_[static_cast<std::size_t>(partition)]) continue;
      streams.push_back(stream_of(topic_, partition));
      starts.emplace_back(">");
    }
    if (streams.empty() || held_.full()) return std::this_thread::sleep_for(std::min(block, kRedisQueuePause));
    Words words{"XREADGROUP", "GROUP", group_,
                member_,      "COUNT", std::to_string(std::max<std::size_t>(1, max / streams.size()))};
    if (block > 0ms) words.insert(words.end(), {"BLOCK", std::to_string(block.count())});
    words.emplace_back("STREAMS");
    words.insert(words.end(), streams.begin(), streams.end());
    words.insert(words.end(), starts.begin(), starts.end());
    const RedisReply r = redis_->command(words, block + kLimit);
    if (r.is(Kind::lost) || r.is(Kind::error)) {
      if (gone(r)) owned_.fill(false);  // an emptied Redis: the groups are made again with the next lease
      return std::this_thread::sleep_for(std::min(block, kRedisQueuePause));
    }
    for (const auto& stream : r.items) {
      if (stream.items.size() != 2) continue;
      const int partition = stream.items[0].text.back() - '0';
      for (const auto& item : stream.items[1].items) add(partition, item);
    }
  }

  const std::shared_ptr<Redis> redis_;
  const std::string topic_, group_, member_;
  const milliseconds retake_;
  const std::string prefix_;
  Held held_;
  std::deque<Entry> buffer_;                          // read, not given out
  std::map<int, std::vector<std::string>> finished_;  // by partition; not said yet
  std::array<bool, kRedisPartitions> owned_{};
  bool left_ = false;
  steady_clock::time_point next_lease_{};
};

class RedisQueue final : public Queue {
 public:
  explicit RedisQueue(const std::string& url) : redis_(store::make_redis(url, kLimit)) {}

  bool publish(const std::string& topic, const Message& m, milliseconds limit) override {
    return redis_
        ->command({"EVAL", kPublish, "1", stream_of(topic, partition_of(m.key)), std::to_string(kPartitionMax), m.key,
                   m.body, m.mark, m.trace},
                  limit)
        .is(Kind::text);
  }
  std::unique_ptr<Consumer> consume(const std::string& topic, const std::string& group, const std::string& member,
                                    milliseconds retake) override {
    return std::make_unique<RedisConsumer>(redis_, topic, group, member, retake);
  }
  Backlog backlog(const std::string& topic, const std::string& group) override {
    Words words{"EVAL", kBacklog, std::to_string(kRedisPartitions)};
    for (int partition = 0; partition < kRedisPartitions; ++partition) words.push_back(stream_of(topic, partition));
    words.push_back(group);
    const RedisReply r = redis_->command(words);
    if (r.items.size() != 2) return {};
    return {r.items[0].number, milliseconds(r.items[1].number), true};
  }

 private:
  const std::shared_ptr<Redis> redis_;
};

}  // namespace

std::unique_ptr<Queue> make_redis_queue(const std::string& url) { return std::make_unique<RedisQueue>(url); }

}  // namespace platform::queue
