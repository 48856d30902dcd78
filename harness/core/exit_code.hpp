// exit_code: how a command of ours ends, said once: README, --help and the tests read it here.
#pragma once

#include <array>
#include <string>

namespace cardstorm {

/// Where several would fit, the worst reason wins, kResidue before all others.
enum ExitCode : int {
  kPass = 0,
  kFail = 1,
  kWrongInput = 2,
  kUnknown = 3,
  kEnvironment = 4,
  kResidue = 5,
  kInterrupted = 130,  // SIGINT and SIGTERM, after reverting
  kTerminated = 143
};

struct ExitMeaning {
  const char *code, *meaning;
};
inline constexpr std::array<ExitMeaning, 7> kExitMeanings{{{"0", "pass"},
                                                           {"1", "fail"},
                                                           {"2", "wrong input"},
                                                           {"3", "unknown"},
                                                           {"4", "the environment or we broke"},
                                                           {"5", "a fault could not be reverted"},
                                                           {"130/143", "interrupted (after reverting)"}}};

/// "0 pass, 1 fail, ...", as README and --help say it.
inline std::string exit_codes_text() {
  std::string out;
  for (const ExitMeaning& row : kExitMeanings)
    out += (out.empty() ? "" : ", ") + std::string(row.code) + " " + row.meaning;
  return out;
}

}  // namespace cardstorm
