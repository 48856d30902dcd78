// journeys: what buyers do, from a YAML file: steps, templates, what an answer must look like, which facts it proves.
#pragma once

#include <string>
#include <vector>

#include "harness/plan/plan.hpp"
#include "harness/scenario/yaml_fields.hpp"

namespace cardstorm {

/// A journey with the places of what is checked against other files.
struct PlacedJourney {
  Journey journey;
  Place at, weight_at;
  std::vector<Place> sku_places;
};

/// A journeys file: the mix, and the goods that it expects to be on sale.
struct JourneyFile {
  std::vector<PlacedJourney> journeys;
  std::vector<SkuStock> stock;
};

/// Reads and checks one file (mix, steps, templates, pointers, weights).
JourneyFile read_journeys(const Yaml& root, Mistakes& mistakes);

/// A `stock:` list. `base` gives goods and price of SKUs that are already known, so that a scenario may change counts
/// only.
std::vector<SkuStock> read_stock(const Yaml& list, const std::vector<SkuStock>& base, Mistakes& mistakes);

}  // namespace cardstorm
