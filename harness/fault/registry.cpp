// registry: the faults, as an explicit table.
#include "harness/core/text.hpp"
#include "harness/fault/fault.hpp"
#include "harness/fault/lane.hpp"

namespace cardstorm {

#define CARDSTORM_FAULT(name) FaultEntry name##_fault();
#include "harness/fault/registry.def"
#undef CARDSTORM_FAULT

const std::vector<FaultEntry>& fault_registry() {
  static const std::vector<FaultEntry> entries{
#define CARDSTORM_FAULT(name) name##_fault(),
#include "harness/fault/registry.def"
#undef CARDSTORM_FAULT
  };
  return entries;
}

Result<std::unique_ptr<Fault>> make_fault(const FaultSpec& spec, Target& target) {
  std::vector<std::string> names;
  for (const auto& entry : fault_registry()) {
    if (entry.name == spec.fault) return entry.make(spec, target);
    names.push_back(entry.name);
  }
  const std::string meant = did_you_mean(spec.fault, names);
  return Error{Errc::not_found, "fault '" + spec.fault + "' is not known",
               meant.empty() ? "known: " + join(names, ", ") : "did you mean '" + meant + "'?"};
}

}  // namespace cardstorm
