// undo: how a change is taken back, as a value that is known before the change is made, and its one form as JSON in the
// undo journal. Whoever changes something makes one; run_undo carries it out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/json.hpp"

namespace cardstorm {

/// What must be seen before an undo counts as done.
struct ValueProof {  // the JSON answer to GET url has this value at `pointer`
  std::string url, unix_socket = {}, pointer = {};
  Json equals = {};
  bool operator==(const ValueProof&) const = default;
};
struct SpeedProof {  // GET url is answered in less than this (whole milliseconds)
  std::string url, unix_socket = {};
  Nanos below{0};
  bool operator==(const SpeedProof&) const = default;
};
struct CommandProof {  // the command ends with 0
  std::vector<std::string> argv;
  bool operator==(const CommandProof&) const = default;
};
using UndoProof = std::variant<std::monostate, ValueProof, SpeedProof, CommandProof>;

/// Nothing of ours has to be taken back: somebody else mends it.
struct NoUndo {
  bool operator==(const NoUndo&) const = default;
};
/// One HTTP request. An answer 2xx, or one of `accept`, is a good one.
struct HttpUndo {
  std::string method = "POST", url, unix_socket = {};  // the socket is dialled instead of the url's address; "" = none
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::vector<int> accept = {};
  /// Set when it starts again what was killed: how long that may take. In whole milliseconds.
  std::optional<Nanos> within = {};
  UndoProof proof = {};
  bool operator==(const HttpUndo&) const = default;
};
/// A command of the user that starts again what was killed; `within` is how long that may take, in whole milliseconds.
struct CommandUndo {
  std::vector<std::string> argv;
  Nanos within{0};
  std::string log = {};  // where it complains, "" = nowhere
  UndoProof proof = {};
  bool operator==(const CommandUndo&) const = default;
};
/// Ends the sessions 0 to `sessions` - 1 of one application on a database server (harness/db/named_sessions.hpp).
struct SqlUndo {
  std::string url, password_file, application;
  std::uint32_t sessions = 0;
  bool operator==(const SqlUndo&) const = default;
};
/// Of a journal that somebody else wrote: what it asks for is not known here, so it cannot be carried out.
struct UnknownUndo {
  std::string kind;
  bool operator==(const UnknownUndo&) const = default;
};
using Undo = std::variant<NoUndo, HttpUndo, CommandUndo, SqlUndo, UnknownUndo>;

/// The form in the journal: {"kind":"none"|"http"|"argv"|"sql", ...}, see undo_journal.hpp. Empty members are left out.
Json json_of(const Undo& undo);
/// The inverse. Never fails: a kind that it does not know becomes an UnknownUndo.
Undo undo_of(const Json& json);

}  // namespace cardstorm
