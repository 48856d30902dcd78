// run_undo_sql: the undo of what database sessions of ours hold, when their maker is dead: ends the sessions that carry
// its name.
#pragma once

#include "harness/lease/run_undo.hpp"

namespace cardstorm {

/// Tries for at most `wait`; reverted means that the server has none of these sessions any more, or that no server
/// listened there for the length of a lease.
UndoResult run_sql_undo(const SqlUndo& undo, const AllowList& allow, Nanos wait);

}  // namespace cardstorm
