// named_sessions: finds and ends the sessions of one application on a server, from another session: how a fault looks
// at itself, and how it is undone after its maker has died. PostgreSQL knows a session by its application name; MySQL
// by a named lock that it holds.
#pragma once

#include "harness/db/db.hpp"

namespace cardstorm {

/// To be asked first in session `number` (from 0) of `application`; "" when the name given to open() is enough.
std::string claim_sql(const std::string& kind, const std::string& application, std::uint32_t number);

/// The ids of the sessions 0 to `count` - 1 of `application` that the server has at this moment.
Result<std::vector<std::int64_t>> sessions_of(DbSession& observer, const std::string& kind,
                                              const std::string& application, std::uint32_t count);

/// Ends them and looks again until none is left, at most `wait`. The number that it ended.
Result<int> end_sessions_of(DbSession& observer, const std::string& kind, const std::string& application,
                            std::uint32_t count, Nanos wait);

/// Whether `error` of DbSession::open() says that no server listens there: then no session is there either.
bool nobody_listens(const Error& error);

}  // namespace cardstorm
