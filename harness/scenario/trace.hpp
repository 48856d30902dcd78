// trace: a recording of arrivals from CSV text. The first column is the time stamp; other columns are not needed.
#pragma once

#include <string>
#include <vector>

#include "harness/plan/arrivals.hpp"
#include "harness/scenario/load.hpp"

namespace cardstorm {

/// Time stamps are ISO ("2023-11-16 18:17:03.9799600", also with T and Z) or seconds as a number; one header line is
/// allowed. What is wrong comes back in `mistakes` with its line; the trace is then of no use.
Trace parse_trace(const std::string& text, const std::string& file, std::vector<Mistake>& mistakes);

}  // namespace cardstorm
