// catalog_cache: texts by key in tiers: memory for a second, Redis for what another second needs and for the time after
// a restart, the source behind them, asked by one caller per key at a time. What the source does not have is remembered
// too; while it is out of reach, what was last known is served.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reference_platform/services/answers.hpp"
#include "reference_platform/store/redis.hpp"

namespace platform::services {

struct CacheOptions {
  std::chrono::milliseconds memory{1000};
  std::chrono::milliseconds soft{
      2000};  // after that one caller asks the source again, the others are served what is there
  std::chrono::milliseconds hard{45000};      // in Redis
  std::chrono::milliseconds negative{7000};   // "there is no such key"
  std::chrono::milliseconds retry{500};       // after the source failed, for all keys
  std::chrono::milliseconds first_wait{500};  // for the one that loads, when there is nothing to serve yet
  double jitter = 0.2;  // of soft, hard and negative: keys that were made together must not end together
  std::size_t entries_max = 10'000;
};

class CatalogCache {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  /// What the source says of a key: its text (nullopt: there is no such thing), and texts of other keys that came
  /// along.
  struct Loaded {
    std::optional<std::string> text;
    std::vector<std::pair<std::string, std::string>> others;
  };
  /// Throws when the source is out of reach.
  using Load = std::function<Loaded(const std::string& key)>;

  CatalogCache(CacheOptions options, std::string prefix, store::Redis& redis, Metrics& metrics, Load load,
               Clock clock = std::chrono::steady_clock::now);

  // unknown: never known, and the source is out of reach
  enum class State { found, absent, unknown };
  struct Answer {
    State state = State::unknown;
    std::string text;
  };
  /// Any thread.
  Answer get(const std::string& key);
  /// Something is there for this key.
  [[nodiscard]] bool knows(const std::string& key) const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Entry {
    State state = State::unknown;
    std::string text;
    Time until{};
    bool loading = false;
  };
  // as Redis has it
  struct Shared {
    std::string text;
    State state;
    bool fresh;
  };

  Answer answer_of(const Entry& e) const { return {e.state, e.text}; }
  bool fetch(const std::string& key, Entry& out);
  std::optional<Shared> from_redis(const std::string& key);
  void to_redis(const std::string& key, State state, const std::string& text, bool fresh);
  bool load(const std::string& key, Entry& out);
  void came_back();
  void put(const std::string& key, State state, std::string text);
  std::chrono::milliseconds jittered(std::chrono::milliseconds t);
  void make_room();
  void count(const char* tier, const char* result) {
    metrics_.add(std::string("cache_requests_total{tier=\"") + tier + "\",result=\"" + result + "\"}");
  }

  const CacheOptions options_;
  const std::string prefix_;
  store::Redis& redis_;
  Metrics& metrics_;
  const Load load_;
  const Clock clock_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable loaded_;
  std::map<std::string, Entry> entries_;
  bool source_away_ = false;
  Time source_again_{};  // not asked before
  std::uint32_t random_ = 2463534242U;
};

}  // namespace platform::services
