// scenario_file: a scenario's YAML as typed values. Cross checks with target, journeys and trace are made in
// cross_checks.cpp; the places for them are kept here.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/plan/plan.hpp"
#include "harness/scenario/yaml_fields.hpp"

namespace cardstorm {

struct Timing {
  Nanos steady{10s}, fault{15s}, observe{35s}, gap{6s}, drain{20s};
};

/// One entry of `faults:` or `levels:` (no fault: kind and on are empty).
struct Entry {
  FaultSpec fault;
  Nanos steady{0}, observe{0}, gap{0};
  double load = 1;
  Place at, fault_at, on_at;
};

struct ScenarioFile {
  std::string name, why, target;
  std::optional<std::uint64_t> seed;
  Traffic traffic;
  std::uint32_t buyers = 2000, in_flight_max = 4000, connections_max = 1000;
  Timing timing;
  std::vector<Entry> entries;
  std::vector<std::string> journeys;
  const Yaml* stock = nullptr;  // read when the journeys' own stock is known
  Slo slo;
  std::vector<std::pair<Expectation, Place>> expect;
  std::vector<std::string> checks;
  std::vector<AbortRule> abort;
  std::vector<FrontWall> front_walls;
  bool own_length =
      false;  // the scenario says itself how long the load lasts; else a replay lasts as long as its recording
  Place at, target_at, traffic_at, trace_at, peak_at, journeys_at, mode_at, from_at, routes_at;
};

/// Reads and checks the scenario itself. `root` must outlive the result.
ScenarioFile read_scenario(const Yaml& root, const Known& known, Mistakes& mistakes);

}  // namespace cardstorm
