// stores: see stores.hpp.
#include "reference_platform/ops/stores.hpp"

#include <poll.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "reference_platform/store/pg.hpp"
#include "reference_platform/store/redis.hpp"

namespace platform::ops {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kPrefix = "cardstorm-platform-";
constexpr const char* kOwnerFile = "owner";  // "pid start_time" of the supervisor
constexpr const char* kKeepFile = "keep";

/// An unprivileged account can pass through every folder down to `path`.
bool passable(const fs::path& path) {
  for (fs::path p = fs::absolute(path);; p = p.parent_path()) {
    struct stat s {};
    if (::stat(p.c_str(), &s) != 0 || (s.st_mode & S_IXOTH) == 0) return false;
    if (p == p.root_path()) return true;
  }
}

std::string base_folder() {
  const char* t = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  if (t != nullptr && *t == '/' && (::geteuid() != 0 || passable(t))) return t;
  return "/tmp";
}

fs::path found_in(const std::vector<std::string>& folders, const std::string& name) {
  for (const auto& f : folders)
    if (!f.empty() && ::access((fs::path(f) / name).c_str(), X_OK) == 0) return fs::path(f) / name;
  return {};
}

std::vector<std::string> path_folders() {
  std::vector<std::string> all;
  const char* p = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  std::string text = p == nullptr ? "/usr/bin:/bin" : p;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(':', at), text.size());
    all.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  all.emplace_back("/usr/bin");
  return all;
}

/// Version 15 first, then the newest other one, then PATH. The folder that holds initdb and postgres.
fs::path postgres_folder() {
  std::vector<std::string> folders{"/usr/lib/postgresql/15/bin"};
  std::vector<int> versions;
  std::error_code ignored;
  for (const auto& e : fs::directory_iterator("/usr/lib/postgresql", ignored))
    if (const int v = std::atoi(e.path().filename().c_str()); v > 0) versions.push_back(v);
  std::sort(versions.rbegin(), versions.rend());
  for (const int v : versions) folders.push_back("/usr/lib/postgresql/" + std::to_string(v) + "/bin");
  for (auto& f : path_folders()) folders.push_back(std::move(f));
  for (const auto& f : folders)
    if (!found_in({f}, "initdb").empty() && !found_in({f}, "postgres").empty()) return f;
  throw EnvironmentError(
      "no PostgreSQL server on this machine (looked for initdb and postgres in /usr/lib/postgresql/*/bin and PATH): "
      "install the "
      "package postgresql-15, or give --postgres URL");
}

/// Debian's redis-tools has the server's code too: redis-check-rdb acts as the server when it is called redis-server.
fs::path redis_program() {
  auto program = found_in(path_folders(), "redis-server");
  if (program.empty()) program = found_in(path_folders(), "redis-check-rdb");
  if (program.empty())
    throw EnvironmentError(
        "no Redis on this machine (looked for redis-server and redis-check-rdb in PATH): install the package "
        "redis-tools, or give --redis URL");
  return program;
}

std::vector<std::string> plain_environment(const StorePlace& place) {
  return {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=" + place.folder};
}

Command command_of(const StorePlace& place, const fs::path& program, std::vector<std::string> argv,
                   const std::string& log) {
  Command c;
  c.program = program;
  c.argv = std::move(argv);
  c.directory = place.folder;
  c.log = place.logs + "/" + log + ".log";
  c.account = place.account;
  c.environment = plain_environment(place);
  return c;
}

void init_cluster(const StorePlace& place, const fs::path& programs, const std::string& data) {
  auto c = command_of(
      place, programs / "initdb",
      {programs / "initdb", "-A", "trust", "--locale=C", "-E", "UTF8", "-N", "-U", "cardstorm", "-D", data}, "initdb");
  Process p = Process::spawn(c);
  if (!p.wait(60s)) throw EnvironmentError("initdb did not end within 60 s");
  if (!p.good()) throw EnvironmentError("initdb ended with " + p.how() + ": " + log_tail(c.log));
}

bool orphaned(const fs::path& folder) {
  if (fs::exists(folder / kKeepFile)) return false;
  std::ifstream in(folder / kOwnerFile);
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  return (in >> pid >> start_time) && start_time_of(pid) != start_time;
}

/// All but the file that says whose it is.
void remove_files(const fs::path& folder, const std::stop_token& stop) {
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(folder, error);
       !error && at != fs::recursive_directory_iterator() && !stop.stop_requested(); at.increment(error)) {
    std::error_code ignored;
    if (!at->is_directory(ignored) && at->path() != folder / kOwnerFile) fs::remove(at->path(), ignored);
  }
}

}  // namespace

StoreFolder::StoreFolder(bool keep) : keep_(keep) {
  std::string path = base_folder() + "/" + kPrefix + "XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) throw EnvironmentError("cannot create " + path + ": " + std::strerror(errno));
  path_ = path;
  ::chmod(path_.c_str(), 0711);  // the stores' account must pass through
  std::ofstream(path_ + "/" + kOwnerFile) << ::getpid() << ' ' << start_time_of(::getpid()) << '\n';
  if (keep_) std::ofstream(path_ + "/" + kKeepFile) << "kept on request\n";
}

StoreFolder::~StoreFolder() {
  std::error_code ignored;
  if (!keep_) fs::remove_all(path_, ignored);
}

void remove_orphan_folders(const std::stop_token& stop) {
  std::error_code ignored;
  for (const auto& e : fs::directory_iterator(base_folder(), ignored)) {
    if (e.path().filename().string().rfind(kPrefix, 0) != 0 || !orphaned(e.path())) continue;
    remove_files(e.path(), stop);
    if (stop.stop_requested()) return;  // the next one finds its owner file and goes on
    fs::remove_all(e.path(), ignored);
  }
}

std::optional<Account> store_account() {
  if (::geteuid() != 0) return std::nullopt;
  for (const char* name : {"postgres", "nobody"})
    if (const passwd* p = ::getpwnam(name))
      return Account{name, p->pw_uid, p->pw_gid};  // NOLINT(concurrency-mt-unsafe)
  throw EnvironmentError(
      "PostgreSQL refuses to run as root, and this machine has neither an account 'postgres' nor 'nobody'");
}

std::string store_subfolder(const StorePlace& place, const std::string& name) {
  std::string path = place.folder + "/" + name;
  if (::mkdir(path.c_str(), 0700) != 0) throw EnvironmentError("cannot create " + path + ": " + std::strerror(errno));
  if (place.account && ::chown(path.c_str(), place.account->uid, place.account->gid) != 0)
    throw EnvironmentError("cannot give " + path + " to " + place.account->name + ": " + std::strerror(errno));
  return path;
}

Store make_postgres(const StorePlace& place) {
  const fs::path programs = postgres_folder();
  const std::string data = store_subfolder(place, "postgres") + "/data";
  init_cluster(place, programs, data);
  const int port = place.ports->take();
  Store s;
  s.name = "postgres";
  s.url = "postgresql://cardstorm@127.0.0.1:" + std::to_string(port) + "/postgres?sslmode=disable&gssencmode=disable";
  std::vector<std::string> argv{programs / "postgres", "-D", data};
  // Errors are logged without statement and detail: these would show card texts.
  for (const auto& setting :
       {"listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=64MB", "max_connections=300",
        "wal_level=minimal", "max_wal_senders=0", "fsync=on", "jit=off", "log_checkpoints=off",
        "log_error_verbosity=terse", "log_min_error_statement=panic", "log_line_prefix=%m [%p] "})
    argv.insert(argv.end(), {"-c", setting});
  argv.insert(argv.end(), {"-c", "port=" + std::to_string(port)});
  s.command = command_of(place, programs / "postgres", std::move(argv), s.name);
  s.command.death_signal = SIGQUIT;    // the postmaster ends its own children
  s.stop_signals = {SIGINT, SIGQUIT};  // fast, then immediate
  s.answers = [url = s.url] {
    try {
      store::connect(url)->script("SELECT 1");
      return true;
    } catch (const store::SqlError&) {
      return false;
    }
  };
  return s;
}

Store make_redis(const StorePlace& place) {
  const fs::path program = redis_program();
  const std::string data = store_subfolder(place, "redis");
  const std::string port = std::to_string(place.ports->take());
  Store s;
  s.name = "redis";
  s.url = "redis://127.0.0.1:" + port;
  // appendfsync no: each answer comes after the write, so what the queue has taken survives a kill -9 of Redis (not of
  // the machine, as with Kafka's own settings). With everysec a write waits for the fsync that runs, its answer does
  // not: acknowledged messages were lost.
  s.command = command_of(place, program,
                         {"redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", data, "--appendonly", "yes",
                          "--appendfsync", "no", "--save", "", "--daemonize", "no"},
                         s.name);
  s.stop_signals = {SIGTERM};
  s.answers = [url = s.url] { return store::make_redis(url, 500ms)->reachable(); };
  return s;
}

void wait_ready(const Store& store, Process& process, std::chrono::milliseconds limit,
                const std::function<void()>& between) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!store.answers()) {
    if (between) between();
    if (process.wait(20ms))
      throw EnvironmentError(store.name + " ended with " + process.how() +
                             " while starting: " + log_tail(store.command.log));
    if (std::chrono::steady_clock::now() > until)
      throw EnvironmentError(store.name + " did not answer in time: " + log_tail(store.command.log));
  }
}

void stop_store(const Store& store, Process& process) {
  for (const int s : store.stop_signals) {
    process.signal(s);
    if (process.wait(5s)) return;
  }
  process = Process();  // kills
}

}  // namespace platform::ops
