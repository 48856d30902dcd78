// target_file: a target's YAML file as a TargetSpec, with the places of what other files are checked against.
#pragma once

#include <string>
#include <vector>

#include "harness/plan/target_spec.hpp"
#include "harness/scenario/yaml_fields.hpp"

namespace cardstorm {

struct TargetFile {
  TargetSpec spec;
  std::vector<std::string> journeys;  // names of journeys files that speak this platform's language
  Place journeys_at, preflight_at, production_at, at;
};

/// Reads and checks one target file. The address is resolved and must be allowed.
TargetFile read_target(const Yaml& root, const Known& known, Mistakes& mistakes);

/// The value of a declared parameter in its normal form: durations as text, numbers as numbers.
bool read_param(const FaultParam& param, const Yaml& node, Json& out, Mistakes& mistakes);

}  // namespace cardstorm
