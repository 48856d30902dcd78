// The isolation matrix on real processes: payment killed again and again, one of two databases, Redis, the partners;
// while all the rest runs as its operator started it.
#include <atomic>
#include <csignal>
#include <thread>

#include "reference_platform/store/redis.hpp"
#include "reference_platform/store/shards.hpp"
#include "tests/unit/platform/isolation.hpp"
#include "tests/unit/platform/real_shop.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 10min;  // of what ends by itself

/// Kills a node whenever its supervisor has started it again: long before it can do anything.
class Killer {
 public:
  Killer(const RealShop& shop, std::string name)
      : thread_([this, &shop, name = std::move(name)] {
          pid_t last = 0;
          wait_until(
              [&] {
                const pid_t pid = shop.child(name);
                if (pid > 0 && pid != last) ::kill(last = pid, SIGKILL);
                return over_.load();
              },
              kPatience);
        }) {}
  Killer(const Killer&) = delete;
  Killer& operator=(const Killer&) = delete;
  ~Killer() {
    over_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

class IsolationReal : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { shop_ = std::make_unique<RealShop>("hardened", std::vector<std::string>{}); }
  static void TearDownTestSuite() { shop_.reset(); }

  static IsolationRow row(const std::string& away) {
    for (auto& r : read_isolation_matrix())
      if (r.away == away) return r;
    throw std::runtime_error("no line for " + away);
  }
  static IsolationWalk walk_of(const std::string& buyer) {
    return {[buyer](const auto& method, const auto& path, const auto& body, const auto& key) {
              return as_buyer(shop_->url(), buyer, method, path, body, key);
            },
            shop_->partners()};
  }
  static std::string database(std::size_t number) { return shop_->facts()["database_urls"].items().at(number).text(); }
  static std::string buyer_of(int database, const char* name) {
    for (int i = 0;; ++i) {
      std::string buyer = name + std::to_string(i);
      if (store::partition_of(buyer) / (store::kPartitions / 2) == database) return buyer;
    }
  }
  static inline std::unique_ptr<RealShop> shop_;
};

TEST_F(IsolationReal, PaymentDiesAgainAndAgain) {
  IsolationRow wanted = row("payment");
  auto walk = walk_of("p1");
  walk.before();
  const auto first = shop_->node("payment").pid;
  {
    const Killer killer(*shop_, "payment");
    ASSERT_TRUE(wait_until([&] { return shop_->node("payment").pid != first; }));
    walk.during(wanted);
  }
  walk.after(wanted);
}

TEST_F(IsolationReal, OneDatabaseIsAway) {
  const IsolationRow others = row("one database, for the other's buyers"),
                     own = row("one database, for its own buyers");
  auto here = walk_of(buyer_of(0, "here")), there = walk_of(buyer_of(1, "there"));
  here.before();
  there.before();
  const std::string name =
      database(1).substr(database(1).rfind('/') + 1, database(1).find('?') - database(1).rfind('/') - 1);
  const auto admin = store::connect(database(0));
  admin->script(("ALTER DATABASE " + name + " WITH ALLOW_CONNECTIONS false").c_str());
  admin->run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", {name});
  there.during(own);
  here.during(others);
  admin->script(("ALTER DATABASE " + name + " WITH ALLOW_CONNECTIONS true").c_str());
  there.after(own);
  here.after(others);
}

TEST_F(IsolationReal, ThePartnersAreAway) {
  for (const auto& [away, kind] :
       std::vector<std::pair<std::string, std::string>>{{"the channels", "channel"}, {"the suppliers", "supplier"}}) {
    auto walk = walk_of("w-" + kind);
    walk.before();
    shop_->partners().refuse(kind);
    walk.during(row(away));
    shop_->partners().refuse("");
    walk.after(row(away));
  }
}

// Last: Redis does not come back here.
TEST_F(IsolationReal, RedisIsKilledWithTheQueueInIt) {
  const IsolationRow wanted = row("Redis, with the queue");
  auto walk = walk_of("r1");
  walk.before();
  const auto redis = store::make_redis(shop_->fact("redis_url"));
  const std::string info = redis->command({"INFO", "server"}).text;
  const auto pid = static_cast<pid_t>(std::atoi(info.c_str() + info.find("process_id:") + 11));
  ASSERT_GT(pid, 1) << info;
  ::kill(pid, SIGKILL);
  ASSERT_TRUE(wait_until([&] { return !redis->reachable(); }));
  walk.during(wanted);
}

}  // namespace
}  // namespace platform::services_test
