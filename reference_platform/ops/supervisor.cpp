// supervisor: see supervisor.hpp. One thread starts, watches and restarts the children; the control server's threads
// look at a table under a lock and have everything else done by errands.
#include "reference_platform/ops/supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>

#include "reference_platform/ops/child.hpp"
#include "reference_platform/ops/control.hpp"
#include "reference_platform/ops/database.hpp"
#include "reference_platform/ops/errands.hpp"
#include "reference_platform/ops/kafka.hpp"
#include "reference_platform/ops/nodes.hpp"
#include "reference_platform/ops/signals.hpp"
#include "reference_platform/ops/stores.hpp"
#include "reference_platform/ops/version.hpp"

namespace platform::ops {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kStoreStart = 30s, kNodeStart = 30s;
constexpr auto kNodeStop = 6s;  // longer than a node drains

/// Told to stop before everything was ready.
struct Interrupted : std::runtime_error {
  using std::runtime_error::runtime_error;
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

void make_folder(const std::string& path, mode_t mode) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error || ::chmod(path.c_str(), mode) != 0)
    throw EnvironmentError("cannot create " + path + ": " + error.message());
}

/// The folder is one platform's at a time: a second one would write its settings over those with which the nodes of the
/// first are started again.
class FolderLock {
 public:
  explicit FolderLock(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ < 0 || ::flock(fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
      return;  // where a file system knows no locks, nobody is kept out
    ::close(fd_);
    throw EnvironmentError("another platform runs in " + path + ": end it, or name another folder with --dir");
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  const int fd_;
};

std::string key_of(const std::string& path) {
  if (path.empty()) return "";
  std::ifstream in(path);
  if (!in) throw EnvironmentError("cannot read the partners' key file " + path);
  std::string key{std::istreambuf_iterator<char>(in), {}};
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' ')) key.pop_back();
  return key;
}

/// Whole seconds without an exponent, which Boost.JSON would print.
json::value seconds_value(double s) {
  const auto whole = static_cast<std::int64_t>(s);
  if (static_cast<double>(whole) == s) return whole;
  return s;
}

class Supervisor {
 public:
  Supervisor(const UpOptions& options, const Parts& parts)
      : options_(options),
        parts_(parts),
        folder_(options.keep),
        dir_(options.dir.empty() ? folder_.path() : fs::absolute(options.dir).string()) {
    make_folder(dir_ + "/logs", 0755);
    lock_ = std::make_unique<FolderLock>(dir_);
    make_folder(dir_ + "/nodes", 0700);  // the settings hold keys
    std::ofstream(dir_ + "/stores.path") << folder_.path() << '\n';
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor() { end(); }

  void start() {
    for (const int port : {options_.port, options_.control_port})
      if (port != 0) ports_.take(port);  // before anybody gets it by chance
    start_stores();
    databases_ = prepare_databases(postgres_url_, options_.postgres_url.empty(), options_, parts_);
    check_stop();
    wait_stores();  // those that needed not be there for the tables
    nodes_ =
        std::make_unique<Nodes>(options_, parts_.program, dir_, pipe_.read_end(), common_config(), ports_, children_);
    nodes_->make_layout();
    for (const auto& c : children_.all())
      if (!c->role.empty()) children_.launch(*c);
    wait_nodes_ready();
    control_ = std::make_unique<Control>(options_, options_.control_port != 0 ? options_.control_port : ports_.take(),
                                         *nodes_, children_, errands_, stop_);
  }

  void print_ready_line() const {
    const std::string url = nodes_->public_url();
    const json::object line{
        {"url", url},
        {"control_url", "http://127.0.0.1:" + std::to_string(control_->port())},
        {"audit_url", url},
        {"database_url", databases_.urls.front()},
        {"database_urls", json::array(databases_.urls.begin(), databases_.urls.end())},
        {"shadow_urls", json::array(databases_.shadow_urls.begin(), databases_.shadow_urls.end())},
        {"auditor_url", databases_.auditor_url},
        {"partners_url", options_.partners_url},
        {"redis_url", redis_url_},
        {"queue_url", queue_url_},
        {"dir", dir_},
        {"variant", options_.variant},
        {"traits", options_.switches.traits_text()},
        {"bugs", options_.switches.bugs_text()},
        {"version", build_version()},
        {"restart_delay_s", seconds_value(options_.variant == "fragile" ? options_.restart_delay_s : 0)}};
    std::printf("%s\n", json::serialize(line).c_str());
    std::fflush(stdout);
  }

  void watch() {
    for (;;) {
      std::vector<pollfd> waits = stop_waits();
      const std::size_t errand = waits.size();
      waits.push_back({errands_.fd(), POLLIN, 0});
      children_.add_waits(waits);
      if (::poll(waits.data(), waits.size(), children_.until_next_restart()) < 0 && errno != EINTR) return;
      if (stop_asked(waits)) return;
      if (waits[errand].revents != 0) errands_.run();
      children_.tend();
    }
  }

 private:
  // --- start ---

  void start_stores() {
    StorePlace place{folder_.path(), dir_ + "/logs", std::nullopt, &ports_};
    const bool own_kafka = options_.queue == "kafka";
    if (options_.postgres_url.empty() || options_.redis_url.empty() || own_kafka) place.account = store_account();
    redis_url_ = options_.redis_url;
    postgres_url_ = options_.postgres_url;
    // These start while initdb works.
    if (own_kafka) launch_store(make_kafka(place, [this] { check_stop(); }), queue_url_);
    if (redis_url_.empty()) launch_store(make_redis(place), redis_url_);
    if (options_.queue == "redis")
      queue_url_ = redis_url_;
    else if (options_.queue != "none" && !own_kafka)
      queue_url_ = options_.queue;
    check_stop();
    if (postgres_url_.empty()) {
      launch_store(make_postgres(place), postgres_url_);
      wait_store(stores_.back());
    }
    if (!options_.redis_url.empty() && !store::make_redis(redis_url_, 1000ms)->reachable())
      throw EnvironmentError("no Redis answers at the given address");
  }

  void launch_store(Store store, std::string& url) {
    url = store.url;
    Child child;
    child.name = store.name;
    child.command = store.command;
    stores_.push_back(std::move(store));
    children_.launch(children_.add(std::move(child)));
  }
  void wait_store(const Store& s) {
    wait_ready(s, children_.named(s.name).process, kStoreStart, [this] { check_stop(); });
  }
  void wait_stores() {
    for (const auto& s : stores_)
      if (s.name != "postgres") wait_store(s);
  }

  NodeConfig common_config() const {
    NodeConfig c;
    c.database_urls = databases_.urls;
    c.shadow_urls = databases_.shadow_urls;
    c.redis_url = redis_url_;
    c.queue_url = queue_url_;
    c.partners_url = options_.partners_url;
    c.partners_key = options_.partners_url.empty()
                         ? random_hex(32)
                         : key_of(options_.partners_key_file);  // sessions are signed with it, too
    return c;
  }

  void wait_nodes_ready() {
    const auto until = Clock::now() + kNodeStart;
    for (const auto& c : children_.all()) {
      if (c->role.empty()) continue;
      for (;;) {
        check_stop();
        const auto answer = edge::call("GET", c->admin_url + "/ready", "", {}, {100ms, 300ms});
        if (answer.status == 200) break;
        if (Clock::now() > until)
          throw EnvironmentError("node " + c->name +
                                 " is not ready in time: " + (answer.status == 0 ? answer.error : answer.body));
        if (c->process.wait(20ms))
          throw EnvironmentError("node " + c->name + " ended with " + c->process.how() + ": " +
                                 log_tail(c->command.log));
      }
    }
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
    if (::poll(waits.data(), waits.size(), 0) > 0 && stop_asked(waits))
      throw Interrupted("stopped before it was ready");
  }

  void end() noexcept {
    errands_.close();  // else a control thread would wait for us, who wait for it
    control_.reset();  // after the answer to `stop` has left
    children_.end_nodes(kNodeStop);
    drop_databases(databases_);
    for (const auto& s : stores_)
      if (Child& c = children_.named(s.name); c.alive) stop_store(s, c.process);
    children_.clear();
    std::error_code ignored;
    if (!options_.keep) {
      fs::remove_all(dir_ + "/nodes", ignored);
      fs::remove(dir_ + "/stores.path", ignored);
    }
  }

  const UpOptions options_;
  const Parts parts_;
  StoreFolder folder_;
  const std::string dir_;
  std::unique_ptr<FolderLock> lock_;
  Ports ports_;
  Pipe pipe_;  // nodes hold its read end: our death is their EOF
  StopSignals signals_;
  Wake stop_;
  Errands errands_;
  std::string postgres_url_, redis_url_, queue_url_;
  Databases databases_;
  std::vector<Store> stores_;
  Children children_;
  std::unique_ptr<Nodes> nodes_;
  std::unique_ptr<Control> control_;
};

}  // namespace

int run_supervisor(const UpOptions& options, const Parts& parts) {
  Supervisor supervisor(options, parts);
  try {
    supervisor.start();
  } catch (const Interrupted& e) {
    std::fprintf(stderr, "supervisor: %s\n", e.what());
    return 130;
  }
  supervisor.print_ready_line();
  const std::jthread tidy([](const std::stop_token& stop) { remove_orphan_folders(stop); });  // nobody waits for it
  supervisor.watch();
  return 0;
}

}  // namespace platform::ops
