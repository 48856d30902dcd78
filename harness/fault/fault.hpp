// fault: break one thing, prove that it is broken, mend it, prove that it is mended. A fault is a lease: it ends
// by itself unless renewed. One fault, one file, one line in registry.def.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/core/events.hpp"
#include "harness/core/json.hpp"
#include "harness/core/result.hpp"
#include "harness/lease/lease.hpp"
#include "harness/plan/plan.hpp"
#include "harness/target/target.hpp"

namespace cardstorm {

enum class Probe : std::uint8_t { in_force, normal, unclear };

class Fault {
 public:
  virtual ~Fault() = default;
  /// What ends it without us, known before the fault is made; NoUndo of a one-shot that a supervisor mends. An error
  /// means that it is not known: then the fault must not be made.
  virtual Result<Undo> undo() = 0;
  /// Makes or renews the fault. Returns when asked for, not when in force: probe() tells.
  virtual Status inject() = 0;
  /// Ends it. Twice is fine, after a half-done inject too.
  virtual Status heal() = 0;
  /// Looks at the injection point itself, never at the platform's health.
  virtual Probe probe(std::string* note) = 0;
  /// A kill happens once; it is over when the target's own supervisor, or heal() where there is none, has an instance
  /// ready again.
  [[nodiscard]] virtual bool one_shot() const { return false; }
};

struct FaultEntry {
  std::string name, summary, why_in_production, needs;  // needs: pool | channels | nodes
  struct Param {
    std::string name, type, default_text, summary;
  };
  std::vector<Param> params;
  Result<std::unique_ptr<Fault>> (*make)(const FaultSpec&, Target&);
};
const std::vector<FaultEntry>& fault_registry();

}  // namespace cardstorm
