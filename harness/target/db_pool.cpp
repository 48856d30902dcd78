// db_pool: see db_pool.hpp.
#include "harness/target/db_pool.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "harness/core/text.hpp"
#include "harness/db/named_sessions.hpp"
#include "harness/target/db_holder.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kReleased{1s}, kEnded{2s};
constexpr Nanos kTransactionsStale{130ms};

/// Tells our sessions from those of any other run on the same server.
std::string new_application() {
  std::random_device device;
  const std::uint32_t token = device();
  std::vector<unsigned char> bytes;
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<unsigned char>(token >> (8 * i)));
  return "cardstorm-" + hex(bytes);
}

std::int64_t number_in(const Json& row, const char* column) {
  std::int64_t out = 0;
  const std::string& text = row[column].string();
  (void)std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

/// One database: who holds, and who looks.
class Place {
 public:
  Place(DatabaseSpec spec, DbAddress address, AllowList allow)
      : spec_(spec),
        address_(address),
        allow_(allow),
        application_(new_application()),
        holder_(std::move(spec), std::move(address), application_, std::move(allow)) {}

  void hold(Nanos lease) { holder_.hold(lease); }

  Status release() {
    if (holder_.release(kReleased)) return ok();
    // The holder hangs in a call: its sessions are ended from here.
    const std::lock_guard lock(mutex_);
    if (auto ready = look(); !ready) return ready;
    auto ended = end_sessions_of(*observer_, address_.kind, application_, holder_.wanted(), kEnded);
    if (!ended) return std::move(ended).error();
    return ok();
  }

  Result<PoolState> state() {
    const std::lock_guard lock(mutex_);
    if (auto ready = look(); !ready) return std::move(ready).error();
    if (auto fits = check_row(); !fits) return std::move(fits).error();
    const DbHolder::View view = holder_.view();
    auto seen = sessions_of(*observer_, address_.kind, application_, holder_.wanted());
    if (!seen) return std::move(seen).error();
    PoolState out;
    out.max = static_cast<int>(holder_.wanted());
    out.held = std::min(out.max, static_cast<int>(seen->size()));
    if (!spec_.lock_table.empty()) {
      const bool there =
          view.row != 0 && std::count(seen->begin(), seen->end(), view.row) > 0 && row_is_locked_by(view.row);
      if (there)
        out.waiting = behind(view.row);
      else if (out.held > 0 && static_cast<std::size_t>(out.held) > slots_of(view))
        --out.held;
    }
    if (!view.error.empty() && out.held < out.max) return Error{Errc::unavailable, view.error};
    if (view.full) out.used = out.max - out.held;
    out.idle = out.max - out.held - out.used;
    return out;
  }

  [[nodiscard]] Undo undo() const {
    std::error_code ignored;
    const std::string file =
        spec_.password_file.empty() ? "" : std::filesystem::absolute(spec_.password_file, ignored).string();
    return SqlUndo{spec_.url, file, application_, holder_.wanted()};
  }
  [[nodiscard]] std::uint32_t wanted() const { return holder_.wanted(); }

 private:
  static std::size_t slots_of(const DbHolder::View& view) { return view.sessions - (view.row != 0 ? 1 : 0); }

  Status look() {
    if (observer_ && observer_->alive()) return ok();
    DbOptions options;
    options.application = application_ + "-look";
    options.read_only = true;
    options.connect = options.statement = 2s;
    options.idle = 10min;
    auto session = DbSession::open(address_, options, allow_);
    if (!session) return std::move(session).error();
    observer_ = std::move(*session);
    return ok();
  }

  /// Before anything is locked: the condition must name one row, no more.
  Status check_row() {
    if (checked_ || spec_.lock_table.empty()) return ok();
    auto rows = observer_->query("SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM " +
                                 quote_name(address_.kind, spec_.lock_table) + " WHERE (" + spec_.lock_where +
                                 "\n) LIMIT 2) test_row");
    if (!rows) return std::move(rows).error().in("the test row of " + spec_.lock_table);
    const std::int64_t found = rows->empty() ? 0 : number_in(rows->front(), "n");
    if (found != 1)
      return Error{
          Errc::invalid,
          (found == 0 ? "no row of " : "more than one row of ") + spec_.lock_table + " has: " + spec_.lock_where,
          "name exactly one row that only tests use"};
    checked_ = true;
    return ok();
  }

  bool row_is_locked_by(std::int64_t id) {
    const std::string session = std::to_string(id);
    if (address_.kind != "mysql") {
      auto rows = observer_->query(
          "SELECT 1 FROM pg_locks WHERE pid = " + session + " AND granted AND mode = 'RowShareLock' AND relation = " +
          quote_text(address_.kind, quote_name(address_.kind, spec_.lock_table)) + "::regclass");
      return rows && !rows->empty();
    }
    // Without the right to look there (PROCESS), what the locking statement itself answered stands.
    const auto locked = [&] {
      auto rows = observer_->query(
          "SELECT trx_rows_locked AS n FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = " + session);
      return !rows || (!rows->empty() && number_in(rows->front(), "n") > 0);
    };
    if (locked()) return true;
    // InnoDB answers from a copy that it makes anew only when nobody has read it for 100 ms: this one may be older than
    // our lock, and whoever looks more often than that keeps it old for ever.
    std::this_thread::sleep_for(kTransactionsStale);
    return locked();
  }

  int behind(std::int64_t id) {
    const std::string session = std::to_string(id);
    auto rows = observer_->query(
        address_.kind == "mysql" ? "SELECT COUNT(*) AS n FROM information_schema.innodb_lock_waits w JOIN "
                                   "information_schema.innodb_trx b ON b.trx_id = "
                                   "w.blocking_trx_id WHERE b.trx_mysql_thread_id = " +
                                       session
                                 : "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND " +
                                       session + " = ANY(pg_blocking_pids(pid))");
    return rows && !rows->empty() ? static_cast<int>(number_in(rows->front(), "n"))
                                  : 0;  // for the note only: not every server tells
  }

  const DatabaseSpec spec_;
  const DbAddress address_;
  const AllowList allow_;
  const std::string application_;
  DbHolder holder_;
  std::mutex mutex_;  // guards what follows
  std::unique_ptr<DbSession> observer_;
  bool checked_ = false;
};

class DbPool final : public PoolControl {
 public:
  DbPool(std::map<std::string, DatabaseSpec> databases, AllowList allow)
      : databases_(std::move(databases)), allow_(std::move(allow)) {}

  Status hold(const std::string& name, Nanos lease) override {
    auto place = this->place(name);
    if (!place) return std::move(place).error();
    (*place)->hold(lease);
    return ok();
  }
  Status release(const std::string& name) override {
    auto place = this->place(name);
    if (!place) return std::move(place).error();
    return (*place)->release();
  }
  Result<PoolState> state(const std::string& name) override {
    auto place = this->place(name);
    if (!place) return std::move(place).error();
    auto state = (*place)->state();
    if (!state) return std::move(state).error().in("database '" + name + "'");
    return state;
  }
  Result<Undo> undo(const std::string& name) override {
    const auto place = this->place(name);
    if (!place) return place.error();
    return (*place)->undo();
  }

 private:
  Result<Place*> place(const std::string& name) {
    const std::lock_guard lock(mutex_);
    if (const auto known = places_.find(name); known != places_.end()) return known->second.get();
    const auto spec = databases_.find(name);
    if (spec == databases_.end()) {
      std::vector<std::string> names;
      for (const auto& [known, unused] : databases_) names.push_back(known);
      return Error{Errc::not_found, "no database '" + name + "' in the target file", "it has: " + join(names, ", ")};
    }
    auto address = parse_db_url(spec->second.url, spec->second.password_file);
    if (!address) return std::move(address).error();
    if (spec->second.password_file.empty() && !address->password.empty())
      return Error{Errc::invalid, "the url of database '" + name + "' holds a password",
                   "write it into a file and name that by password_file: the undo journal keeps the url"};
    auto made = std::make_unique<Place>(spec->second, std::move(*address), allow_);
    if (made->wanted() == 0)
      return Error{Errc::invalid, "database '" + name + "' names neither a test row to lock nor connection slots",
                   "add `lock:` with table and where, or `slots:`, in the target file"};
    return (places_[name] = std::move(made)).get();
  }

  const std::map<std::string, DatabaseSpec> databases_;
  const AllowList allow_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Place>> places_;
};

}  // namespace

std::unique_ptr<PoolControl> make_db_pool(std::map<std::string, DatabaseSpec> databases, AllowList allow) {
  return std::make_unique<DbPool>(std::move(databases), std::move(allow));
}

}  // namespace cardstorm
