// undo_sql: the undo of what db_pool holds, when its maker is dead: ends the sessions that carry its name.
#pragma once

#include "harness/lease/undo.hpp"

namespace cardstorm {

/// `undo`: {"kind":"sql","url","password_file","application","sessions"}. Tries for at most `wait`; reverted means that
/// the server has none of these sessions any more, or that no server listened there for the length of a lease.
UndoResult run_sql_undo(const Json& undo, const AllowList& allow, Nanos wait);

}  // namespace cardstorm
