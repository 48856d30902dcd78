// supervisor: a whole life of `up` with real stores.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "reference_platform/ops/process.hpp"
#include "reference_platform/ops/stores.hpp"
#include "tests/unit/platform/ops_up.hpp"

namespace platform::ops {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

std::vector<pid_t> store_processes(const std::string& folder) {
  std::vector<pid_t> all;
  for (const auto& e : std::filesystem::directory_iterator("/proc")) {
    const int pid = std::atoi(e.path().filename().c_str());
    const std::string line = pid > 0 ? text_of(e.path() / "cmdline") : "";
    if (line.find(folder + "/") != std::string::npos || line.find("redis-server") == 0) {
      std::error_code ignored;
      if (std::filesystem::read_symlink(e.path() / "cwd", ignored).string().rfind(folder, 0) == 0) all.push_back(pid);
    }
  }
  return all;
}

std::string count_of(const std::string& url, const char* sql) {
  return std::string(store::connect(url)->run(sql).text(0, 0));
}

UpOptions fragile() {
  UpOptions o;
  o.variant = "fragile";
  o.restart_delay_s = 0.2;
  return o;
}

void restarts_a_killed_node(const Up& up) {
  const auto before = up.node();
  EXPECT_EQ(before.at("start_time").as_int64(), static_cast<std::int64_t>(start_time_of(Up::pid_of(before))));
  const auto killed_at = Steady::now();
  ::kill(Up::pid_of(before), SIGKILL);
  ASSERT_TRUE(wait_until([&] {
    const auto now = up.node();
    return now.at("ready").as_bool() && Up::pid_of(now) != Up::pid_of(before);
  }));
  EXPECT_GE(Steady::now() - killed_at, 200ms);
  const auto after = up.node();
  EXPECT_NE(Up::pid_of(after), Up::pid_of(before));
  EXPECT_EQ(after.at("url"), before.at("url"));
  EXPECT_EQ(after.at("restarts").as_int64(), 1);
  EXPECT_EQ(edge::call("GET", up.text("url") + "/", "", {}, {1000ms, 5000ms}).body, std::to_string(Up::pid_of(after)));
}

void lets_the_auditor_only_read(const std::string& url) {
  EXPECT_EQ(count_of(url, "SELECT id FROM audit_orders"), "7");
  EXPECT_THROW(store::connect(url)->script("INSERT INTO t VALUES (1)"), store::SqlError);
}

/// In a database that is not its own: meets nothing, leaves nothing.
void runs_on_given_stores(const Up& other) {
  const char* schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'cardstorm%'";
  auto o = fragile();
  o.postgres_url = other.text("database_url");
  o.redis_url = other.text("redis_url");
  o.dir = other.text("dir") + "/second dir";
  Up up(o);
  ASSERT_FALSE(up.ready.empty());
  EXPECT_EQ(count_of(other.text("database_url"), schemas), "1");
  EXPECT_EQ(count_of(up.text("database_url"), "SELECT count(*) FROM t"), "1");
  lets_the_auditor_only_read(up.text("auditor_url"));
  const pid_t node = Up::pid_of(up.node());
  EXPECT_EQ(edge::call("POST", up.text("control_url") + "/stop", "", {}, {1000ms, 5000ms}).status, 200);
  EXPECT_EQ(up.wait(), 0);
  EXPECT_TRUE(gone(node));
  EXPECT_EQ(count_of(other.text("database_url"), schemas), "0");
  EXPECT_TRUE(std::filesystem::exists(o.dir + "/logs/shop.log"));  // a folder that was given keeps its logs
  EXPECT_FALSE(std::filesystem::exists(o.dir + "/nodes"));         // but no keys
}

/// A mistake found late leaves nothing running, and ends with 4.
void fails_clean(const Up& other) {
  auto o = fragile();
  o.postgres_url = other.text("database_url");
  o.redis_url = other.text("redis_url");
  o.mint_dir = "bad";
  Up up(o);
  EXPECT_TRUE(up.ready.empty());
  EXPECT_EQ(up.wait(), 4);
}

TEST(Supervisor, LivesAndEndsAsItsContractSays) {
  Up up(fragile());
  ASSERT_FALSE(up.ready.empty());
  for (const char* key :
       {"url", "control_url", "audit_url", "database_url", "auditor_url", "redis_url", "dir", "variant", "version"})
    EXPECT_FALSE(up.text(key).empty()) << key;
  EXPECT_TRUE(up.node().at("ready").as_bool());
  restarts_a_killed_node(up);
  lets_the_auditor_only_read(up.text("auditor_url"));
  runs_on_given_stores(up);
  fails_clean(up);

  const pid_t node = Up::pid_of(up.node());
  const auto stores = store_processes(up.text("dir"));
  EXPECT_EQ(stores.size(), 2U);
  up.close_stdin();
  EXPECT_EQ(up.wait(), 0);
  EXPECT_TRUE(gone(node));
  for (const pid_t p : stores) EXPECT_TRUE(gone(p));
  EXPECT_FALSE(std::filesystem::exists(up.text("dir")));
}

TEST(Supervisor, KeepsItsFolderFromASecondOneAndLeavesItToTheNext) {
  const StoreFolder scratch(false);
  UpOptions o = fragile();
  o.dir = scratch.path() + "/d";
  Up first(o);
  ASSERT_FALSE(first.ready.empty());
  const std::string settings = text_of(o.dir + "/nodes/shop.json");
  ASSERT_NE(settings, "");
  Up second(o);
  ASSERT_TRUE(second.ready.empty());
  EXPECT_EQ(second.wait(), 4);
  EXPECT_EQ(text_of(o.dir + "/nodes/shop.json"), settings);
  first.kill(SIGKILL);
  first.wait();
  Up next(o);
  EXPECT_FALSE(next.ready.empty());
}

TEST(Supervisor, NothingSurvivesItWhenItIsKilled) {
  std::string dir;
  {
    Up up(fragile());
    ASSERT_FALSE(up.ready.empty());
    dir = up.text("dir");
    auto all = store_processes(dir);
    EXPECT_EQ(all.size(), 2U);
    all.push_back(Up::pid_of(up.node()));
    up.kill(SIGKILL);
    up.wait();
    for (const pid_t p : all) EXPECT_TRUE(wait_until([p] { return gone(p); })) << p;
  }
  EXPECT_TRUE(std::filesystem::exists(dir));  // removed by the next supervisor
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace platform::ops
