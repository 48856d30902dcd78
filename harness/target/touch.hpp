// touch: small readings of a target file that every kind of target shares.
#pragma once

#include <algorithm>
#include <string>

#include "harness/plan/target_spec.hpp"

namespace cardstorm {

/// Whether the target file lets faults use `ability`. What is not listed is not touched.
inline bool may_touch(const TargetSpec& spec, const std::string& ability) {
  return std::find(spec.touch.begin(), spec.touch.end(), ability) != spec.touch.end();
}

inline std::string node_of_alias(const TargetSpec& spec, const std::string& node) {
  const auto found = spec.nodes.find(node);
  return found == spec.nodes.end() ? node : found->second.node;
}

}  // namespace cardstorm
