// session: what both kinds of session share, inside this room.
#pragma once

#include "harness/db/db.hpp"

namespace cardstorm {

/// `numeric`: the address to dial, already allowed.
Result<std::unique_ptr<DbSession>> open_postgresql(const DbAddress& address, const std::string& numeric,
                                                   const DbOptions& options);
Result<std::unique_ptr<DbSession>> open_mysql(const DbAddress& address, const std::string& numeric,
                                              const DbOptions& options);

/// The same time in whole seconds or milliseconds, rounded up, at least 1.
inline std::int64_t whole_seconds(Nanos t) {
  return std::max<std::int64_t>(1, (t.count() + 999'999'999) / 1'000'000'000);
}
inline std::int64_t whole_millis(Nanos t) { return std::max<std::int64_t>(1, (t.count() + 999'999) / 1'000'000); }

/// How much later than the server's own limit we give up on an answer.
inline constexpr Nanos kGrace{1s};

inline std::string place_of(const DbAddress& a) {
  return a.kind + "://" + a.user + "@" + a.host + ":" + std::to_string(a.port) + "/" + a.database;
}
inline Error too_many_rows(std::size_t rows_max) {
  return Error{Errc::invalid, "more than " + std::to_string(rows_max) + " rows", "narrow the query, or raise rows_max"};
}

}  // namespace cardstorm
