// supervisor: see supervisor.hpp. One thread starts, watches (by pidfd) and restarts the children; the control server only reads a
// table under a lock and asks to stop.
#include "reference_platform/ops/supervisor.hpp"

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/ops/database.hpp"
#include "reference_platform/ops/layout.hpp"
#include "reference_platform/ops/node_config.hpp"
#include "reference_platform/ops/restart.hpp"
#include "reference_platform/ops/signals.hpp"
#include "reference_platform/ops/stores.hpp"

namespace platform::ops {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kStoreStart = 30s, kNodeStart = 30s;
constexpr auto kNodeStop = 6s;   // longer than a node drains
constexpr edge::CallOptions kReadyCall{100ms, 300ms};

/// Told to stop before everything was ready.
struct Interrupted : std::runtime_error { using std::runtime_error::runtime_error; };

struct Child {
  std::string name, role, url, admin_url;   // a store has no role and no addresses
  Command command;
  RestartPolicy policy = RestartPolicy::at_once();
  Process process;
  bool alive = false;
  int restarts = 0;
  Clock::time_point started, restart_at;
};

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) throw EnvironmentError(std::string("no pipe: ") + std::strerror(errno));
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  [[nodiscard]] int read_end() const { return ends_[0]; }

 private:
  int ends_[2] = {-1, -1};
};

/// Wakes the watching thread from another one.
class Wake {
 public:
  Wake() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;
  ~Wake() { ::close(fd_); }
  void ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(fd_, &one, sizeof one);
  }
  void hush() const {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto n = ::read(fd_, &count, sizeof count);
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

void make_folder(const std::string& path, mode_t mode) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error || ::chmod(path.c_str(), mode) != 0) throw EnvironmentError("cannot create " + path + ": " + error.message());
}

std::string key_of(const std::string& path) {
  if (path.empty()) return "";
  std::ifstream in(path);
  if (!in) throw EnvironmentError("cannot read the partners' key file " + path);
  std::string key{std::istreambuf_iterator<char>(in), {}};
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' ')) key.pop_back();
  return key;
}

std::string loopback(int port) { return "http://127.0.0.1:" + std::to_string(port); }

/// Whole seconds without an exponent, which Boost.JSON would print.
json::value seconds_value(double s) {
  const auto whole = static_cast<std::int64_t>(s);
  if (static_cast<double>(whole) == s) return whole;
  return s;
}

class Supervisor {
 public:
  Supervisor(const UpOptions& options, const Parts& parts)
      : options_(options), parts_(parts), folder_(options.keep), dir_(options.dir.empty() ? folder_.path() : fs::absolute(options.dir).string()) {
    make_folder(dir_ + "/logs", 0755);
    make_folder(dir_ + "/nodes", 0700);   // the settings hold keys
    std::ofstream(dir_ + "/stores.path") << folder_.path() << '\n';
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor() { end(); }

  void start() {
    start_stores();
    database_ = prepare_database(database_.url, options_.postgres_url.empty(), options_.variant, options_.mint_dir, parts_);
    check_stop();
    make_nodes();
    for (auto& c : children_)
      if (!c->role.empty()) launch(*c);
    wait_nodes_ready();
    serve_control();
  }

  void print_ready_line() const {
    const json::object line{{"url", public_url_},
                            {"control_url", loopback(control_->port())},
                            {"audit_url", public_url_},
                            {"database_url", database_.url},
                            {"auditor_url", database_.auditor_url},
                            {"redis_url", redis_url_},
                            {"dir", dir_},
                            {"variant", options_.variant},
                            {"version", CARDSTORM_VERSION},
                            {"restart_delay_s", seconds_value(options_.variant == "fragile" ? options_.restart_delay_s : 0)}};
    std::printf("%s\n", json::serialize(line).c_str());
    std::fflush(stdout);
  }

  void watch() {
    for (;;) {
      std::vector<pollfd> waits = stop_waits();
      const std::size_t asked = waits.size(), first = asked + 1;
      waits.push_back({restart_.fd(), POLLIN, 0});
      std::vector<Child*> watched;
      for (auto& c : children_)
        if (c->alive) {
          waits.push_back({c->process.pidfd(), POLLIN, 0});
          watched.push_back(c.get());
        }
      if (::poll(waits.data(), waits.size(), until_next_restart()) < 0 && errno != EINTR) return;
      if (stop_asked(waits)) return;
      if (waits[asked].revents != 0) {
        restart_.hush();
        restart_nodes();
        continue;   // the pidfds above belong to the old processes
      }
      for (std::size_t i = 0; i < watched.size(); ++i)
        if (waits[first + i].revents != 0) buried(*watched[i]);
      for (auto& c : children_)
        if (!c->alive && c->restart_at <= Clock::now()) restart(*c);
    }
  }

 private:
  // --- start ---

  void start_stores() {
    StorePlace place{folder_.path(), dir_ + "/logs", std::nullopt, &ports_};
    if (options_.postgres_url.empty() || options_.redis_url.empty()) place.account = store_account();
    redis_url_ = options_.redis_url;
    database_.url = options_.postgres_url;
    if (redis_url_.empty()) launch_store(make_redis(place), redis_url_);   // starts while initdb works
    check_stop();
    if (database_.url.empty()) launch_store(make_postgres(place), database_.url);
    for (const auto& s : stores_) wait_ready(s, child_of(s).process, kStoreStart, [this] { check_stop(); });
    if (!options_.redis_url.empty() && !store::make_redis(redis_url_, 1000ms)->reachable())
      throw EnvironmentError("no Redis answers at the given address");
  }

  void launch_store(Store store, std::string& url) {
    url = store.url;
    auto child = std::make_unique<Child>();
    child->name = store.name;
    child->command = store.command;
    children_.push_back(std::move(child));
    stores_.push_back(std::move(store));
    launch(*children_.back());
  }
  Child& child_of(const Store& s) {
    return **std::find_if(children_.begin(), children_.end(), [&s](const auto& c) { return c->name == s.name; });
  }

  void make_nodes() {
    const std::string key = key_of(options_.partners_key_file);
    std::vector<NodeConfig> configs;
    std::map<std::string, std::vector<std::string>> peers;
    for (const auto& i : layout(options_.variant)) {
      NodeConfig c;
      c.name = i.name;
      c.role = i.role;
      c.variant = options_.variant;
      c.database_urls = {database_.url};
      c.switches = domain::Switches::usual(options_.variant);
      c.redis_url = redis_url_;
      c.partners_url = options_.partners_url;
      c.partners_key = key;
      c.port = ports_.take();
      c.admin_port = ports_.take();
      peers[c.role].push_back(loopback(c.port));
      configs.push_back(std::move(c));
    }
    public_url_ = loopback(configs.front().port);
    for (auto& c : configs) {
      c.peers = peers;
      c.public_url = public_url_;
      add_node(c);
    }
  }

  void add_node(const NodeConfig& c) {
    const std::string file = dir_ + "/nodes/" + c.name + ".json";
    write_config(file, c);
    auto child = std::make_unique<Child>();
    child->name = c.name;
    child->role = c.role;
    child->url = loopback(c.port);
    child->admin_url = loopback(c.admin_port);
    child->command.program = parts_.program;
    child->command.argv = {"cardstorm-platform", "node", c.name, "--config", file, "--supervisor-fd", std::to_string(kSupervisorFd)};
    child->command.log = dir_ + "/logs/" + c.name + ".log";
    child->command.supervisor_pipe = pipe_.read_end();
    if (options_.variant == "fragile")
      child->policy = RestartPolicy::after(std::chrono::milliseconds(static_cast<std::int64_t>(options_.restart_delay_s * 1000)));
    children_.push_back(std::move(child));
  }

  void wait_nodes_ready() {
    const auto until = Clock::now() + kNodeStart;
    for (auto& c : children_) {
      if (c->role.empty()) continue;
      for (;;) {
        check_stop();
        const auto answer = edge::call("GET", c->admin_url + "/ready", "", {}, kReadyCall);
        if (answer.status == 200) break;
        if (Clock::now() > until)
          throw EnvironmentError("node " + c->name + " is not ready in time: " + (answer.status == 0 ? answer.error : answer.body));
        if (c->process.wait(20ms))
          throw EnvironmentError("node " + c->name + " ended with " + c->process.how() + ": " + log_tail(c->command.log));
      }
    }
  }

  // --- watch ---

  void launch(Child& c) {
    Process p = Process::spawn(c.command);
    const std::lock_guard lock(mutex_);
    c.process = std::move(p);
    c.started = Clock::now();
    c.alive = true;
  }

  void restart(Child& c) {
    try {
      launch(c);
      const std::lock_guard lock(mutex_);
      ++c.restarts;
    } catch (const EnvironmentError& e) {
      std::fprintf(stderr, "supervisor: %s\n", e.what());
      c.restart_at = Clock::now() + std::max(c.policy.delay(Clock::now(), Clock::now()), RestartPolicy::Millis(100));
    }
  }

  /// All nodes anew, at once: what was queued in them is gone, the stores stay.
  void restart_nodes() {
    for (auto& c : children_)
      if (!c->role.empty() && c->alive) c->process.signal(SIGKILL);
    for (auto& c : children_) {
      if (c->role.empty()) continue;
      if (c->alive) c->process.wait(2000ms);
      {
        const std::lock_guard lock(mutex_);
        c->alive = false;
      }
      restart(*c);
    }
    ++rounds_;
  }

  /// On a control thread: asks for a round and waits until every node is ready again.
  edge::Response restart_answer() {
    const int before = rounds_;
    const auto until = Clock::now() + kNodeStart;
    restart_.ring();
    while (Clock::now() < until) {
      std::this_thread::sleep_for(20ms);
      if (rounds_ == before) continue;
      const auto nodes = json::parse(nodes_json()).at("nodes").as_array();
      if (std::all_of(nodes.begin(), nodes.end(), [](const json::value& n) { return n.at("ready").as_bool(); }))
        return {200, R"({"restarted":true})", "application/json", {}};
    }
    return {504, R"({"error":"not_ready","message":"the nodes were restarted but are not all ready"})", "application/json", {}};
  }

  void buried(Child& c) {
    if (!c.process.ended()) return;
    const auto delay = c.policy.delay(c.started, Clock::now());
    std::fprintf(stderr, "supervisor: %s (pid %d) ended with %s, starts again in %.1f s\n", c.name.c_str(), c.process.pid(),
                 c.process.how().c_str(), std::chrono::duration<double>(delay).count());
    const std::lock_guard lock(mutex_);
    c.alive = false;
    c.restart_at = Clock::now() + delay;
  }

  [[nodiscard]] int until_next_restart() const {
    auto next = Clock::time_point::max();
    for (const auto& c : children_)
      if (!c->alive) next = std::min(next, c->restart_at);
    if (next == Clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60000));
  }

  // --- stop ---

  [[nodiscard]] std::vector<pollfd> stop_waits() const {
    return {{signals_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}, {options_.foreground ? -1 : 0, POLLIN, 0}};
  }

  /// True when one of stop_waits() says so. Bytes on stdin mean nothing; its end does.
  static bool stop_asked(const std::vector<pollfd>& waits) {
    if (waits[0].revents != 0 || waits[1].revents != 0) return true;
    if (waits[2].revents == 0) return false;
    char ignored[256];
    return ::read(0, ignored, sizeof ignored) <= 0;
  }
  void check_stop() const {
    auto waits = stop_waits();
    if (::poll(waits.data(), waits.size(), 0) > 0 && stop_asked(waits)) throw Interrupted("stopped before it was ready");
  }

  void end() noexcept {
    control_.reset();   // after the answer to `stop` has left
    for (auto& c : children_)
      if (c->alive && !c->role.empty()) {
        c->process.signal(SIGTERM);
        c->process.signal(SIGCONT);   // a stopped process would not hear it
      }
    const auto until = Clock::now() + kNodeStop;
    for (auto& c : children_)
      if (c->alive && !c->role.empty() && !c->process.wait(std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()))))
        c->process = Process();   // kills
    drop_database(database_);
    for (const auto& s : stores_)
      if (Child& c = child_of(s); c.alive) stop_store(s, c.process);
    children_.clear();
    std::error_code ignored;
    if (!options_.keep) {
      fs::remove_all(dir_ + "/nodes", ignored);
      fs::remove(dir_ + "/stores.path", ignored);
    }
  }

  // --- control ---

  void serve_control() {
    edge::ServerOptions o;
    o.port = ports_.take();
    o.threads = 2;
    o.queue_max = 64;
    control_ = edge::serve(o, [this](const edge::Request& r) -> edge::Response {
      if (r.method == "GET" && r.path == "/nodes") return {200, nodes_json(), "application/json", {}};
      if (r.method == "POST" && r.path == "/stop") {
        stop_.ring();
        return {200, R"({"stopping":true})", "application/json", {}};
      }
      if (r.method == "POST" && r.path == "/restart") return restart_answer();
      return {404, R"({"error":"not_found","message":"GET /nodes, POST /stop, POST /restart"})", "application/json", {}};
    });
  }

  std::string nodes_json() {
    json::array nodes;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& c : children_)
        if (!c->role.empty())
          nodes.push_back(json::object{{"name", c->name}, {"role", c->role}, {"url", c->url}, {"admin_url", c->admin_url},
                                       {"pid", c->alive ? c->process.pid() : 0}, {"start_time", c->alive ? c->process.start_time() : 0},
                                       {"ready", c->alive}, {"restarts", c->restarts}});
    }
    for (auto& n : nodes) {   // without the lock: a hung node answers late
      auto& ready = n.at("ready");
      if (ready.as_bool())
        ready = edge::call("GET", std::string(n.at("admin_url").as_string()) + "/ready", "", {}, kReadyCall).status == 200;
    }
    return json::serialize(json::object{{"nodes", nodes}});
  }

  const UpOptions options_;
  const Parts parts_;
  StoreFolder folder_;
  const std::string dir_;
  Ports ports_;
  Pipe pipe_;                      // nodes hold its read end: our death is their EOF
  StopSignals signals_;
  Wake stop_, restart_;
  std::atomic<int> rounds_{0};     // of restart_nodes
  std::string redis_url_, public_url_;
  Database database_;
  std::vector<Store> stores_;
  std::mutex mutex_;               // guards what /nodes reads in children_
  std::vector<std::unique_ptr<Child>> children_;
  std::unique_ptr<edge::Server> control_;
};

}  // namespace

int run_supervisor(const UpOptions& options, const Parts& parts) {
  remove_orphan_folders();
  Supervisor supervisor(options, parts);
  try {
    supervisor.start();
  } catch (const Interrupted& e) {
    std::fprintf(stderr, "supervisor: %s\n", e.what());
    return 130;
  }
  supervisor.print_ready_line();
  supervisor.watch();
  return 0;
}

}  // namespace platform::ops
