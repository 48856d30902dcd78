// drill: one plan against two targets, side by side in one folder, then compared. The main job of the product.
#pragma once

#include <stop_token>
#include <string>

#include "harness/run/session.hpp"
#include "harness/scenario/load.hpp"

namespace cardstorm {

struct DrillRequest {
  Loaded baseline, candidate;  // the same plan, two targets
  int repeats = 1;
  std::string out, self, binary_dir, command;
  bool keep_stores = false;
  std::string postgres_url = {}, redis_url = {};  // existing stores for both sides, "" = private ones
};

/// Runs OUT/baseline/1, OUT/candidate/1, OUT/candidate/2, OUT/baseline/2, ...: the order alternates, so that drift of
/// the machine does not favour a side.
Result<SessionEnd> run_drill(const DrillRequest& request, Progress& progress, const std::stop_token& stop);

}  // namespace cardstorm
