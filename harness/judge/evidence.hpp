// evidence: a run folder as values. Reads only files of the folder; what is damaged or missing is said, never guessed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/result.hpp"
#include "harness/history/history.hpp"
#include "harness/judge/check.hpp"
#include "harness/judge/run_info.hpp"

namespace cardstorm {

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

/// minted.json: {"skus":[{"sku","goods","number","cards","price_cents"}]}.
std::vector<MintedSku> minted_of_json(const Json& json);

/// Reads plan.json, run.json, minted.json, partners/*.jsonl and audit.jsonl of a run folder. plan.json and run.json
/// must be there; anything else may be missing and is then missing in the record.
Result<RunRecord> read_run(const std::string& dir);

}  // namespace cardstorm
