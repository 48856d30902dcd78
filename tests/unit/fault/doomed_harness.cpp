// doomed_harness: see doomed_harness.hpp.
#include "tests/unit/fault/doomed_harness.hpp"

#include <cstdio>

#include "harness/lease/guardian.hpp"
#include "tests/support/command_node.hpp"
#include "tests/unit/fault/support.hpp"

namespace cardstorm::test {

int doomed_harness(const std::string& run_dir) {
  auto journal = UndoJournal::create(run_dir, {"127.0.0.0/8"});
  if (!journal) return 4;
  auto guardian = Guardian::start("/proc/self/exe", run_dir);
  if (!guardian) return 4;
  std::printf("guardian %d\n", guardian->id().pid);
  NodesTarget target({{"order", CommandNode::spec_in(run_dir)}});
  Recorder recorder;
  const MonotonicClock clock;
  const std::vector<Segment> segments{segment("node_kill", "order", Nanos(0), 600s, 700s)};
  FaultLane lane({segments, target, clock, recorder, **journal, quick()});
  if (!eventually([&] { return recorder.has(FaultEdge::verified); })) return 4;
  std::printf("on\n");
  std::fflush(stdout);
  (void)lane.wait();  // 600 s: the test kills us long before
  return 0;
}

}  // namespace cardstorm::test
