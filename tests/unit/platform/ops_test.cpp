// ops: children that inherit nothing, the node's frame, restarts, settings.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "reference_platform/ops/layout.hpp"
#include "reference_platform/ops/node_config.hpp"
#include "reference_platform/ops/ports.hpp"
#include "reference_platform/ops/process.hpp"
#include "reference_platform/ops/restart.hpp"
#include "reference_platform/ops/signals.hpp"
#include "reference_platform/ops/stores.hpp"
#include "tests/unit/platform/wait_until.hpp"

namespace platform::ops {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class OpsTest : public testing::Test {
 protected:
  Command shell(const std::string& script) const {
    Command c;
    c.program = "/bin/sh";
    c.argv = {"sh", "-c", script};
    c.log = log();
    return c;
  }
  [[nodiscard]] std::string log() const { return folder_.path() + "/log"; }
  StoreFolder folder_{false};
};

TEST_F(OpsTest, AChildHasOnlyItsThreeDescriptorsAndThePipe) {
  const int leak = ::open("/dev/null", O_RDONLY);  // not close-on-exec
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  auto c =
      shell("i=0; while [ $i -lt 100 ]; do [ -L /proc/$$/fd/$i ] && echo fd=$i; i=$((i+1)); done; echo to_stderr >&2");
  c.supervisor_pipe = pipe_ends[0];
  auto p = Process::spawn(c);
  ASSERT_TRUE(p.wait(5s));
  EXPECT_TRUE(p.good()) << p.how();
  EXPECT_EQ(text_of(log()), "fd=0\nfd=1\nfd=2\nfd=3\nto_stderr\n");
  for (const int fd : {leak, pipe_ends[0], pipe_ends[1]}) ::close(fd);
}

TEST_F(OpsTest, AChildReadsTheEndOfItsSupervisorFromThePipe) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  auto c = shell("read line <&3; echo end");
  c.supervisor_pipe = pipe_ends[0];
  auto p = Process::spawn(c);
  EXPECT_FALSE(p.ended());
  ::close(pipe_ends[1]);
  EXPECT_TRUE(p.wait(5s));
  EXPECT_EQ(text_of(log()), "end\n");
  ::close(pipe_ends[0]);
}

// A source that is already number 3 is no special case: dup2 onto itself would leave it close-on-exec, and the child
// would watch whatever it opens next.
TEST_F(OpsTest, ThePipeReachesTheChildAlsoFromDescriptor3) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
  const int saved = ::fcntl(kSupervisorFd, F_DUPFD_CLOEXEC, 20);
  const int write_end = ::fcntl(pipe_ends[1], F_DUPFD_CLOEXEC, 20);
  if (pipe_ends[0] != kSupervisorFd) {
    ASSERT_EQ(::dup3(pipe_ends[0], kSupervisorFd, O_CLOEXEC), kSupervisorFd);
  }
  auto c = shell("read line <&3; echo $line");
  c.supervisor_pipe = kSupervisorFd;
  auto p = Process::spawn(c);
  EXPECT_EQ(::write(write_end, "hello\n", 6), 6);
  EXPECT_TRUE(p.wait(5s));
  EXPECT_EQ(text_of(log()), "hello\n");
  if (saved >= 0 && pipe_ends[0] != kSupervisorFd && pipe_ends[1] != kSupervisorFd) ::dup2(saved, kSupervisorFd);
  for (const int fd : {pipe_ends[0], pipe_ends[1], write_end, saved})
    if (fd > kSupervisorFd || fd == pipe_ends[0]) ::close(fd);
}

TEST_F(OpsTest, SpawnNamesWhatCannotBeStarted) {
  auto c = shell("");
  c.program = "/no/such/program";
  try {
    Process::spawn(c);
    FAIL();
  } catch (const EnvironmentError& e) {
    EXPECT_NE(std::string(e.what()).find("/no/such/program"), std::string::npos);
  }
}

TEST_F(OpsTest, AProcessIsKnownByPidAndStartTime) {
  auto p = Process::spawn(shell("sleep 60"));
  EXPECT_GT(p.start_time(), 0U);
  EXPECT_EQ(p.start_time(), start_time_of(p.pid()));
  p.signal(SIGKILL);
  ASSERT_TRUE(p.wait(5s));
  EXPECT_EQ(p.how(), "signal 9");
  EXPECT_EQ(start_time_of(p.pid()), 0U);
}

TEST_F(OpsTest, TheEndOfTheOwnerEndsTheWholeGroup) {
  std::string grandchild;
  {
    const auto p = Process::spawn(shell("sleep 60 & echo $!; wait"));
    ASSERT_TRUE(wait_until([&] { return (grandchild = text_of(log())).find('\n') != std::string::npos; }));
  }
  const auto pid = static_cast<pid_t>(std::stoi(grandchild));
  EXPECT_TRUE(wait_until([&] {  // it may stay a zombie where nobody reaps orphans
    const std::string stat = text_of("/proc/" + std::to_string(pid) + "/stat");
    return stat.empty() || stat.find(") Z") != std::string::npos;
  }));
}

TEST_F(OpsTest, AnotherAccountLosesAllGroups) {
  const auto account = store_account();
  if (!account) GTEST_SKIP() << "only root can change the account";
  auto c = shell("id -u; id -G");
  c.account = account;
  auto p = Process::spawn(c);
  ASSERT_TRUE(p.wait(5s));
  EXPECT_EQ(text_of(log()), std::to_string(account->uid) + "\n" + std::to_string(account->gid) + "\n");
}

TEST(Folder, IsGoneAtTheEndUnlessKept) {
  std::string gone, kept;
  {
    const StoreFolder a(false), b(true);
    gone = a.path();
    kept = b.path();
    struct stat s {};
    ASSERT_EQ(::stat(gone.c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777U, 0711U);
  }
  EXPECT_FALSE(std::filesystem::exists(gone));
  EXPECT_TRUE(std::filesystem::exists(kept));
  std::filesystem::remove_all(kept);
}

TEST(Folder, OfAKilledSupervisorIsRemovedByTheNext) {
  const StoreFolder alive(false), orphan(false);
  std::ofstream(orphan.path() + "/owner") << ::getpid() << " 1\n";  // the pid lives, but as another process
  remove_orphan_folders();
  EXPECT_TRUE(std::filesystem::exists(alive.path()));
  EXPECT_FALSE(std::filesystem::exists(orphan.path()));
}

TEST(PortChoice, NeverRepeatsAndAvoidsOutgoingPorts) {
  int low = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> low;
  Ports ports;
  std::set<int> seen;
  for (int i = 0; i < 200; ++i) {
    const int p = ports.take();
    EXPECT_TRUE(seen.insert(p).second);
    if (low > 11000) {
      EXPECT_LT(p, low);
    }
  }
}

TEST(PortChoice, TakesTheOneThatIsAskedForOnceAndOnlyWhenItIsFree) {
  Ports ports;
  const int free = Ports().take();
  ports.take(free);
  EXPECT_THROW(ports.take(free), EnvironmentError);
  edge::ServerOptions o;
  const auto listens = edge::serve(o, [](const edge::Request&) { return edge::Response{}; });
  EXPECT_THROW(ports.take(listens->port()), EnvironmentError);
}

TEST(Restart, HardenedStartsAtOnceAndBacksOffOnQuickDeaths) {
  auto policy = RestartPolicy::at_once();
  const Steady::time_point t{};
  const auto quick = [&] { return policy.delay(t, t + 100ms).count(); };
  std::vector<std::int64_t> delays;
  for (int i = 0; i < 7; ++i) delays.push_back(quick());
  EXPECT_EQ(delays, (std::vector<std::int64_t>{0, 100, 200, 400, 800, 1600, 2000}));
  for (int i = 0; i < 100; ++i) EXPECT_LE(quick(), 2000);
  EXPECT_EQ(policy.delay(t, t + 10s), 0ms);
  EXPECT_EQ(quick(), 100);
}

TEST(Restart, FragileAlwaysWaitsForItsOperator) {
  auto policy = RestartPolicy::after(20s);
  const Steady::time_point t{};
  EXPECT_EQ(policy.delay(t, t + 1s), 20s);
  EXPECT_EQ(policy.delay(t, t + 1h), 20s);
}

TEST(Layout, HasTwinsAndUniqueNames) {
  EXPECT_EQ(layout("fragile").size(), 1U);
  EXPECT_EQ(layout("hardened").size(), 8U);
  EXPECT_EQ(layout("hardened").front().role, "gateway");
  EXPECT_TRUE(layout("other").empty());
}

NodeConfig sample() {
  NodeConfig c;
  c.name = "order-1";
  c.role = "order";
  c.variant = "hardened";
  c.partners_key = "k\"\\\n";
  c.port = 12345;
  c.peers["order"] = {"http://127.0.0.1:1", "http://127.0.0.1:2"};
  c.options["a"] = "b";
  return c;
}

TEST_F(OpsTest, SettingsSurviveTheFileAndAreReadByTheOwnerOnly) {
  const std::string file = folder_.path() + "/c.json";
  write_config(file, sample());
  struct stat s {};
  ASSERT_EQ(::stat(file.c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777U, 0600U);
  const auto c = read_config(file);
  EXPECT_EQ(c.partners_key, sample().partners_key);
  EXPECT_EQ(c.port, 12345);
  EXPECT_EQ(c.peers, sample().peers);
  EXPECT_EQ(c.options, sample().options);
}

TEST_F(OpsTest, BrokenSettingsNameTheFile) {
  const std::string file = folder_.path() + "/c.json";
  for (const char* text : {"", "[]", "{", R"({"name":1})", R"({"name":"a"})"}) {
    std::ofstream(file, std::ios::trunc) << text;
    try {
      read_config(file);
      FAIL() << text;
    } catch (const EnvironmentError& e) {
      EXPECT_NE(std::string(e.what()).find(file), std::string::npos);
    }
  }
}

// --- the node's frame, in a child process of its own ---

class NodeTest : public OpsTest {
 protected:
  /// Forks a node whose pool points at a database that does not exist: the frame must not care.
  void start(bool stuck_handler = false) {
    ASSERT_EQ(::pipe(pipe_), 0);
    config_.name = "n";
    config_.port = ports_.take();
    config_.admin_port = ports_.take();
    config_.options["drain_s"] = "1";
    config_.options["supervisor_fd"] = std::to_string(pipe_[0]);
    node_ = ::fork();
    if (node_ != 0) {
      ::close(pipe_[0]);
      ASSERT_TRUE(wait_until([this] { return admin("GET", "/health").status == 200; }));
      return;
    }
    ::close(pipe_[1]);
    block_stop_signals();
    store::PoolOptions o;
    o.url = "postgresql://x@127.0.0.1:1/x";
    o.size = 3;
    const auto pool = store::make_pool(o);
    Service s;
    s.pool = pool.get();
    s.business = [stuck_handler](const edge::Request&) {
      if (stuck_handler) std::this_thread::sleep_for(60s);
      return edge::Response{200, "business", "text/plain", {}};
    };
    s.not_ready = [folder = folder_.path()] { return std::filesystem::exists(folder + "/ready") ? "" : "no file"; };
    s.metrics = [] { return std::string("own_metric 1\n"); };
    s.stop = [folder = folder_.path()] { std::ofstream(folder + "/stopped") << "yes"; };
    ::_exit(run_node(config_, s));
  }
  void TearDown() override {
    if (node_ > 0) {
      ::kill(node_, SIGKILL);
      ::waitpid(node_, nullptr, 0);
    }
    ::close(pipe_[1]);
  }
  edge::CallResult admin(const std::string& method, const std::string& path, const std::string& body = "") const {
    return edge::call(method, "http://127.0.0.1:" + std::to_string(config_.admin_port) + path, body, {},
                      {1000ms, 5000ms});
  }
  /// The exit status, or -1 when it did not end.
  int ended() {
    int status = -1;
    const bool yes = wait_until([&] { return ::waitpid(node_, &status, WNOHANG) == node_; });
    if (yes) node_ = 0;
    return yes ? status : -1;
  }
  Ports ports_;
  NodeConfig config_;
  int pipe_[2] = {-1, -1};
  pid_t node_ = 0;
};

TEST_F(NodeTest, ServesBusinessAndAdminOnTheirPorts) {
  start();
  EXPECT_EQ(edge::call("GET", "http://127.0.0.1:" + std::to_string(config_.port) + "/x", "", {}, {1000ms, 5000ms}).body,
            "business");
  EXPECT_EQ(admin("GET", "/ready").status, 503);
  EXPECT_NE(admin("GET", "/ready").body.find("no file"), std::string::npos);
  std::ofstream(folder_.path() + "/ready") << "yes";
  EXPECT_EQ(admin("GET", "/ready").status, 200);
  EXPECT_EQ(admin("GET", "/nonsense").status, 404);
  const auto metrics = admin("GET", "/metrics").body;
  EXPECT_NE(metrics.find("own_metric 1"), std::string::npos);
  EXPECT_NE(metrics.find("db_client_connection_count{state=\"idle\"} 3"), std::string::npos);
}

TEST_F(NodeTest, HoldsItsPoolOnDemand) {
  start();
  EXPECT_EQ(admin("GET", "/admin/pool").body, R"({"max":3,"idle":3,"held":0,"used":0,"waiting":0})");
  EXPECT_EQ(admin("POST", "/admin/pool/hold", R"({"lease_ms":60000})").status, 200);
  EXPECT_EQ(admin("GET", "/admin/pool").body, R"({"max":3,"idle":0,"held":3,"used":0,"waiting":0})");
  EXPECT_EQ(admin("POST", "/admin/pool/hold", R"({"lease_ms":0})").status, 200);
  EXPECT_EQ(admin("GET", "/admin/pool").body, R"({"max":3,"idle":3,"held":0,"used":0,"waiting":0})");
  for (const char* bad : {"", "{}", "[1]", R"({"lease_ms":-1})", R"({"lease_ms":"5"})", R"({"lease_ms":99999999})"})
    EXPECT_EQ(admin("POST", "/admin/pool/hold", bad).status, 400) << bad;
}

TEST_F(NodeTest, EndsInOrderOnSigterm) {
  start();
  ::kill(node_, SIGTERM);
  EXPECT_EQ(ended(), 0);
  EXPECT_EQ(text_of(folder_.path() + "/stopped"), "yes");
}

TEST_F(NodeTest, EndsWhenItsSupervisorIsGone) {
  start();
  ::close(pipe_[1]);
  pipe_[1] = -1;
  EXPECT_EQ(ended(), 0);
}

TEST_F(NodeTest, AStuckHandlerCannotKeepIt) {
  start(true);
  std::thread caller([port = config_.port] {
    edge::call("GET", "http://127.0.0.1:" + std::to_string(port) + "/x", "", {}, {1000ms, 10000ms});
  });
  ASSERT_TRUE(wait_until(
      [this] { return admin("GET", "/metrics").body.find("platform_workers_busy 1") != std::string::npos; }));
  ::kill(node_, SIGTERM);
  const int status = ended();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
  caller.join();
}

TEST_F(NodeTest, ATakenPortIsExitCode4) {
  edge::ServerOptions o;
  const auto other = edge::serve(o, [](const edge::Request&) { return edge::Response{}; });
  const pid_t pid = ::fork();
  if (pid == 0) {
    NodeConfig c;
    c.port = other->port();
    ::_exit(run_node(c, {}));
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WEXITSTATUS(status), 4);
}

}  // namespace
}  // namespace platform::ops
