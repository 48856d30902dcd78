// recover: see recover.hpp.
#include "harness/lease/recover.hpp"

#include <algorithm>
#include <filesystem>

#include "harness/core/clock.hpp"
#include "harness/lease/run_undo.hpp"
#include "harness/lease/undo_journal.hpp"

namespace cardstorm {
namespace {

namespace fs = std::filesystem;
constexpr int kDepthMax = 4;  // runs / drill / side / repeat
constexpr Nanos kWait{3s};    // longer than a lease: then the primitive has reverted itself

void find_runs(const fs::path& dir, int depth, std::vector<std::string>* runs) {
  std::error_code error;
  if (fs::exists(dir / "faults.jsonl", error)) runs->push_back(dir.string());
  if (depth == 0) return;
  for (const auto& entry : fs::directory_iterator(dir, error))
    if (entry.is_directory(error) && !entry.is_symlink(error))
      find_runs(entry.path(), depth - 1, runs);  // `latest` is a link
}

RecoverRow row_of(const std::string& run, const UndoEntry& entry) {
  return {run, entry.id, entry.fault, entry.on, std::string(to_text(entry.state)), "", ""};
}

void recover_entry(const UndoRecord& record, const UndoEntry& entry, UndoJournal& journal, RecoverRow* row) {
  if (record.boot_id != boot_id()) {
    row->result = "gone";
    row->note = "the machine was started anew since";
  } else {
    const auto allow = AllowList::parse(record.allow);
    const UndoResult result = allow ? run_undo(entry.undo, *allow, kWait) : UndoResult{false, allow.error().what};
    row->result = result.reverted ? "reverted" : "residue";
    row->note = result.note;
  }
  const auto state = row->result == "residue" ? UndoState::residue : UndoState::reverted;
  if (auto written = journal.mark(entry.id, state, "recover", row->note); !written)
    row->note += "; " + written.error().what;
}

/// Trees of a run that neither the harness nor its guardian could end.
void recover_trees(const std::string& run, const UndoRecord& record, RecoverReport* report) {
  if (record.closed || record.boot_id != boot_id()) return;
  for (const auto& tree : record.trees) {
    const ProcessId root{alive(tree.root) ? tree.root.pid : 0, tree.root.start_time};
    const auto members = process_tree(root, tree.mark);
    if (members.empty()) continue;
    const bool ended = kill_tree(root, tree.mark, 3s);
    report->rows.push_back({run, tree.name, "process", std::to_string(members.size()) + " processes", "running",
                            ended ? "ended" : "residue", ended ? "" : "survived SIGKILL"});
  }
}

/// What cannot be read may have listed a fault: that is no "nothing to recover".
void tell_unreadable(const std::string& run, const std::string& why, RecoverReport* report) {
  report->rows.push_back({run, "journal", "undo journal", "this machine", "unreadable", "residue",
                          why + "; look whether the target is whole, then remove the run folder"});
}

void recover_run(const std::string& run, RecoverReport* report) {
  const auto record = read_undo_journal(run);
  if (!record) return tell_unreadable(run, record.error().what, report);
  if (record->closed && !record->anything_open()) return;
  if (record->boot_id == boot_id() && alive(record->owner)) {
    for (const auto& entry : record->entries) {
      if (!entry.open()) continue;
      report->rows.push_back(row_of(run, entry));
      report->rows.back().result = "running";
      report->rows.back().note = "its harness, pid " + std::to_string(record->owner.pid) + ", still lives";
    }
    return;
  }
  auto journal = UndoJournal::reopen(run);
  for (const auto& entry : record->entries) {
    if (!entry.open()) continue;
    report->rows.push_back(row_of(run, entry));
    if (journal)
      recover_entry(*record, entry, **journal, &report->rows.back());
    else
      report->rows.back().result = "residue", report->rows.back().note = journal.error().what;
  }
  recover_trees(run, *record, report);
  if (!record->closed && !remove_secrets(*record))
    report->rows.push_back(
        {run, "secrets", "folder", "this machine", "kept", "residue", "a folder of secrets could not be removed"});
  if (journal) (void)(*journal)->close();
}

}  // namespace

bool RecoverReport::residue() const {
  return std::any_of(rows.begin(), rows.end(), [](const RecoverRow& row) { return row.result == "residue"; });
}

RecoverReport recover(const std::vector<std::string>& dirs) {
  std::vector<std::string> runs;
  for (const auto& dir : dirs) find_runs(dir, kDepthMax, &runs);
  std::sort(runs.begin(), runs.end());
  runs.erase(std::unique(runs.begin(), runs.end()), runs.end());
  RecoverReport report;
  for (const auto& run : runs) recover_run(run, &report);
  return report;
}

std::string text_of(const RecoverReport& report) {
  if (report.rows.empty()) return "nothing to recover\n";
  std::string text;
  for (const auto& row : report.rows) {
    text += row.result + "  " + row.fault + " on " + row.on + " (was " + row.before + ")";
    if (!row.note.empty()) text += ": " + row.note;
    text += "\n    " + row.run + "\n";
  }
  return text;
}

}  // namespace cardstorm
