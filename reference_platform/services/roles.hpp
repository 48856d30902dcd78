// roles: the table of what a node can be. One role, one file <role>.cpp, one line in registry.def.
#pragma once

#include <string_view>
#include <vector>

#include "reference_platform/ops/node.hpp"

namespace platform::services {

#define ROLE(variant, role, make_function) ops::Service make_function(const ops::NodeConfig& config);
#include "reference_platform/services/registry.def"
#undef ROLE

const std::vector<ops::RoleEntry>& role_registry();

/// nullptr when there is no such role in that variant.
const ops::RoleEntry* find_role(std::string_view variant, std::string_view role);

}  // namespace platform::services
