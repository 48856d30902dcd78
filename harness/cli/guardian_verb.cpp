// guardian: hidden; the second reverter, started by a run with a pipe on its stdin.
#include <unistd.h>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/lease/guardian.hpp"

namespace cardstorm {

Verb verb_guardian() {
  return {"guardian", "reverts what a run broke when the run dies (started by run and drill)",
          "",         {{"run", "a run folder"}},
          {},         [](const Args& args) { return guardian_main(STDIN_FILENO, args.get("run")); },
          true};
}

}  // namespace cardstorm
