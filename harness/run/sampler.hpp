// sampler: the lane that looks at the target's nodes while a run goes on, and writes what changed. It waits for nobody
// and nobody waits for it.
#pragma once

#include <stop_token>

#include "harness/core/clock.hpp"
#include "harness/core/events.hpp"
#include "harness/target/target.hpp"

namespace cardstorm {

/// Asks for the nodes every `every` until stopped; one NodeChanged for each that comes, goes or changes identity, one
/// Sampled "nodes_ready" for each answer. A target without node control is left alone.
void sample_nodes(Target& target, const Clock& clock, EventSink& history, Nanos every, const std::stop_token& stop);

}  // namespace cardstorm
