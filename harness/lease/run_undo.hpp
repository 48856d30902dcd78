// run_undo: carries out one undo program. The same code serves the guardian and `cardstorm recover`.
#pragma once

#include <string>

#include "harness/core/clock.hpp"
#include "harness/lease/undo.hpp"
#include "harness/net/allow.hpp"

namespace cardstorm {

struct UndoResult {
  bool reverted = false;
  std::string note;
};

/// Tries for at most `wait`, again and again: undoing twice is harmless. Reverted means that the request was accepted
/// and its proof was seen; or that nothing listened at the address for the length of a lease: what held the change is
/// gone, and the lease is over. An undo that starts again what was killed is asked for once, not at all when its proof
/// is seen before, and has its own time to run; silence proves nothing there.
UndoResult run_undo(const Undo& undo, const AllowList& allow, Nanos wait);

}  // namespace cardstorm
