// run_undo_sql: see run_undo_sql.hpp.
#include "harness/lease/run_undo_sql.hpp"

#include <algorithm>
#include <thread>

#include "harness/db/named_sessions.hpp"
#include "harness/lease/lease.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kSqlAgain{100ms};

Result<int> end_once(const SqlUndo& undo, const AllowList& allow, Nanos wait) {
  const auto address = parse_db_url(undo.url, undo.password_file);
  if (!address) return address.error();
  DbOptions options;
  options.application = undo.application + "-undo";
  options.connect = options.statement = 2s;
  auto session = DbSession::open(*address, options, allow);
  if (!session) return std::move(session).error();
  return end_sessions_of(**session, address->kind, undo.application, undo.sessions, wait);
}

}  // namespace

UndoResult run_sql_undo(const SqlUndo& undo, const AllowList& allow, Nanos wait) {
  if (undo.application.empty() || undo.sessions < 1) return {false, "the undo names no sessions"};
  const Nanos end = monotonic_now() + wait;
  Nanos silent_since{-1};
  for (;;) {
    const auto ended = end_once(undo, allow, std::max(end - monotonic_now(), Nanos(1ms)));
    if (ended)
      return {true,
              *ended == 0 ? "the server has no session of ours" : "ended " + std::to_string(*ended) + " sessions"};
    const Error& error = ended.error();
    if (error.code == Errc::refused || error.code == Errc::invalid) return {false, error.what};  // will not change
    const Nanos now = monotonic_now();
    if (!nobody_listens(error))
      silent_since = Nanos(-1);
    else if (silent_since < Nanos(0))
      silent_since = now;
    // A server that is gone has taken its sessions along.
    if (silent_since >= Nanos(0) && now - silent_since >= kLease)
      return {true, "no server listens there any more, and the lease is over"};
    if (now >= end) return {false, error.what};
    std::this_thread::sleep_for(std::min(kSqlAgain, end - now));
  }
}

}  // namespace cardstorm
