// supervised: node list and pool control of any target whose supervisor and nodes speak the admin calls of
// reference_platform/api.md.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "harness/net/allow.hpp"
#include "harness/target/target.hpp"

namespace cardstorm {

/// Reads `control_url`/nodes.
std::unique_ptr<NodeControl> make_supervisor_nodes(std::string control_url, AllowList allow);
/// Speaks to the admin address of each node as `nodes` (which must outlive it) gives it; `aliases`: alias -> node name.
std::unique_ptr<PoolControl> make_admin_pool(NodeControl& nodes, std::map<std::string, NodeSpec> aliases,
                                             AllowList allow);

}  // namespace cardstorm
