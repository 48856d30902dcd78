// pg: connections, prepared statements and the pool. The only place of the platform that sees libpq.
#include "reference_platform/store/pg.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "reference_platform/observe/metrics.hpp"

namespace platform::store {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr const char* kConnectSeconds = "2";  // the least that libpq takes
constexpr auto kConnectPause = 100ms;         // a server that is away is asked for so often, however many want it
constexpr auto kAnswerGrace = 500ms;          // beyond the server's own statement_timeout: then the server hangs

struct Clear {
  void operator()(PGresult* r) const { PQclear(r); }
};
using Result = std::unique_ptr<PGresult, Clear>;

std::string one_line(const char* text) {
  std::string s(text == nullptr ? "" : text);
  for (char& c : s)
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  while (!s.empty() && s.back() == ' ') s.pop_back();
  return s;
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Times a statement from here to the end of the scope; one that throws before good() went wrong.
class Watch {
 public:
  explicit Watch(std::string summary)
      : summary_(std::move(summary)) {}  // a copy: a connection that breaks forgets its statements
  ~Watch() { observe::query(summary_, seconds_since(start_), good_); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  void good() { good_ = true; }

 private:
  const std::string summary_;
  const Clock::time_point start_ = Clock::now();
  bool good_ = false;
};

class ConnectionImpl final : public Connection {
 public:
  explicit ConnectionImpl(const PoolOptions& options) : options_(options) {}
  ConnectionImpl(const ConnectionImpl&) = delete;
  ConnectionImpl& operator=(const ConnectionImpl&) = delete;
  ~ConnectionImpl() override { close(); }

  Rows run(const char* sql, const std::vector<Param>& params) override {
    const Prepared& statement = prepared(sql);
    Watch watch(statement.summary);
    std::vector<const char*> values;
    values.reserve(params.size());
    for (const auto& p : params) {
      if (p && p->find('\0') != std::string::npos) throw SqlError("a text may not hold a zero byte", "22021");
      values.push_back(p ? p->c_str() : nullptr);
    }
    if (PQsendQueryPrepared(pg_, statement.name.c_str(), static_cast<int>(values.size()), values.data(), nullptr,
                            nullptr, 0) == 0)
      fail(nullptr);
    Rows rows(finish().release());
    watch.good();
    return rows;
  }

  void script(const char* sql) override {
    if (PQsendQuery(connected(), sql) == 0) fail(nullptr);
    finish();
  }

  void begin() override { script("BEGIN"); }

  void commit() override {
    if (PQsendQuery(connected(), "COMMIT") == 0) fail(nullptr);
    const Result r = finish();
    // PostgreSQL answers the COMMIT of a broken transaction with a friendly ROLLBACK.
    if (std::string_view(PQcmdStatus(r.get())) != "COMMIT") throw SqlError("the transaction was rolled back", "25P02");
  }

  void rollback() noexcept override {
    try {
      if (pg_ != nullptr && PQtransactionStatus(pg_) != PQTRANS_IDLE) script("ROLLBACK");
    } catch (const std::exception&) {
      close();
    }
  }

  /// Before the connection is handed out: false when there is none, or it broke while it was idle, and open() is
  /// needed.
  bool good() {
    if (pg_ != nullptr && !alive()) close();
    return pg_ != nullptr;
  }
  void open() {
    const char* keys[] = {"connect_timeout", "application_name", "dbname", nullptr};
    const char* values[] = {kConnectSeconds, "cardstorm", options_.url.c_str(), nullptr};
    pg_ = PQconnectdbParams(keys, values, 1);
    if (pg_ == nullptr || PQstatus(pg_) != CONNECTION_OK) {
      const std::string why = one_line(pg_ == nullptr ? "out of memory" : PQerrorMessage(pg_));
      close();
      throw SqlError("cannot connect to the database: " + why, "");
    }
    PQsetNoticeProcessor(
        pg_, [](void*, const char*) {}, nullptr);
    std::string settings;
    if (options_.statement > 0ms)
      settings += "SET statement_timeout = " + std::to_string(options_.statement.count()) + ";";
    if (options_.generic_plans) settings += "SET plan_cache_mode = force_generic_plan;";
    if (!settings.empty()) script(settings.c_str());
  }
  /// After use: nothing of the user's transaction may stay.
  void make_clean() noexcept {
    if (pg_ == nullptr) return;
    const auto t = PQtransactionStatus(pg_);
    if (t == PQTRANS_INTRANS || t == PQTRANS_INERROR)
      rollback();
    else if (t != PQTRANS_IDLE)
      close();
  }

 private:
  void close() noexcept {
    PQfinish(pg_);
    pg_ = nullptr;
    prepared_.clear();
  }

  // An idle connection has nothing to say: readable means that the server ended it, or sends a last word.
  bool alive() {
    pollfd p{PQsocket(pg_), POLLIN, 0};
    if (PQstatus(pg_) != CONNECTION_OK || p.fd < 0) return false;
    if (::poll(&p, 1, 0) <= 0) return true;
    return PQconsumeInput(pg_) == 1 && PQstatus(pg_) == CONNECTION_OK && ::poll(&p, 1, 0) <= 0;
  }

  PGconn* connected() {
    if (pg_ == nullptr) throw SqlError("the connection is broken", "");
    return pg_;
  }

  /// `summary` names the statement in metrics.
  struct Prepared {
    std::string name, summary;
  };

  const Prepared& prepared(const char* sql) {
    connected();
    const auto found = prepared_.find(sql);
    if (found != prepared_.end()) return found->second;
    const std::string name = "s" + std::to_string(prepared_.size());
    if (PQsendPrepare(pg_, name.c_str(), sql, 0, nullptr) == 0) fail(nullptr);
    finish();
    return prepared_.emplace(sql, Prepared{name, observe::summary_of(sql)}).first->second;
  }

  /// Waits for the whole answer; the last result, or the first error.
  Result finish() {
    const auto until =
        options_.statement > 0ms ? Clock::now() + options_.statement + kAnswerGrace : Clock::time_point::max();
    Result last;
    for (;;) {
      wait_answer(until);
      Result next(PQgetResult(pg_));
      if (!next) break;
      const auto before = last ? PQresultStatus(last.get()) : PGRES_COMMAND_OK;
      if (before == PGRES_COMMAND_OK || before == PGRES_TUPLES_OK) last = std::move(next);
      if (PQstatus(pg_) != CONNECTION_OK) break;
    }
    if (!last) fail(nullptr);
    const auto status = PQresultStatus(last.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail(last.get());
    return last;
  }

  void wait_answer(Clock::time_point until) {
    while (PQisBusy(pg_) == 1) {
      int wait = -1;
      if (until != Clock::time_point::max()) {
        const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
        if (left <= 0) {
          close();
          throw SqlError("the database did not answer in time", "");
        }
        wait = static_cast<int>(std::min<std::int64_t>(left, 60000));
      }
      pollfd p{PQsocket(pg_), POLLIN, 0};
      if (::poll(&p, 1, wait) > 0 && PQconsumeInput(pg_) == 0) fail(nullptr);
    }
  }

  /// Only the primary message: the detail of a unique violation would show card texts.
  [[noreturn]] void fail(const PGresult* r) {
    const char* primary = r == nullptr ? nullptr : PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char* state = r == nullptr ? nullptr : PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const std::string what = one_line(primary != nullptr ? primary : PQerrorMessage(pg_));
    if (PQstatus(pg_) != CONNECTION_OK) {
      close();
      throw SqlError("the connection broke: " + what, "");
    }
    throw SqlError(what, state == nullptr ? "XX000" : state);
  }

  const PoolOptions& options_;
  PGconn* pg_ = nullptr;
  std::unordered_map<std::string, Prepared> prepared_;  // by SQL text
};

class PoolImpl final : public Pool {
 public:
  explicit PoolImpl(const PoolOptions& options) : options_(options) {
    for (int i = 0; i < options_.size; ++i) {
      all_.push_back(std::make_unique<ConnectionImpl>(options_));
      idle_.push_back(all_.back().get());
    }
    holder_ = std::thread([this] { end_holds(); });
  }
  ~PoolImpl() override {
    {
      const std::lock_guard lock(mutex_);
      quit_ = true;
    }
    hold_changed_.notify_all();
    holder_.join();
    assert(idle_.size() + held_.size() == all_.size() && "a lease outlives its pool");
  }

  Lease take(std::optional<milliseconds> wait) override {
    const auto until = Clock::now() + std::min(options_.wait, wait.value_or(options_.wait));
    const auto asked = Clock::now();
    ConnectionImpl* c = nullptr;
    try {
      c = claim(until);
    } catch (const PoolTimeout&) {
      observe::pool_wait(seconds_since(asked), false);
      throw;
    }
    observe::pool_wait(seconds_since(asked), true);
    try {
      if (!c->good()) dial(*c);  // outside the lock: a slow connect holds up nobody else
    } catch (...) {
      put_last(c);
      throw;
    }
    return Lease(this, c);
  }

  [[nodiscard]] PoolState state() const override {
    const std::lock_guard lock(mutex_);
    PoolState s;
    s.max = static_cast<int>(all_.size());
    s.idle = static_cast<int>(idle_.size());
    s.held = static_cast<int>(held_.size());
    s.used = s.max - s.idle - s.held;
    s.waiting = static_cast<int>(waiters_.size());
    return s;
  }

  void hold(milliseconds lease) override {
    {
      const std::lock_guard lock(mutex_);
      hold_until_ = lease > 0ms ? Clock::now() + lease : Clock::time_point::min();
      distribute();
    }
    hold_changed_.notify_all();
  }

 protected:
  void give_back(Connection* connection) override {
    auto* c = static_cast<ConnectionImpl*>(connection);
    c->make_clean();
    put(c);
  }

 private:
  struct Waiter {
    std::condition_variable granted;
    ConnectionImpl* connection = nullptr;
  };

  ConnectionImpl* claim(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    Waiter me;
    waiters_.push_back(&me);
    distribute();
    if (!me.granted.wait_until(lock, until, [&me] { return me.connection != nullptr; })) {
      waiters_.erase(std::find(waiters_.begin(), waiters_.end(), &me));
      throw PoolTimeout("no database connection became free in time");
    }
    return me.connection;
  }

  void put(ConnectionImpl* c) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(c);
    distribute();
  }
  /// One that could not be opened: those that are open are used before it.
  void put_last(ConnectionImpl* c) {
    const std::lock_guard lock(mutex_);
    idle_.insert(idle_.begin(), c);
    distribute();
  }

  /// While the server is away one dials per pause; everybody else hears at once what the last one heard.
  void dial(ConnectionImpl& c) {
    {
      const std::lock_guard lock(mutex_);
      if (!away_.empty()) {
        if (Clock::now() < next_dial_) throw SqlError(away_, "");
        next_dial_ = Clock::now() + kConnectPause;
      }
    }
    try {
      c.open();
    } catch (const SqlError& e) {
      const std::lock_guard lock(mutex_);
      away_ = e.what();
      next_dial_ = Clock::now() + kConnectPause;
      throw;
    }
    const std::lock_guard lock(mutex_);
    away_.clear();
  }

  /// Under the lock, after every change: a hold in force takes all that is free; else the longest waiting is served
  /// first.
  void distribute() {
    if (Clock::now() < hold_until_) {
      held_.insert(held_.end(), idle_.begin(), idle_.end());
      idle_.clear();
      return;
    }
    idle_.insert(idle_.end(), held_.begin(), held_.end());
    held_.clear();
    while (!idle_.empty() && !waiters_.empty()) {
      Waiter* w = waiters_.front();
      waiters_.pop_front();
      w->connection = idle_.back();  // the one used last: its caches are warm
      idle_.pop_back();
      w->granted.notify_one();
    }
  }

  // A hold is a lease: it ends by itself, also when nobody calls any more.
  void end_holds() {
    std::unique_lock lock(mutex_);
    while (!quit_) {
      if (Clock::now() < hold_until_) {
        hold_changed_.wait_until(lock, hold_until_);
      } else {
        distribute();
        hold_changed_.wait(lock, [this] { return quit_ || Clock::now() < hold_until_; });
      }
    }
  }

  const PoolOptions options_;
  std::vector<std::unique_ptr<ConnectionImpl>> all_;
  mutable std::mutex mutex_;  // guards all below
  std::vector<ConnectionImpl*> idle_, held_;
  std::deque<Waiter*> waiters_;
  Clock::time_point hold_until_ = Clock::time_point::min(), next_dial_{};
  std::string away_;  // why the last dial failed; empty: it did not
  bool quit_ = false;
  std::condition_variable hold_changed_;
  std::thread holder_;
};

PGresult* of(void* result) { return static_cast<PGresult*>(result); }

}  // namespace

Rows::~Rows() { PQclear(of(result_)); }
int Rows::size() const { return PQntuples(of(result_)); }
std::string_view Rows::text(int row, int column) const {
  return {PQgetvalue(of(result_), row, column), static_cast<std::size_t>(PQgetlength(of(result_), row, column))};
}
bool Rows::null(int row, int column) const { return PQgetisnull(of(result_), row, column) == 1; }
std::int64_t Rows::number(int row, int column) const {
  return std::strtoll(PQgetvalue(of(result_), row, column), nullptr, 10);
}
std::int64_t Rows::affected() const { return std::strtoll(PQcmdTuples(of(result_)), nullptr, 10); }

Pool::Lease::~Lease() {
  if (connection_ != nullptr) pool_->give_back(connection_);
}

std::unique_ptr<Pool> make_pool(const PoolOptions& options) { return std::make_unique<PoolImpl>(options); }

std::unique_ptr<Connection> connect(const std::string& url) {
  struct Single final : Connection {  // owns its options, which the connection refers to
    PoolOptions options;
    ConnectionImpl inner{options};
    explicit Single(const std::string& u) : options{u} { inner.open(); }
    Rows run(const char* sql, const std::vector<Param>& params) override { return inner.run(sql, params); }
    void script(const char* sql) override { inner.script(sql); }
    void begin() override { inner.begin(); }
    void commit() override { inner.commit(); }
    void rollback() noexcept override { inner.rollback(); }
  };
  return std::make_unique<Single>(url);
}

}  // namespace platform::store
