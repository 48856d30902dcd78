// bench: figures beside peers, run in turn on this machine. Exit 0 when no goal is missed.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "harness/bench/bench.hpp"
#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/core/text.hpp"
#include "harness/run/interrupt.hpp"
#include "harness/run/progress.hpp"

namespace cardstorm {
namespace {

/// A folder that goes with the bench.
class WorkFolder {
 public:
  WorkFolder() {
    path_ = std::filesystem::temp_directory_path().string() + "/cardstorm-bench-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~WorkFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

int bench(const Args& args) {
  const std::string name = args.get("name");
  const BenchEntry* entry = nullptr;
  std::vector<std::string> known;
  for (const BenchEntry& e : bench_registry()) {
    known.push_back(e.name);
    if (e.name == name) entry = &e;
  }
  if (entry == nullptr) {
    const std::string near = did_you_mean(name, known);
    return complain(Error{Errc::not_found, "no bench is called '" + name + "'",
                          near.empty() ? "there are: " + join(known, ", ") : "did you mean '" + near + "'?"});
  }
  const std::string part = args.get("--part");
  if (!part.empty() && std::find(entry->parts.begin(), entry->parts.end(), part) == entry->parts.end())
    return complain(
        Error{Errc::not_found, "bench " + name + " has no part '" + part + "'",
              entry->parts.empty() ? "it runs whole: leave --part out" : "there are: " + join(entry->parts, ", ")});
  const WorkFolder folder;
  if (folder.path().empty())
    return complain(Error{Errc::unavailable, "no folder for temporary files could be made", "free some space in /tmp"});
  Progress progress(std::cerr, ::isatty(STDERR_FILENO) == 1);
  const Interrupt interrupt("ending what the bench started");
  BenchSetup setup{.work_dir = folder.path(),
                   .root = root_dir(),
                   .peer_dirs = args.all("--peers"),
                   .full = args.has("--full"),
                   .part = part,
                   .say = [&](const std::string& text) { progress.say(text); },
                   .stop = interrupt.token()};
  const auto report = entry->run(setup);
  if (interrupt.signal() != 0) return interrupt.signal() == SIGTERM ? kTerminated : kInterrupted;
  if (!report) return complain(report.error());
  if (args.has("--json"))
    std::cout << json_of_bench(*report).dump(1) << "\n";
  else
    write_bench(*report, std::cout);
  return exit_code_of(*report);
}

}  // namespace

Verb verb_bench() {
  std::string names, parts;
  for (const BenchEntry& e : bench_registry()) {
    if (!e.parts.empty()) parts += (parts.empty() ? "" : "; ") + e.name + ": " + join(e.parts, ", ");
    names += "  " + e.name + std::string(12 - std::min<std::size_t>(11, e.name.size()), ' ') + e.summary + "\n";
  }
  return {"bench",
          "measure ourselves beside the common tools",
          names +
              "Peers are used as found in PATH and --peers; what is not here is listed and its goals are not judged. "
              "Exit 0: no goal missed,\n"
              "1: one is, 3: none could be judged.\n  cardstorm bench outage\n  cardstorm bench driver --peers "
              "/opt/tools --json",
          {{"name", "which bench"}},
          {{"--full", "", "longer and more rounds (a bench takes at most ten minutes otherwise)"},
           {"--part", "NAME", "only this part of it; " + parts},
           {"--peers", "DIR", "also look for load generators here", true},
           {"--json", "", "rows, ratios and goals on stdout"}},
          bench};
}

}  // namespace cardstorm
