// undo_journal: the undo journal of a run, faults.jsonl in its folder. How to mend is on the disk before anything is
// broken, so that the guardian and `cardstorm recover` can mend when we no longer can.
//
// One JSON object per line. First {"journal":"faults","version":1,"boot_id","pid","start_time","allow":[CIDR]}; then
// {"process":NAME,"pid","start_time","mark"} for each tree that must not outlive us and {"folder":PATH} for our
// secrets; for each fault
// {"id","fault","on","undo":{...},"state":"planned","mono_ns"} and later {"id","state","by","note","mono_ns"}; last
// {"closed":true}. Undo: {"kind":"none"},
// {"kind":"http","method","url","unix_socket","headers":{},"body","accept":[],"within_ms","verify":{...}},
// {"kind":"argv","argv":[],"within_ms","log","verify":{...}} or {"kind":"sql","url","password_file","application",
// "sessions"}; verify: {"url","unix_socket","pointer","equals"}, {"url","unix_socket","below_ms"} or {"argv":[]}.
// Header values are kept apart in .faults.keys (0600, removed when nothing is open), since a run folder is shown
// around.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/files.hpp"
#include "harness/core/json.hpp"
#include "harness/core/result.hpp"
#include "harness/lease/identity.hpp"
#include "harness/lease/undo.hpp"

namespace cardstorm {

enum class UndoState : std::uint8_t { planned, active, reverted, residue };
std::string_view to_text(UndoState state);

struct UndoEntry {
  std::string id, fault, on;
  Undo undo;  // with its header values in place
  UndoState state = UndoState::planned;
  std::string by, note;
  [[nodiscard]] bool open() const { return state != UndoState::reverted; }
};
struct OwnedTree {
  std::string name;
  ProcessId root;
  std::string mark;
};

/// What a journal says, whoever wrote it.
struct UndoRecord {
  std::string boot_id;
  ProcessId owner;
  std::vector<std::string> allow;
  std::vector<UndoEntry> entries;
  std::vector<OwnedTree> trees;
  std::vector<std::string> folders;  // of secrets, made by us
  bool closed = false;               // an orderly end was written
  bool torn = false;                 // the last line is half written: it never took effect
  bool begun = false;                // its first line is there: who wrote it, on which boot
  [[nodiscard]] bool anything_open() const;
};
/// Errc::not_found when `run_dir` holds no journal, Errc::invalid when what it holds does not begin as one (an empty
/// file is one to which nothing was written). A torn or damaged line is skipped and told in `torn`.
Result<UndoRecord> read_undo_journal(const std::string& run_dir);

/// Every folder of secrets begins with this word; nothing else is ever removed.
inline constexpr std::string_view kSecretsName = "cardstorm-secrets-";
/// Removes the folders that the journal lists, as far as they bear our name and belong to us. True when none is left.
bool remove_secrets(const UndoRecord& record);

/// Every call is on the disk when it returns. Any thread.
class UndoJournal {
 public:
  /// Starts the journal of a run; `allow` binds those who undo as it binds us.
  static Result<std::unique_ptr<UndoJournal>> create(const std::string& run_dir, const std::vector<std::string>& allow);
  /// Continues one, for guardian and recover; mends a torn end.
  static Result<std::unique_ptr<UndoJournal>> reopen(const std::string& run_dir);

  Status planned(const std::string& id, const std::string& fault, const std::string& on, const Undo& undo);
  Status mark(const std::string& id, UndoState state, std::string_view by, std::string_view note);
  /// A process tree that must end with us.
  Status tree(const std::string& name, const ProcessId& root, const std::string& mark);
  /// A folder of secrets that must not outlive us; see remove_secrets().
  Status folder(const std::string& path);
  /// The orderly end. The keys go when no entry is open.
  Status close();

 private:
  UndoJournal(std::string run_dir, DurableLog log) : run_dir_(std::move(run_dir)), log_(std::move(log)) {}
  Status append(const Json& line);
  /// With its header values written apart.
  Result<Undo> without_keys(Undo undo);

  std::string run_dir_;
  std::mutex mutex_;
  DurableLog log_;
  std::size_t keys_ = 0;
};

}  // namespace cardstorm
