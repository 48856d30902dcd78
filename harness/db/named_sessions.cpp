// named_sessions: see named_sessions.hpp.
#include "harness/db/named_sessions.hpp"

#include <charconv>
#include <thread>

namespace cardstorm {
namespace {

constexpr Nanos kLookAgain{20ms};

std::string lock_name(const std::string& application, std::uint32_t number) {
  return quote_text("mysql", application + "-" + std::to_string(number));
}

std::int64_t number_of(const Json& value) {
  std::int64_t out = 0;
  const std::string& text = value.string();
  (void)std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

}  // namespace

std::string claim_sql(const std::string& kind, const std::string& application, std::uint32_t number) {
  return kind == "mysql" ? "SELECT GET_LOCK(" + lock_name(application, number) + ", 0)" : "";
}

Result<std::vector<std::int64_t>> sessions_of(DbSession& observer, const std::string& kind,
                                              const std::string& application, std::uint32_t count) {
  std::string sql = "SELECT pid FROM pg_stat_activity WHERE application_name = " + quote_text(kind, application) +
                    " AND pid <> pg_backend_pid()";
  if (kind == "mysql") {
    sql.clear();
    for (std::uint32_t i = 0; i < count; ++i)
      sql += (i == 0 ? "SELECT " : " UNION ALL SELECT ") + ("IS_USED_LOCK(" + lock_name(application, i) + ") AS pid");
    if (sql.empty()) return std::vector<std::int64_t>{};
  }
  auto rows = observer.query(sql);
  if (!rows) return std::move(rows).error();
  std::vector<std::int64_t> ids;
  for (const Json& row : *rows)
    if (!row["pid"].is_null()) ids.push_back(number_of(row["pid"]));
  return ids;
}

Result<int> end_sessions_of(DbSession& observer, const std::string& kind, const std::string& application,
                            std::uint32_t count, Nanos wait) {
  int ended = 0;
  for (const Nanos end = monotonic_now() + wait;;) {
    const auto ids = sessions_of(observer, kind, application, count);
    if (!ids) return ids.error();
    if (ids->empty()) return ended;
    for (const std::int64_t id : *ids) {
      auto done = observer.query((kind == "mysql" ? "KILL " : "SELECT pg_terminate_backend(") + std::to_string(id) +
                                 (kind == "mysql" ? "" : ")"));
      if (done) ++ended;
      // One that has gone by itself in the meantime is no error; whether any is left shows the next look.
      else if (!observer.alive())
        return std::move(done).error();
    }
    if (monotonic_now() >= end)
      return Error{Errc::timeout, std::to_string(ids->size()) + " sessions of " + application + " are still there"};
    std::this_thread::sleep_for(kLookAgain);
  }
}

bool nobody_listens(const Error& error) {
  if (error.code != Errc::unavailable) return false;
  const bool mysql = error.what.find("[2002]") != std::string::npos || error.what.find("[2003]") != std::string::npos;
  return mysql ? error.what.find("(111)") != std::string::npos
               : error.what.find("Connection refused") != std::string::npos;
}

}  // namespace cardstorm
