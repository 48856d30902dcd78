// recover: mends what earlier runs left broken, from their undo journals. Touches nothing that a journal does not list.
#pragma once

#include <string>
#include <vector>

namespace cardstorm {

struct RecoverRow {
  std::string run, id, fault, on, before;  // before: the state in the journal
  std::string result;                      // reverted | gone | residue | running | ended (a process tree)
  std::string note;
};
struct RecoverReport {
  std::vector<RecoverRow> rows;        // only what was open
  [[nodiscard]] bool residue() const;  // then exit code 5
};

/// `dirs`: run folders, or folders that hold them at any depth up to 4. A run whose harness still lives is left alone
/// ("running"); after a reboot everything it made is gone.
RecoverReport recover(const std::vector<std::string>& dirs);

/// A table for people; one line when there was nothing to do.
std::string text_of(const RecoverReport& report);

}  // namespace cardstorm
