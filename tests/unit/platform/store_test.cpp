// store: the pool and the Redis client against a real private PostgreSQL and Redis.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "reference_platform/ops/stores.hpp"
#include "reference_platform/store/pg.hpp"
#include "reference_platform/store/redis.hpp"
#include "tests/unit/platform/wait_until.hpp"

namespace platform::store {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

/// Both stores, once for all tests of this file.
class Stores {
 public:
  Stores() : folder_(false), place_{folder_.path(), folder_.path(), ops::store_account(), &ports_} {
    postgres = ops::make_postgres(place_);
    postgres_process = ops::Process::spawn(postgres.command);
    redis = ops::make_redis(place_);
    redis_process = ops::Process::spawn(redis.command);
    ops::wait_ready(postgres, postgres_process, 30s);
    ops::wait_ready(redis, redis_process, 10s);
  }
  Stores(const Stores&) = delete;
  Stores& operator=(const Stores&) = delete;
  ~Stores() {
    ops::stop_store(redis, redis_process);
    ops::stop_store(postgres, postgres_process);
  }
  void restart(ops::Store& store, ops::Process& process) {
    process.signal(SIGKILL);
    ASSERT_TRUE(process.wait(5s));
    ASSERT_TRUE(wait_until([&] {  // PostgreSQL's children notice it in their own time, and keep its memory and its port
                                  // from the next one until then
      process = ops::Process::spawn(store.command);
      try {
        ops::wait_ready(store, process, 30s);
        return true;
      } catch (const ops::EnvironmentError&) {
        return false;
      }
    }));
  }

 private:
  ops::StoreFolder folder_;
  ops::Ports ports_;
  ops::StorePlace place_;

 public:
  ops::Store postgres, redis;
  ops::Process postgres_process, redis_process;
};

std::unique_ptr<Stores> the_stores;

class StoreTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!the_stores) the_stores = std::make_unique<Stores>();
  }
  static Stores& stores() { return *the_stores; }
  static PoolOptions pool_options(int size, std::chrono::milliseconds wait = 5s) {
    PoolOptions o;
    o.url = stores().postgres.url;
    o.size = size;
    o.wait = wait;
    return o;
  }
};
class Pg : public StoreTest {};
class RedisClient : public StoreTest {
 protected:
  static void TearDownTestSuite() { the_stores.reset(); }  // the last suite of this file
};

bool is(const PoolState& s, int idle, int held, int used, int waiting) {
  return s.idle == idle && s.held == held && s.used == used && s.waiting == waiting && s.max == idle + held + used;
}

std::string state_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const SqlError& e) {
    return e.state;
  }
  return "none";
}

TEST_F(Pg, RunsPreparedStatementsWithNulls) {
  const auto pool = make_pool(pool_options(1));
  const auto c = pool->take();
  for (int i = 0; i < 3; ++i) {
    const auto rows = c->run("SELECT $1::bigint + 1, $2::text, $3::text", {std::to_string(i), "x'; --", std::nullopt});
    ASSERT_EQ(rows.size(), 1);
    EXPECT_EQ(rows.number(0, 0), i + 1);
    EXPECT_EQ(rows.text(0, 1), "x'; --");
    EXPECT_TRUE(rows.null(0, 2));
  }
  EXPECT_EQ(c->run("SELECT count(*) FROM pg_prepared_statements WHERE NOT from_sql").number(0, 0), 2);
}

TEST_F(Pg, ReportsTheSqlStateAndHidesDetails) {
  const auto pool = make_pool(pool_options(1));
  const auto c = pool->take();
  c->script("CREATE TEMP TABLE t (secret text UNIQUE)");
  EXPECT_EQ(c->run("INSERT INTO t VALUES ($1)", {"CARD-1"}).affected(), 1);
  try {
    c->run("INSERT INTO t VALUES ($1)", {"CARD-1"});
    FAIL();
  } catch (const SqlError& e) {
    EXPECT_EQ(e.state, "23505");
    EXPECT_EQ(std::string(e.what()).find("CARD-1"), std::string::npos);
  }
  EXPECT_EQ(state_of([&] { c->run("SELEC 1"); }), "42601");
  EXPECT_EQ(state_of([&] { c->run("SELECT $1::text", {std::string("a\0b", 3)}); }), "22021");
  EXPECT_EQ(c->run("SELECT 1").number(0, 0), 1);
}

TEST_F(Pg, CommitOfABrokenTransactionIsAnError) {
  const auto pool = make_pool(pool_options(1));
  const auto c = pool->take();
  c->begin();
  EXPECT_EQ(state_of([&] { c->run("SELECT 1/0"); }), "22012");
  EXPECT_EQ(state_of([&] { c->commit(); }), "25P02");
}

TEST_F(Pg, ReturnRollsBackWhatWasLeftOpen) {
  const auto pool = make_pool(pool_options(1));
  {
    const auto c = pool->take();
    c->script("CREATE TEMP TABLE r (a int)");
    c->begin();
    c->run("INSERT INTO r VALUES (1)");
  }
  EXPECT_EQ(pool->take()->run("SELECT count(*) FROM r").number(0, 0), 0);
}

TEST_F(Pg, StatementLimitEndsAStatement) {
  auto o = pool_options(1);
  o.statement = 50ms;
  const auto pool = make_pool(o);
  const auto c = pool->take();
  EXPECT_EQ(state_of([&] { c->run("SELECT pg_sleep(10)"); }), "57014");
  EXPECT_EQ(c->run("SELECT 1").number(0, 0), 1);
}

TEST_F(Pg, AHungServerCostsOnlyTheLimit) {
  auto o = pool_options(1);
  o.statement = 100ms;
  const auto pool = make_pool(o);
  const auto pid = static_cast<pid_t>(pool->take()->run("SELECT pg_backend_pid()").number(0, 0));
  ::kill(pid, SIGSTOP);
  const auto before = Steady::now();
  EXPECT_EQ(state_of([&] { pool->take()->run("SELECT 1"); }), "");
  EXPECT_LT(Steady::now() - before, 20s);  // it hangs for ever
  ::kill(pid, SIGCONT);
  EXPECT_EQ(pool->take()->run("SELECT 1").number(0, 0), 1);
}

TEST_F(Pg, ReplacesAConnectionThatBrokeWhileIdle) {
  const auto pool = make_pool(pool_options(1));
  const std::string pid(pool->take()->run("SELECT pg_backend_pid()").text(0, 0));
  const auto killed = connect(stores().postgres.url)->run("SELECT pg_terminate_backend($1::int, 5000)", {pid});
  EXPECT_EQ(killed.text(0, 0), "t");
  EXPECT_EQ(pool->take()->run("SELECT 1").number(0, 0), 1);
}

TEST_F(Pg, AConnectionThatBreaksInUseIsAnErrorWithoutStateAndIsReplaced) {
  const auto pool = make_pool(pool_options(1));
  {
    const auto c = pool->take();
    c->begin();
    EXPECT_EQ(state_of([&] { c->run("SELECT pg_terminate_backend(pg_backend_pid())"); }), "");
    EXPECT_EQ(state_of([&] { c->run("SELECT 1"); }), "");
    c->rollback();
  }
  EXPECT_EQ(pool->take()->run("SELECT 1").number(0, 0), 1);
}

TEST_F(Pg, SurvivesAKilledServer) {
  const auto pool = make_pool(pool_options(2));
  { const auto a = pool->take(), b = pool->take(); }
  stores().restart(stores().postgres, stores().postgres_process);
  const auto a = pool->take(), b = pool->take();
  EXPECT_EQ(a->run("SELECT 1").number(0, 0), 1);
  EXPECT_EQ(b->run("SELECT 1").number(0, 0), 1);
}

TEST(PgAbsent, TakeFailsWithoutLosingTheConnection) {
  ops::Ports ports;
  PoolOptions o;
  o.url = "postgresql://x@127.0.0.1:" + std::to_string(ports.take()) + "/x";
  o.size = 1;
  const auto pool = make_pool(o);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(state_of([&] { pool->take(); }), "");
  EXPECT_TRUE(is(pool->state(), 1, 0, 0, 0));
}

/// A port whose every caller is let in and sent away at once.
class Door {
 public:
  Door() {
    socklen_t size = sizeof at_;
    at_.sin_family = AF_INET;
    at_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    good_ = ::bind(socket_, reinterpret_cast<sockaddr*>(&at_), size) == 0 && ::listen(socket_, 64) == 0 &&
            ::getsockname(socket_, reinterpret_cast<sockaddr*>(&at_), &size) == 0;
    thread_ = std::thread([this] {
      for (int c = -1; (c = ::accept(socket_, nullptr, nullptr)) >= 0; ::close(c)) ++callers_;
    });
  }
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  ~Door() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] int port() const { return ntohs(at_.sin_port); }
  [[nodiscard]] int callers() const { return callers_; }

 private:
  const int socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at_{};
  bool good_ = false;
  std::atomic<int> callers_{0};
  std::thread thread_;
};

TEST(PgAbsent, IsDialledOncePerPauseHoweverManyWantIt) {
  const Door door;
  ASSERT_TRUE(door.good());
  PoolOptions o;
  o.url = "postgresql://x@127.0.0.1:" + std::to_string(door.port()) + "/x?sslmode=disable&gssencmode=disable";
  const auto pool = make_pool(o);
  const auto before = Steady::now();
  for (int i = 0; i < 200; ++i) EXPECT_EQ(state_of([&] { pool->take(); }), "");
  ASSERT_TRUE(wait_until([&] { return door.callers() > 0; }));
  EXPECT_LE(door.callers(), 2 + (Steady::now() - before) / 100ms);
}

TEST_F(Pg, FindsADatabaseThatIsBackAfterThePause) {
  const auto admin = connect(stores().postgres.url);
  admin->script("DROP DATABASE IF EXISTS later WITH (FORCE)");  // of the last repetition
  PoolOptions o = pool_options(4);
  o.url.replace(o.url.rfind('/') + 1, std::min(o.url.size(), o.url.find('?')) - o.url.rfind('/') - 1, "later");
  const auto pool = make_pool(o);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(state_of([&] { pool->take(); }), "");
  admin->script("CREATE DATABASE later");
  EXPECT_TRUE(wait_until([&] { return state_of([&] { pool->take(); }) == "none"; }, 10s));  // the pause is 100 ms
  const auto a = pool->take(), b = pool->take(), c = pool->take(), d = pool->take();  // all of them, and no more pause
  EXPECT_TRUE(is(pool->state(), 0, 0, 4, 0));
}

TEST_F(Pg, TakeTimesOutAndTheShorterWaitCounts) {
  const auto pool = make_pool(pool_options(1, 60s));
  const auto c = pool->take();
  const auto before = Steady::now();
  EXPECT_THROW(pool->take(30ms), PoolTimeout);
  EXPECT_LT(Steady::now() - before, 2s);
  EXPECT_TRUE(is(pool->state(), 0, 0, 1, 0));
}

TEST_F(Pg, ServesWaitersInTheirOrder) {
  const auto pool = make_pool(pool_options(1));
  std::vector<int> order;  // written by whoever holds the only connection
  std::vector<std::thread> threads;
  {
    const auto c = pool->take();
    for (int i = 0; i < 5; ++i) {
      threads.emplace_back([&, i] {
        const auto mine = pool->take();
        order.push_back(i);
      });
      ASSERT_TRUE(wait_until([&] { return pool->state().waiting == i + 1; }));
    }
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(Pg, HoldTakesIdleOnesAtOnceAndOthersAheadOfWaiters) {
  const auto pool = make_pool(pool_options(3));
  std::thread waiter;
  std::atomic<bool> got{false};
  {
    const auto used = pool->take();
    pool->hold(60s);
    EXPECT_TRUE(is(pool->state(), 0, 2, 1, 0));
    waiter = std::thread([&] {
      const auto c = pool->take();
      got = true;
    });
    ASSERT_TRUE(wait_until([&] { return pool->state().waiting == 1; }));
  }
  EXPECT_TRUE(is(pool->state(), 0, 3, 0, 1));
  EXPECT_FALSE(got);
  pool->hold(0ms);
  waiter.join();
  EXPECT_TRUE(is(pool->state(), 3, 0, 0, 0));
}

TEST_F(Pg, AHoldEndsByItself) {
  const auto pool = make_pool(pool_options(2));
  const auto before = Steady::now();
  pool->hold(100ms);
  EXPECT_EQ(pool->take()->run("SELECT 1").number(0, 0), 1);  // waits for the end of the lease, no other call comes
  EXPECT_GE(Steady::now() - before, 100ms);
  EXPECT_LT(Steady::now() - before, 3s);
  EXPECT_TRUE(is(pool->state(), 2, 0, 0, 0));
}

TEST_F(Pg, AHoldIsRenewedAndShortened) {
  const auto pool = make_pool(pool_options(1));
  pool->hold(50ms);
  pool->hold(60s);
  EXPECT_THROW(pool->take(150ms), PoolTimeout);
  EXPECT_TRUE(is(pool->state(), 0, 1, 0, 0));
  pool->hold(20ms);
  EXPECT_EQ(pool->take(3s)->run("SELECT 1").number(0, 0), 1);
}

TEST_F(Pg, StateAddsUpUnderLoad) {
  const auto pool = make_pool(pool_options(4));
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  std::atomic<int> done{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      while (!stop) {
        try {
          done += pool->take(20ms)->run("SELECT 1").size();
        } catch (const PoolTimeout&) {
        }
      }
    });
  for (int i = 0; i < 20; ++i) {
    pool->hold(i % 2 == 0 ? 60s : 0s);
    const auto s = pool->state();
    EXPECT_EQ(s.idle + s.held + s.used, 4);
    const int seen = done;
    if (i % 2 == 1) {
      EXPECT_TRUE(wait_until([&] { return done > seen; }));
    }
  }
  stop = true;
  for (auto& t : threads) t.join();
  EXPECT_TRUE(is(pool->state(), 4, 0, 0, 0));
}

TEST_F(RedisClient, SetsGetsDeletesAndForgets) {
  const auto r = make_redis(stores().redis.url, 2000ms);
  const std::string value = std::string("a\r\n$b\0c", 7) + std::string(100000, 'x');
  EXPECT_EQ(r->get("k"), std::nullopt);
  r->set("k", value, 60s);
  EXPECT_EQ(r->get("k"), value);
  r->set("empty", "", 60s);
  EXPECT_EQ(r->get("empty"), "");
  r->del("k");
  EXPECT_EQ(r->get("k"), std::nullopt);
  r->set("short", "v", 1ms);
  EXPECT_TRUE(wait_until([&] { return !r->get("short"); }));
}

TEST_F(RedisClient, ReadsEveryKindOfReply) {
  using Kind = RedisReply::Kind;
  const auto r = make_redis(stores().redis.url, 2000ms);
  r->command({"DEL", "s"});
  EXPECT_EQ(r->command({"PING"}).text, "PONG");
  EXPECT_EQ(r->command({"INCRBY", "n", "-7"}).number, -7);
  EXPECT_TRUE(r->command({"GET", "nothing"}).is(Kind::nil));
  EXPECT_TRUE(r->command({"XREAD", "COUNT", "1", "STREAMS", "nothing", "0"}).is(Kind::nil));
  const auto wrong = r->command({"NO-SUCH"});
  EXPECT_TRUE(wrong.is(Kind::error));
  EXPECT_NE(wrong.text.find("unknown command"), std::string::npos);
  for (int i = 0; i < 3000; ++i) r->command({"XADD", "s", "*", "field", std::string("v\r\n") + std::to_string(i)});
  const auto all = r->command({"XRANGE", "s", "-", "+"});
  ASSERT_EQ(all.items.size(), 3000U);
  EXPECT_EQ(all.items[2999].items.at(1).items.at(1).text, "v\r\n2999");
  EXPECT_EQ(r->command({"EVAL", "return {1, {2, 'x', {}}, false}", "0"}).items.at(1).items.at(1).text, "x");
  const auto before = Steady::now();
  EXPECT_TRUE(r->command({"XREAD", "BLOCK", "30000", "STREAMS", "s", "$"}, 100ms).is(Kind::lost));
  EXPECT_LT(Steady::now() - before, 5s);
}

TEST_F(RedisClient, ReconnectsAfterARestartAndKeepsTheData) {
  const auto r = make_redis(stores().redis.url, 2000ms);
  r->set("stays", "1", 600s);
  ASSERT_EQ(r->get("stays"), "1");
  stores().redis_process.signal(SIGTERM);  // in order: the file is on the disk
  ASSERT_TRUE(stores().redis_process.wait(10s));
  EXPECT_EQ(r->get("stays"), std::nullopt);
  EXPECT_FALSE(r->reachable());
  stores().restart(stores().redis, stores().redis_process);
  EXPECT_TRUE(wait_until([&] { return r->reachable(); }));
  EXPECT_EQ(r->get("stays"), "1");
}

TEST(RedisClientAbsent, AHungServerCostsTheLimitOnceNotPerCall) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);  // the kernel accepts, nobody answers
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(listener, 8), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size), 0);
  const auto r = make_redis("redis://127.0.0.1:" + std::to_string(ntohs(at.sin_port)), 50ms);
  auto before = Steady::now();
  EXPECT_EQ(r->get("k"), std::nullopt);
  EXPECT_GE(Steady::now() - before, 45ms);
  before = Steady::now();
  for (int i = 0; i < 1000; ++i) r->get("k");
  EXPECT_LT(Steady::now() - before, 10s);  // once per call would be fifty seconds
  ::close(listener);
}

TEST(RedisClientAbsent, RefusesAnAddressThatIsNone) {
  EXPECT_THROW(make_redis("http://127.0.0.1:1"), std::runtime_error);
}

}  // namespace
}  // namespace platform::store
