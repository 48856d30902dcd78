// telemetry: what a node process tells of itself: metrics and spans of every request and call, whatever its role.
#pragma once

#include "reference_platform/ops/node.hpp"

namespace platform::ops {

/// Starts the spans (config.options: "spans_file", "otlp_url", "span_share") and observes the edge, until the process
/// ends. Once per process.
void start_telemetry(const NodeConfig& config);

}  // namespace platform::ops
