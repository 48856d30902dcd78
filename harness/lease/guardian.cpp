// guardian: see guardian.hpp.
#include "harness/lease/guardian.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "harness/core/clock.hpp"
#include "harness/lease/run_undo.hpp"
#include "harness/lease/undo_journal.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kRevertWithin{3s};  // one lease and a second
constexpr char kOrderly = 'q';

/// True when the harness sent us home, false when it is gone.
bool wait_for_the_end(int fd) {
  bool orderly = false;
  for (;;) {
    char byte = 0;
    const ssize_t got = ::read(fd, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return orderly;
    if (byte == kOrderly) orderly = true;
  }
}

bool revert_all(const UndoRecord& record, UndoJournal& journal) {
  const auto allow = AllowList::parse(record.allow);
  bool clean = true;
  for (const auto& entry : record.entries) {
    if (!entry.open()) continue;
    const UndoResult result =
        allow ? run_undo(entry.undo, *allow, kRevertWithin) : UndoResult{false, allow.error().what};
    (void)journal.mark(entry.id, result.reverted ? UndoState::reverted : UndoState::residue, "guardian", result.note);
    clean = clean && result.reverted;
  }
  return clean;
}

bool end_trees(const UndoRecord& record, Nanos grace_end) {
  bool clean = true;
  for (const auto& tree : record.trees) {
    if (const auto handle = PidFd::open(tree.root))
      (void)handle->exited(std::max(Nanos(0), grace_end - monotonic_now()));
    // Its number may belong to another by now, unless it still lives: then only the mark tells.
    const ProcessId root{alive(tree.root) ? tree.root.pid : 0, tree.root.start_time};
    clean = kill_tree(root, tree.mark, 2s) && clean;
  }
  return clean;
}

}  // namespace

int guardian_main(int read_fd, const std::string& run_dir, Nanos tree_grace) {
  ::setsid();  // fails when we lead a session already: as wanted
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
  if (wait_for_the_end(read_fd)) return 0;
  const Nanos grace_end = monotonic_now() + tree_grace;
  const auto record = read_undo_journal(run_dir);
  if (!record) return record.error().code == Errc::not_found ? 0 : 4;
  auto journal = UndoJournal::reopen(run_dir);
  if (!journal) return 4;
  const bool mended = revert_all(*record, **journal);
  const bool ended = end_trees(*record, grace_end);
  const bool forgotten = remove_secrets(*record);
  (void)(*journal)->close();
  return mended && ended && forgotten ? 0 : 5;
}

Result<Guardian> Guardian::start(const std::string& self, const std::string& run_dir) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(run_dir, error);
  if (error) return Error{Errc::io, "no absolute path for " + run_dir + ": " + error.message()};
  ProcessSpec spec;
  spec.program = self;
  spec.args = {"guardian", absolute.string()};
  spec.read_stdout = false;  // else whoever reads our output would wait for the guardian, too
  spec.marked = false;       // it must outlive the trees that it ends
  spec.deaf = true;
  auto process = Process::spawn(spec);
  if (!process) return std::move(process).error().in("guardian");
  return Guardian(std::move(*process));
}

Status Guardian::end() {
  if (!process_) return ok();
  const auto process = std::move(process_);
  (void)process->write(std::string_view(&kOrderly, 1));  // one that is gone already is found out below
  process->close_stdin();
  const auto code = process->wait(5s);
  if (!code) return Error{Errc::timeout, "the guardian did not end"};
  if (*code != 0) return Error{Errc::internal, "the guardian ended with code " + std::to_string(*code)};
  return ok();
}

Guardian::~Guardian() {
  if (!process_) return;
  process_->close_stdin();
  (void)process_->wait(45s);  // its longest way: start a node again 30 s, grace of the trees 5 s, kill 2 s
}

}  // namespace cardstorm
