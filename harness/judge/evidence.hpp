// evidence: a run folder as values. Reads only files of the folder; what is damaged or missing is said, never guessed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/result.hpp"
#include "harness/history/history.hpp"
#include "harness/judge/check.hpp"

namespace cardstorm {

/// run.json.
struct RunInfo {
  std::string target, target_version, environment = "lab", command;
  std::uint64_t seed = 1;
  Nanos start{0};  // monotonic time that is zero in all our times
  bool drained = false, interrupted = false;
  bool partners = true;  // false: the target pays through nobody that we know, so that there is no journal to miss
  double assumed_restart_s = -1;  // < 0: none
  std::string trace_link;         // template with ${trace_id}; "" = none
  std::string aborted,
      guard;  // the stop condition that ended the run early, of the scenario or of the target's guard; "" = none
  std::vector<std::string> errors;  // what went wrong in the harness itself
};

/// Everything but the history, which is streamed. May be moved: `evidence` points into `plan` and `audit` on the heap.
struct RunRecord {
  RunInfo info;
  std::unique_ptr<Plan> plan;
  std::unique_ptr<Audit> audit;     // null: none could be had
  Evidence evidence;                // end is set when the history has been read
  std::vector<std::string> damage;  // one sentence each: torn journal, unreadable audit, ...
};

/// Calls `visit` for every event in order of time; returns what was damaged.
using HistorySource = std::function<Result<std::vector<HistoryDamage>>(const std::function<void(const Event&)>& visit)>;

Result<RunInfo> run_info_of_json(const Json& json);
/// minted.json: {"skus":[{"sku","goods","number","cards","price_cents"}]}.
std::vector<MintedSku> minted_of_json(const Json& json);

/// Reads plan.json, run.json, minted.json, partners/*.jsonl and audit.jsonl of a run folder. plan.json and run.json
/// must be there; anything else may be missing and is then missing in the record.
Result<RunRecord> read_run(const std::string& dir);

}  // namespace cardstorm
