// undo: carries out one undo program from a journal. The same code serves the guardian and `cardstorm recover`.
#pragma once

#include <string>

#include "harness/core/clock.hpp"
#include "harness/core/json.hpp"
#include "harness/net/allow.hpp"

namespace cardstorm {

struct UndoResult {
  bool reverted = false;
  std::string note;
};

/// Tries for at most `wait`, again and again: undoing twice is harmless. Reverted means that the request was accepted
/// and `verify` holds ({"url","pointer","equals"}: that value; {"url","below_ms"}: an answer in that time; {"argv"}:
/// exit code 0); or that nothing listened at the address for the length of a lease: what held the fault is gone, and
/// the lease is over. An undo with "within_ms" starts again what was killed: it is asked for once, not at all when
/// `verify` holds before, and has so long to run; silence proves nothing. "unix_socket" is dialled instead of the url's
/// address; "accept" lists further good answers.
UndoResult run_undo(const Json& undo, const AllowList& allow, Nanos wait);

}  // namespace cardstorm
