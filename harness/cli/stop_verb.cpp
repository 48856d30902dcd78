// stop: ends what this user runs of ours, in an orderly way: faults are reverted, partial reports written.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/lease/identity.hpp"
#include "harness/run/active.hpp"

namespace cardstorm {
namespace {

int run_stop(const Args&) {
  // A run needs this long at most: revert (10 s a fault), audit, end of the target.
  constexpr Nanos kWait = 90s;
  int left = 0;
  // A run ends its own partners and platform, after its faults are reverted: runs first, what is left then.
  std::vector<Active> all = list_active();
  std::stable_partition(all.begin(), all.end(), [](const Active& a) { return a.what == "run" || a.what == "drill"; });
  for (const Active& active : all) {
    if (active.pid == getpid()) continue;
    auto process = PidFd::open({active.pid, active.start_time});
    if (!process) continue;
    std::cerr << "cardstorm: stopping " << active.what << " (pid " << active.pid << ")"
              << (active.dir.empty() ? "" : " in " + active.dir) << std::endl;
    if (const Status sent = process->signal(SIGTERM); !sent) return complain(sent.error());
    if (!process->exited(kWait)) {
      std::cerr << "cardstorm: pid " << active.pid << " still runs after 90 s; see its folder, then: cardstorm recover"
                << (active.dir.empty() ? "" : " " + active.dir) << "\n";
      ++left;
    }
  }
  return left == 0 ? kPass : kEnvironment;
}

}  // namespace

Verb verb_stop() {
  return {"stop",
          "end what runs of ours (runs, drills, platform up, partners up); faults are reverted first",
          "  cardstorm stop        (in another terminal, while a drill runs)",
          {},
          {},
          run_stop};
}

}  // namespace cardstorm
