// common: shared by the verbs.
#include "harness/cli/common.hpp"

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "harness/core/self.hpp"
#include "harness/fault/fault.hpp"
#include "harness/judge/check.hpp"
#include "harness/judge/figures.hpp"
#include "harness/target/target.hpp"

namespace cardstorm {
namespace fs = std::filesystem;

std::string binary_dir() { return fs::path(self_path()).parent_path().string(); }

namespace {
std::string root_told() {
  const char* root = std::getenv("CARDSTORM_ROOT");
  return root == nullptr ? "" : root;
}
}  // namespace

std::string runs_root() { return root_told().empty() ? fs::current_path().string() : root_told(); }

std::string root_dir() {
  if (!root_told().empty()) return root_told();
  const fs::path share = fs::path(binary_dir()).parent_path() / "share/cardstorm";
  return fs::exists(share) ? share.string() : fs::current_path().string();
}

int complain(const Error& error) {
  std::cerr << "cardstorm: " << error.what << "\n";
  if (!error.remedy.empty()) std::cerr << "  what to do: " << error.remedy << "\n";
  switch (error.code) {
    case Errc::invalid:
    case Errc::not_found:
    case Errc::refused:
      return kWrongInput;
    case Errc::cancelled:
      return kInterrupted;
    case Errc::unavailable:
    case Errc::timeout:
    case Errc::io:
    case Errc::internal:
      return kEnvironment;
  }
  return kEnvironment;
}

int complain(const std::vector<Mistake>& mistakes) {
  std::cerr << text_of(mistakes);
  std::cerr << "cardstorm: " << mistakes.size() << (mistakes.size() == 1 ? " mistake" : " mistakes")
            << " in the input; nothing was started\n";
  return kWrongInput;
}

Known known_names() {
  Known known;
  for (const FaultEntry& entry : fault_registry()) {
    KnownFault fault{entry.name, entry.needs, {}};
    for (const auto& param : entry.params) fault.params.push_back({param.name, param.type, param.default_text});
    known.faults.push_back(std::move(fault));
  }
  for (const TargetEntry& entry : target_registry()) {
    KnownTarget target{entry.name, entry.abilities, {}};
    for (const auto& param : entry.params) target.options.push_back({param.name, param.type, param.default_text});
    known.targets.push_back(std::move(target));
  }
  for (const CheckEntry& entry : check_registry()) known.checks.push_back(entry.name);
  known.metrics = figure_names();
  return known;
}

std::vector<Option> plan_options() {
  return {{"--seed", "N", "seed of every choice in the plan; one seed, one plan (default: the scenario's)"},
          {"--set", "KEY=VALUE",
           "override one value of the scenario, e.g. --set traffic.base_rate=8 (may stand several times)", true},
          {"--quick", "", "take the scenario's `quick:` values: shorter phases, same faults"}};
}

ReportOptions report_options(const Args& args, const std::string& dir) {
  ReportOptions options;
  options.lang = args.get("--lang", "en") == "zh" ? Lang::zh : Lang::en;
  options.dir = dir;
  return options;
}

std::string scenario_path(const std::string& argument) {
  if (argument.find('/') != std::string::npos || argument.ends_with(".yaml") || fs::exists(argument)) return argument;
  return root_dir() + "/scenarios/" + argument + ".yaml";
}

std::optional<Request> plan_request(const Args& args, const std::string& scenario, const std::string& target,
                                    int* code) {
  Request request;
  request.scenario_path = scenario_path(scenario);
  request.target = target;
  request.quick = args.has("--quick");
  request.root = root_dir();
  if (args.has("--seed")) {
    const std::string text = args.get("--seed");
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
    if (error != std::errc() || end != text.data() + text.size()) {
      *code = complain(
          Error{Errc::invalid, "--seed wants a whole number from 0 on, found '" + text + "'", "for example --seed 7"});
      return std::nullopt;
    }
    request.seed = seed;
  }
  for (const std::string& text : args.all("--set")) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      *code = complain(
          Error{Errc::invalid, "--set wants KEY=VALUE, found '" + text + "'", "for example --set traffic.base_rate=8"});
      return std::nullopt;
    }
    request.set.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return request;
}

}  // namespace cardstorm
