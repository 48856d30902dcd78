// registry: the kinds of targets, as an explicit table.
#include "harness/target/target.hpp"

namespace cardstorm {

#define CARDSTORM_TARGET(name) TargetEntry name##_target();
#include "harness/target/registry.def"
#undef CARDSTORM_TARGET

const std::vector<TargetEntry>& target_registry() {
  static const std::vector<TargetEntry> entries{
#define CARDSTORM_TARGET(name) name##_target(),
#include "harness/target/registry.def"
#undef CARDSTORM_TARGET
  };
  return entries;
}

}  // namespace cardstorm
