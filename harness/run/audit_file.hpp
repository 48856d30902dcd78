// audit_file: the final audit on its way into the run folder: card texts become (sku, index), unknown texts digests.
#pragma once

#include <string>
#include <vector>

#include "harness/core/json.hpp"
#include "harness/mint/mint.hpp"

namespace cardstorm {

/// Rows of Target::audit(), cut by audit_since(), as the lines of audit.jsonl. No secret passes; of earlier cards only
/// their numbers do.
std::string audit_lines(const std::vector<Json>& rows, const Mint& mint);

}  // namespace cardstorm
