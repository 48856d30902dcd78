// roles: registry.def as a table.
#include "reference_platform/services/roles.hpp"

namespace platform::services {

const std::vector<ops::RoleEntry>& role_registry() {
  static const std::vector<ops::RoleEntry> entries = {
#define ROLE(variant, role, make_function) {#variant, #role, &make_function},
#include "reference_platform/services/registry.def"
#undef ROLE
  };
  return entries;
}

const ops::RoleEntry* find_role(std::string_view variant, std::string_view role) {
  for (const ops::RoleEntry& entry : role_registry()) {
    if (variant == entry.variant && role == entry.role) return &entry;
  }
  return nullptr;
}

}  // namespace platform::services
