// journey_step: one step of a journeys file, with every template checked against what is defined at that point.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/plan/plan.hpp"
#include "harness/scenario/yaml_fields.hpp"

namespace cardstorm {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// `headers:` of a file or of a step; their values may use the variables that are `defined`.
Headers read_headers(const Yaml& node, const std::vector<std::string>& defined, Mistakes& mistakes);

/// Reads one step of a journey with that deadline. What it extracts is added to `defined`, for the steps after it.
Step read_step(const Yaml& node, const Headers& common, Nanos deadline, std::vector<std::string>& defined,
               Mistakes& mistakes);

}  // namespace cardstorm
