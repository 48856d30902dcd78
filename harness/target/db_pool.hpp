// db_pool: takes a database away from a platform from outside: locks one named test row, or takes connection slots, or
// both. Never writes. Four ends: release(); the lease; the server, as soon as this process is gone; the server's own
// idle limit.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "harness/net/allow.hpp"
#include "harness/plan/target_spec.hpp"
#include "harness/target/target.hpp"

namespace cardstorm {

/// "Nodes" are the names of `databases`. hold() returns at once, threads of its own do the work; state() looks from a
/// session apart at what the server really has: max = sessions wanted, held = those there (the row's only when it has
/// its lock), used = wanted but taken by others on a full server, waiting = sessions of the platform behind our row. An
/// undo is {"kind":"sql", ...}: run_undo(). The session that locks, or a slot, is idle for at most max(lease,
/// DatabaseSpec::limit) before the server ends it. `lock_where` is SQL of the user's own file and goes to the server as
/// it is; it must name exactly one row.
std::unique_ptr<PoolControl> make_db_pool(std::map<std::string, DatabaseSpec> databases, AllowList allow);

}  // namespace cardstorm
