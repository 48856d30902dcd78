// node_config: a node's settings as the JSON file between supervisor and node. It holds keys: mode 0600.
#pragma once

#include <string>

#include "reference_platform/ops/node.hpp"

namespace platform::ops {

/// Throws EnvironmentError naming the file.
NodeConfig read_config(const std::string& path);
void write_config(const std::string& path, const NodeConfig& config);

}  // namespace platform::ops
