// common: what several verbs share: where things lie, how errors become words and exit codes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/cli/verb.hpp"
#include "harness/core/result.hpp"
#include "harness/scenario/load.hpp"
#include "reports/report.hpp"

namespace cardstorm {

/// The folder that holds scenarios/: $CARDSTORM_ROOT, else the share folder beside an installed binary.
std::string root_dir();
/// The folder that reports/runs lies in: $CARDSTORM_ROOT, else the current one (an installed binary's share folder is
/// not ours to write).
std::string runs_root();
/// The folder of our own binary, where the reference platform lies too.
std::string binary_dir();

/// Prints "cardstorm: what" and the remedy on stderr; returns the exit code of its kind.
int complain(const Error& error);
int complain(const std::vector<Mistake>& mistakes);

/// What the loader checks names against, from the registries.
Known known_names();

/// --seed, --set and --quick, as most verbs take them.
std::vector<Option> plan_options();
/// --lang, and the folder that the report names.
ReportOptions report_options(const Args& args, const std::string& dir);
/// A scenario argument: a path, or a name under scenarios/.
std::string scenario_path(const std::string& argument);
/// nullopt after printing what was wrong; `code` is then the exit code.
std::optional<Request> plan_request(const Args& args, const std::string& scenario, const std::string& target,
                                    int* code);

}  // namespace cardstorm
