// bench: figures that can be repeated, as ratios against peers that were run in turn with us on the same machine. A
// bench is no test: it says whether a goal is met, missed, or cannot be judged because the peer is not there.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/exit_code.hpp"
#include "harness/core/json.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

/// `value` is missing when the peer is absent or nothing could be measured. relation: ">=" or "<=".
struct Goal {
  std::string name;
  std::optional<double> value = {};
  std::string relation = ">=";
  double bound = 0;
  [[nodiscard]] std::optional<bool> met() const;
};

struct BenchReport {
  std::string bench;
  std::vector<Json> rows;  // objects; the first row's members are the columns
  std::vector<std::pair<std::string, double>> ratios;
  std::vector<std::string> absent, notes;  // peers that are not here; what a reader must know
  std::vector<Goal> goals;
};

struct BenchSetup {
  std::string work_dir;                // a folder of our own, removed afterwards
  std::string root;                    // folder that holds scenarios/
  std::vector<std::string> peer_dirs;  // looked through for peers, besides PATH
  bool full = false;
  std::string part = {};                        // one of the entry's parts, "" for all
  std::function<void(const std::string&)> say;  // progress, for people
  std::stop_token stop;
};

struct BenchEntry {
  std::string name, summary;
  Result<BenchReport> (*run)(const BenchSetup&);
  std::vector<std::string> parts = {};  // what of it can be run alone
};
const std::vector<BenchEntry>& bench_registry();

/// {"bench","rows","ratios","absent","goals","notes"}.
Json json_of_bench(const BenchReport& report);
/// A table with its goals.
void write_bench(const BenchReport& report, std::ostream& out);
/// kPass when no goal is missed, kFail when one is, kUnknown when none could be judged.
ExitCode exit_code_of(const BenchReport& report);

}  // namespace cardstorm
