// audit_since: cuts the books of a platform that lived before this run down to what happened in it. The journals are
// cut at the run's begin too: a payment of yesterday in one and not in the other would look like lost money.
#pragma once

#include <vector>

#include "harness/core/json.hpp"

namespace cardstorm {

/// Rows of Target::audit(), taken before the first request and at the end. Orders that are as they were before, and
/// older ledger entries, fall away; a wallet that was there opens with what it held. The cards that such orders hold
/// are no stock of this run any more: one row {"row":"earlier","cards":[...]} tells them, where there are any.
std::vector<Json> audit_since(const std::vector<Json>& before, std::vector<Json> after);

}  // namespace cardstorm
