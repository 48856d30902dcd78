// describe: a plan as text for people, printed by `cardstorm plan`. Changes nothing and touches nothing.
#pragma once

#include <string>

#include "harness/plan/arrivals.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

/// Arrivals per second as a picture, segments with their edges, what is touched, the mix, the stock, and a digest over
/// all arrivals: two machines that print the same digest send the same trades.
std::string describe_plan(const Plan& plan, const Trace& trace);

/// SHA-256, chained over blocks of arrivals with every choice in them.
std::string arrivals_digest(const Plan& plan, const Trace& trace);

}  // namespace cardstorm
