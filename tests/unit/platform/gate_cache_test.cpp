// The catalogue's cache: tiers, soft ends, single flight, negative entries, and what is left when the source goes; by a
// clock of the test.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "reference_platform/services/catalog_cache.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using State = CatalogCache::State;

/// As much of Redis as a cache needs. Nothing expires by itself.
class FakeRedis : public store::Redis {
 public:
  std::optional<std::string> get(const std::string& key) override {
    const std::lock_guard lock(mutex_);
    const auto found = all.find(key);
    return away || found == all.end() ? std::nullopt : std::optional(found->second);
  }
  void set(const std::string& key, const std::string& value, std::chrono::milliseconds ttl) override {
    const std::lock_guard lock(mutex_);
    if (away) return;
    all[key] = value;
    ttls.push_back(ttl);
  }
  void del(const std::string& key) override { all.erase(key); }
  bool reachable() override { return !away; }
  store::RedisReply command(const std::vector<std::string>&, std::optional<std::chrono::milliseconds>) override {
    return {};
  }

  std::map<std::string, std::string> all;
  std::vector<std::chrono::milliseconds> ttls;
  bool away = false;

 private:
  std::mutex mutex_;
};

class CacheTest : public ::testing::Test {
 protected:
  std::unique_ptr<CatalogCache> make() {
    CacheOptions options;
    options.soft = 0ms;  // of Redis, by the wall clock: always due, so that each look beyond memory asks the source
    return std::make_unique<CatalogCache>(
        options, "p:", redis_, metrics_, [this](const std::string& key) { return load_(key); },
        [this] { return now_; });
  }
  CatalogCache::Loaded plain(const std::string& key) {
    ++loads_;
    if (source_away_) throw std::runtime_error("away");
    if (key == "none") return {std::nullopt, {}};
    return {key + std::to_string(version_), {}};
  }

  FakeRedis redis_;
  Metrics metrics_;
  std::chrono::steady_clock::time_point now_{1h};
  std::atomic<int> loads_{0};
  int version_ = 1;
  bool source_away_ = false;
  CatalogCache::Load load_ = [this](const std::string& key) { return plain(key); };
};

TEST_F(CacheTest, MemoryServesForASecond) {
  const auto cache = make();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(cache->get("a").text, "a1");
  EXPECT_EQ(loads_, 1);
  version_ = 2;
  now_ += 1001ms;
  EXPECT_EQ(cache->get("a").text, "a2");
  EXPECT_EQ(loads_, 2);
}

TEST_F(CacheTest, AnotherNodeTakesWhatIsFreshInRedis) {
  redis_.all["p:a"] = "99999999999999 F from another node";
  const auto cache = make();
  EXPECT_EQ(cache->get("a").text, "from another node");
  EXPECT_EQ(loads_, 0);
}

TEST_F(CacheTest, GarbageInRedisIsAMiss) {
  for (const char* garbage : {"", "x", "12", "12 ", "12 Q x", "99999999999999999999 F x"}) {
    redis_.all["p:a"] = garbage;
    EXPECT_EQ(make()->get("a").text, "a1") << garbage;
  }
}

TEST_F(CacheTest, WhatIsNotThereIsRememberedLongerThanAPage) {
  const auto cache = make();
  EXPECT_EQ(cache->get("none").state, State::absent);
  now_ += 4s;
  EXPECT_EQ(cache->get("none").state, State::absent);
  EXPECT_EQ(loads_, 1);
  now_ += 6s;
  redis_.all.clear();
  cache->get("none");
  EXPECT_EQ(loads_, 2);
}

TEST_F(CacheTest, ManyAtOnceAreOneQuestion) {
  std::mutex gate;
  gate.lock();
  load_ = [this, &gate](const std::string& key) {
    const std::lock_guard wait(gate);
    return plain(key);
  };
  const auto cache = make();
  std::atomic<int> found{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) callers.emplace_back([&] { found += cache->get("a").text == "a1"; });
  gate.unlock();
  for (auto& c : callers) c.join();
  EXPECT_EQ(found, 8);
  EXPECT_EQ(loads_, 1);
}

TEST_F(CacheTest, WhileOneAsksTheOthersAreServedWhatIsThere) {
  const auto cache = make();
  cache->get("a");
  now_ += 2s;
  version_ = 2;
  std::string meanwhile;
  load_ = [&, this](const std::string& key) {
    meanwhile = cache->get("a").text;
    return plain(key);
  };
  EXPECT_EQ(cache->get("a").text, "a2");
  EXPECT_EQ(meanwhile, "a1");
}

TEST_F(CacheTest, ServesTheLastKnownForAsLongAsTheSourceIsAwayAndAsksItSeldom) {
  const auto cache = make();
  cache->get("a");
  source_away_ = true;
  redis_.away = true;
  for (int i = 0; i < 600; ++i) {
    now_ += 1s;
    EXPECT_EQ(cache->get("a").text, "a1");
  }
  const int before = loads_;
  for (int i = 0; i < 100; ++i) cache->get("other" + std::to_string(i));  // within one retry
  EXPECT_LE(loads_ - before, 1);
  source_away_ = false;
  version_ = 2;
  now_ += 1001ms;
  EXPECT_EQ(cache->get("a").text, "a2");
}

TEST_F(CacheTest, ARestartedNodeFindsTheLastKnownInRedisThoughTheSourceIsAway) {
  const auto old_node = make();
  old_node->get("a");
  source_away_ = true;
  EXPECT_EQ(make()->get("a").text, "a1");
  redis_.all.clear();  // its time is over: whoever knows it says it again
  now_ += 2s;
  old_node->get("a");
  const auto new_node = make();
  EXPECT_EQ(new_node->get("a").text, "a1");
  EXPECT_TRUE(new_node->knows("a"));
}

TEST_F(CacheTest, NeverKnownAndNobodyToAskIsUnknown) {
  source_away_ = true;
  const auto cache = make();
  EXPECT_EQ(cache->get("a").state, State::unknown);
  EXPECT_FALSE(cache->knows("a"));
}

TEST_F(CacheTest, WhatComesAlongIsWarm) {
  load_ = [this](const std::string& key) {
    auto loaded = plain(key);
    loaded.others = {{"b", "bb"}};
    return loaded;
  };
  const auto cache = make();
  cache->get("a");
  EXPECT_EQ(cache->get("b").text, "bb");
  EXPECT_EQ(loads_, 1);
  EXPECT_TRUE(redis_.all.contains("p:b"));
}

TEST_F(CacheTest, EndsInRedisAreSpread) {
  const auto cache = make();
  for (int i = 0; i < 60; ++i) cache->get("k" + std::to_string(i));
  const auto [least, most] = std::minmax_element(redis_.ttls.begin(), redis_.ttls.end());
  EXPECT_GE(*least, 36s);
  EXPECT_LE(*most, 54s);
  EXPECT_GT(*most - *least, 5s);
}

TEST_F(CacheTest, MadeUpNamesDoNotPushOutWhatIsSold) {
  load_ = [](const std::string& key) {
    return CatalogCache::Loaded{key.starts_with("made-up") ? std::nullopt : std::optional(key), {}};
  };
  const auto cache = make();
  cache->get("real");
  for (int i = 0; i < 11'000; ++i) cache->get("made-up-" + std::to_string(i));
  EXPECT_TRUE(cache->knows("real"));
}

}  // namespace
}  // namespace platform::services
