// doomed_harness: see doomed_harness.hpp.
#include "tests/unit/fault/doomed_harness.hpp"

#include <cstdio>
#include <optional>

#include "harness/fault/guardian.hpp"
#include "tests/support/command_node.hpp"
#include "tests/unit/fault/support.hpp"

namespace cardstorm::test {

namespace {
constexpr std::string_view kCommand = "command:";
}

int doomed_harness(const std::string& run_dir, const std::string& url, bool guarded) {
  auto journal = UndoJournal::create(run_dir, {"127.0.0.0/8"});
  if (!journal) return 4;
  ProcessSpec spec;
  spec.program = "timeout";  // a supervisor that does not hear its lifeline, with a child
  spec.args = {"600", "sleep", "600"};
  auto tree = Process::spawn(spec);
  if (!tree || !(*journal)->tree("supervisor", tree->id(), tree->mark())) return 4;
  std::optional<Guardian> guardian;
  if (guarded) {
    auto started = Guardian::start("/proc/self/exe", run_dir);
    if (!started) return 4;
    guardian.emplace(std::move(*started));
    std::printf("guardian %d\n", guardian->id().pid);
  }
  const bool command = url.rfind(kCommand, 0) == 0;
  FakeTarget platform(command ? "http://127.0.0.1:1" : url);
  NodesTarget node({{"order", CommandNode::spec_in(command ? url.substr(kCommand.size()) : run_dir)}});
  Target& target = command ? static_cast<Target&>(node) : platform;
  Recorder recorder;
  const MonotonicClock clock;
  const std::vector<Segment> segments{
      segment(command ? "node_kill" : "db_pool_exhaustion", "order", Nanos(0), 600s, 700s)};
  FaultLane lane({segments, target, clock, recorder, **journal, quick()});
  if (!eventually([&] { return recorder.has(FaultEdge::verified); })) return 4;
  std::printf("on\n");
  std::fflush(stdout);
  (void)lane.wait();  // 600 s: the test kills us long before
  return 0;
}

}  // namespace cardstorm::test
