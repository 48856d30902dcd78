// guardian: a second reverter in a process of its own. It holds the read end of our pipe; when we die, however we die,
// the pipe ends and it mends what the undo journal lists, then ends the process trees that it lists.
#pragma once

#include <memory>
#include <string>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"
#include "harness/lease/process.hpp"

namespace cardstorm {

/// The body of the hidden verb `guardian`: `cardstorm guardian RUN_DIR`, pipe on stdin (fd 0). Returns an exit code: 0,
/// or 5 when something could not be reverted. `tree_grace`: what a supervisor gets to end its own in order, before its
/// tree is killed.
int guardian_main(int read_fd, const std::string& run_dir, Nanos tree_grace = 5s);

/// The harness' side.
class Guardian {
 public:
  /// `self`: our own binary. Start it after UndoJournal::create and before the first fault.
  static Result<Guardian> start(const std::string& self, const std::string& run_dir);
  /// Sends it home: everything is mended. Without it, losing the Guardian object makes the guardian act.
  Status end();
  [[nodiscard]] ProcessId id() const { return process_->id(); }
  Guardian(Guardian&&) = default;
  ~Guardian();

 private:
  explicit Guardian(Process process) : process_(std::make_unique<Process>(std::move(process))) {}
  std::unique_ptr<Process> process_;  // null when moved from or ended
};

}  // namespace cardstorm
