// supervisor: a whole life of `up` with real stores. The node that it starts is this test program itself (see ActAsNode).
#include <boost/json.hpp>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/ops/node_config.hpp"
#include "reference_platform/ops/signals.hpp"
#include "reference_platform/ops/supervisor.hpp"

namespace platform::ops {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Started as "program node NAME --config FILE ...", this program is a node and runs no test.
class ActAsNode : public testing::Environment {
 public:
  void SetUp() override {
    std::vector<std::string> argv;
    std::ifstream in("/proc/self/cmdline");
    for (std::string a; std::getline(in, a, '\0');) argv.push_back(a);
    if (argv.size() < 7 || argv[1] != "node") return;
    block_stop_signals();
    auto config = read_config(argv[4]);
    config.options["supervisor_fd"] = argv[6];
    Service s;
    s.business = [](const edge::Request&) { return edge::Response{200, std::to_string(::getpid()), "text/plain", {}}; };
    ::_exit(run_node(config, s));
  }
};
[[maybe_unused]] const auto* const kActAsNode = testing::AddGlobalTestEnvironment(new ActAsNode);

constexpr const char* kSchema = "CREATE TABLE t (id int); CREATE VIEW audit_orders AS SELECT id FROM t;"
                                "CREATE VIEW audit_wallets AS SELECT id FROM t; CREATE VIEW audit_ledger AS SELECT id FROM t";
std::string schema(const std::string&, int, int) { return kSchema; }
std::string views(const std::string&, const std::vector<std::string>&) { return ""; }
void load(store::Connection& db, const std::string&, const std::string& mint_dir, int, int) {
  if (mint_dir == "bad") throw std::runtime_error("bad mint");
  db.run("INSERT INTO t VALUES (7)");
}

/// `up` in a process of its own, with pipes for stdin and stdout.
class Up {
 public:
  explicit Up(const UpOptions& options) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::close(in[1]);
      ::_exit(run(options));
    }
    ::close(in[0]);
    ::close(out[1]);
    stdin_ = in[1];
    char c;
    std::string line;
    while (::read(out[0], &c, 1) == 1 && c != '\n') line += c;
    ::close(out[0]);
    if (!line.empty()) ready = json::parse(line).as_object();
  }
  Up(const Up&) = delete;
  Up& operator=(const Up&) = delete;
  ~Up() {
    close_stdin();
    if (pid_ > 0) wait();
  }
  void close_stdin() {
    if (stdin_ >= 0) ::close(stdin_);
    stdin_ = -1;
  }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void kill(int signal) const { ::kill(pid_, signal); }
  [[nodiscard]] std::string text(const char* key) const { return std::string(ready.at(key).as_string()); }
  [[nodiscard]] json::object node() const {
    const auto r = edge::call("GET", text("control_url") + "/nodes", "", {}, {1000ms, 5000ms});
    return json::parse(r.body).at("nodes").at(0).as_object();
  }
  [[nodiscard]] static pid_t pid_of(const json::object& node) { return static_cast<pid_t>(node.at("pid").as_int64()); }
  json::object ready;

 private:
  static int run(const UpOptions& options) {
    try {
      return run_supervisor(options, {"/proc/self/exe", &schema, &views, &load});
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
      return 4;
    }
  }
  pid_t pid_ = 0;
  int stdin_ = -1;
};

template <class F>
bool becomes(F condition) {
  const auto until = Steady::now() + 10s;
  while (!condition()) {
    if (Steady::now() > until) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

bool gone(pid_t pid) {
  const std::string stat = text_of("/proc/" + std::to_string(pid) + "/stat");
  return stat.empty() || stat.find(") Z") != std::string::npos;   // a zombie where nobody reaps orphans
}

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
  ASSERT_TRUE(becomes([&] { return !up.node().at("ready").as_bool(); }));
  ASSERT_TRUE(becomes([&] { return up.node().at("ready").as_bool(); }));
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
  EXPECT_TRUE(std::filesystem::exists(o.dir + "/logs/shop.log"));     // a folder that was given keeps its logs
  EXPECT_FALSE(std::filesystem::exists(o.dir + "/nodes"));            // but no keys
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
  for (const char* key : {"url", "control_url", "audit_url", "database_url", "auditor_url", "redis_url", "dir", "variant", "version"})
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
    for (const pid_t p : all) EXPECT_TRUE(becomes([p] { return gone(p); })) << p;
  }
  EXPECT_TRUE(std::filesystem::exists(dir));   // removed by the next supervisor
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace platform::ops
