// plan: the dry run. Shows what would be sent and broken, changes nothing.
#include <iostream>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/scenario/describe.hpp"

namespace cardstorm {
namespace {

int run_plan(const Args& args) {
  int code = 0;
  const auto request = plan_request(args, args.get("scenario"), args.get("--target"), &code);
  if (!request) return code;
  auto loaded = load(*request, known_names());
  if (const auto* mistakes = std::get_if<std::vector<Mistake>>(&loaded)) return complain(*mistakes);
  const auto& whole = std::get<Loaded>(loaded);
  if (args.has("--json"))
    std::cout << json_of_plan(whole.plan).dump(2) << "\n";
  else
    std::cout << describe_plan(whole.plan, whole.trace);
  return kPass;
}

}  // namespace

Verb verb_plan() {
  std::vector<Option> options = plan_options();
  options.push_back(
      {"--target", "NAME|FILE", "a name under scenarios/targets, or a target file (default: the scenario's)"});
  options.push_back({"--json", "", "print plan.json instead of the picture"});
  return {"plan",
          "dry run: show what a scenario would send and break; changes nothing",
          "The same scenario, target and seed give the same bytes on every machine.\n  cardstorm plan drill --quick\n  "
          "cardstorm plan drill --seed 7 --json | sha256sum",
          {{"scenario", "a file, or a name under scenarios/"}},
          options,
          run_plan};
}

}  // namespace cardstorm
