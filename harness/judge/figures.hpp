// figures: the numbers of a Scorecard that a scenario's `expect:` may name. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/judge/scorecard.hpp"

namespace cardstorm {

struct Figure {
  std::string name;             // its place in the JSON: "success_rate", "mttr.by_fault.node_kill.mean_s"
  std::optional<double> value;  // nullopt: this run has no such figure
};

/// What the field list marks, then what follows from several members: "ttr_s" (the worst; not recovered is infinite, so
/// never within a bound), "censored" (episodes), "violations" (of all checks).
std::vector<Figure> figures_of(const Scorecard& card);

/// The names that `expect:` may hold, in the same order. "{flow}", "{goods}" and "{fault}" stand for each of those that
/// a scenario has.
std::vector<std::string> figure_names();

/// The figure of that name; nullopt when there is none.
std::optional<double> figure_of(const Scorecard& card, const std::string& name);

}  // namespace cardstorm
