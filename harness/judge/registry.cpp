// registry: the table of checks, made from registry.def. An explicit table: registrars in static libraries are dropped
// by the linker.
#include "harness/judge/check.hpp"

namespace cardstorm {

#define CARDSTORM_CHECK(name, maker, en, zh) std::unique_ptr<Check> maker();
#include "harness/judge/registry.def"
#undef CARDSTORM_CHECK

const std::vector<CheckEntry>& check_registry() {
  static const std::vector<CheckEntry> entries{
#define CARDSTORM_CHECK(name, maker, en, zh) {#name, en, zh, &maker},
#include "harness/judge/registry.def"
#undef CARDSTORM_CHECK
  };
  return entries;
}

}  // namespace cardstorm
