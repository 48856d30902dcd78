// load: from YAML files to typed values. The only door of yaml-cpp. All mistakes of all files come back at once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/plan/arrivals.hpp"
#include "harness/plan/plan.hpp"
#include "harness/plan/target_spec.hpp"

namespace cardstorm {

struct Mistake {
  std::string file;
  int line = 0, column = 0;
  std::string what, remedy;
};
/// "file:line:column: what" and the remedy on a line of its own.
std::string text_of(const std::vector<Mistake>& mistakes);

/// What the loader may check names against (from the registries), so that this room does not depend on fault or judge.
/// type: duration|integer|number|string
struct FaultParam {
  std::string name, type;
  std::string default_text;
};
struct KnownFault {
  std::string name;
  std::string needs; /* ability: pool|channels|nodes */
  std::vector<FaultParam> params;
};
/// A kind of target, the abilities it can have, and what its `options:` may hold.
struct KnownTarget {
  std::string name;
  std::vector<std::string> abilities;
  std::vector<FaultParam> options;
};
/// `targets` may stay empty: then reference and external are known by name, and abilities and options are not checked.
struct Known {
  std::vector<KnownFault> faults;
  std::vector<std::string> checks;
  std::vector<KnownTarget> targets = {};
  /// What `expect:` may name; "{flow}", "{goods}" and "{fault}" in a name stand for each of those that the scenario
  /// has.
  std::vector<std::string> metrics = {};
};

struct Request {
  std::string scenario_path, target;  // target: name under scenarios/targets, or a path; "" = the scenario's
  std::optional<std::uint64_t> seed;
  bool quick = false;                                    // takes the scenario's `quick:` overrides
  std::vector<std::pair<std::string, std::string>> set;  // --set a.b=c, applied over the file
  std::string root;                                      // folder that holds scenarios/
};

struct Loaded {
  Plan plan;
  TargetSpec target;
  Trace trace;
};

/// Reads scenario, target, journeys and trace, checks everything, makes the plan. Either a whole Loaded or all
/// mistakes.
std::variant<Loaded, std::vector<Mistake>> load(const Request& request, const Known& known);

/// One target file by its path, with the journeys that it names: what `load` would find wrong with them in any
/// scenario.
std::variant<TargetSpec, std::vector<Mistake>> load_target(const std::string& path, const std::string& root,
                                                           const Known& known);

}  // namespace cardstorm
