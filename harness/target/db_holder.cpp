// db_holder: see db_holder.hpp.
#include "harness/target/db_holder.hpp"

#include <algorithm>

#include "harness/db/named_sessions.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kConnect{1s}, kStatement{1s};  // a step is never much longer than a lease
constexpr Nanos kTryAgain{200ms};

}  // namespace

DbHolder::DbHolder(DatabaseSpec spec, DbAddress address, std::string application, AllowList allow)
    : spec_(std::move(spec)),
      address_(std::move(address)),
      application_(std::move(application)),
      allow_(std::move(allow)) {}

DbHolder::~DbHolder() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void DbHolder::hold(Nanos lease) {
  const std::lock_guard lock(mutex_);
  until_ = monotonic_now() + lease;
  if (!thread_.joinable()) {
    lease_ = lease;
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  empty_ = false;
  changed_.notify_all();
}

bool DbHolder::release(Nanos wait) {
  std::unique_lock lock(mutex_);
  until_ = Nanos(0);
  changed_.notify_all();
  return changed_.wait_for(lock, wait, [this] { return empty_; });
}

DbHolder::View DbHolder::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

void DbHolder::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex_);
    const Nanos now = monotonic_now();
    if (now >= until_) {
      lock.unlock();
      held_.clear();  // closes them: the server rolls back and frees
      row_locked_ = false;
      lock.lock();
      if (monotonic_now() < until_) continue;
      view_ = {};
      empty_ = true;
      changed_.notify_all();
      changed_.wait(lock, stop, [this] { return monotonic_now() < until_; });
      continue;
    }
    lock.unlock();
    if (work()) continue;
    lock.lock();
    const Nanos rest = std::clamp(until_ - monotonic_now(), Nanos(1ms), std::min(kTryAgain, idle_limit() / 10));
    const Nanos until = until_;
    changed_.wait_for(lock, stop, rest, [&] { return until_ < until; });  // a release is heard at once
  }
  held_.clear();
}

bool DbHolder::work() {
  const bool row = !spec_.lock_table.empty();
  if (row && !row_locked_) {
    const Status got = take(0);
    row_locked_ = got.has_value();
    note(got);
    return got || renew_one();  // nobody is renewed too late because others are missing
  }
  for (std::uint32_t number = row ? 1 : 0; number < wanted(); ++number) {
    if (std::any_of(held_.begin(), held_.end(), [&](const Held& h) { return h.number == number; })) continue;
    const Status got = take(number);
    note(got);
    return got || renew_one();
  }
  return renew_one();
}

Status DbHolder::take(std::uint32_t number) {
  DbOptions options;
  options.application = application_;
  options.connect = kConnect;
  options.statement = kStatement;
  {
    const std::lock_guard lock(mutex_);
    options.idle = idle_limit();
  }
  auto session = DbSession::open(address_, options, allow_);
  if (!session) return std::move(session).error();
  if (const std::string claim = claim_sql(address_.kind, application_, number); !claim.empty())
    if (auto claimed = (*session)->query(claim); !claimed) return std::move(claimed).error();
  if (number == 0 && !spec_.lock_table.empty())
    if (auto locked = lock_row(**session); !locked) return locked;
  held_.push_back({std::move(*session), number, monotonic_now()});
  return ok();
}

Status DbHolder::lock_row(DbSession& session) const {
  std::vector<std::string> statements{"BEGIN"};
  // Else InnoDB would lock every row that it looks at on its way to ours.
  if (address_.kind == "mysql") statements = {"SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION"};
  statements.push_back("SELECT 1 FROM " + quote_name(address_.kind, spec_.lock_table) + " WHERE (" + spec_.lock_where +
                       "\n) FOR UPDATE");
  std::size_t rows = 0;
  for (const std::string& statement : statements) {
    auto done = session.query(statement, 1);
    if (!done) return std::move(done).error().in("locking the row of " + spec_.lock_table);
    rows = done->size();
  }
  if (rows != 1) return Error{Errc::invalid, "no row of " + spec_.lock_table + " has: " + spec_.lock_where};
  return ok();
}

bool DbHolder::renew_one() {
  Nanos due;
  {
    const std::lock_guard lock(mutex_);
    due = monotonic_now() - idle_limit() / 3;
  }
  const auto oldest =
      std::min_element(held_.begin(), held_.end(), [](const Held& a, const Held& b) { return a.used < b.used; });
  if (oldest == held_.end() || oldest->used > due) return false;
  const auto answer = oldest->session->query("SELECT 1");
  oldest->used = monotonic_now();
  if (answer) return true;
  if (oldest->number == 0) row_locked_ = false;
  held_.erase(oldest);
  note(answer.error());
  return true;
}

void DbHolder::note(const Status& status) {
  const std::lock_guard lock(mutex_);
  view_.full = !status && server_full(status.error());
  view_.error = status || view_.full ? "" : status.error().what;
  view_.sessions = held_.size();
  view_.row = 0;
  if (row_locked_ && !spec_.lock_table.empty())
    for (const Held& held : held_)
      if (held.number == 0) view_.row = held.session->id();
}

}  // namespace cardstorm
