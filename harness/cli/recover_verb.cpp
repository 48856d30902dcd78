// recover: mends what earlier runs left broken, from their undo journals.
#include <filesystem>
#include <iostream>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/lease/recover.hpp"

namespace cardstorm {
namespace {

int run_recover(const Args& args) {
  std::error_code none;
  if (const std::string folder = args.get("folder"); !folder.empty() && !std::filesystem::is_directory(folder, none))
    return complain(Error{Errc::invalid, "there is no folder '" + folder + "': whether anything is broken is not known",
                          "name the run folder, or a folder that holds runs"});
  const RecoverReport report = recover({args.get("folder", runs_root() + "/reports/runs")});
  std::cout << text_of(report);
  return report.residue() ? kResidue : kPass;
}

}  // namespace

Verb verb_recover() {
  return {"recover",
          "mend what a crashed run left broken; safe to call at any time",
          "Reads the undo journals (faults.jsonl), touches nothing that they do not list, leaves runs alone that still "
          "live.\n"
          "Exit code 5 when something could not be reverted, or a journal cannot be read.\n  cardstorm recover\n  "
          "cardstorm recover /path/to/run",
          {{"folder", "a run folder, or a folder that holds runs (default: reports/runs)", false}},
          {},
          run_recover};
}

}  // namespace cardstorm
