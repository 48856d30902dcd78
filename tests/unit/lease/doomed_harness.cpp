// doomed_harness: see doomed_harness.hpp.
#include "tests/unit/lease/doomed_harness.hpp"

#include <cstdio>
#include <optional>
#include <thread>

#include "harness/lease/guardian.hpp"
#include "harness/lease/lease.hpp"
#include "harness/lease/undo_journal.hpp"
#include "harness/net/control.hpp"
#include "tests/contract/fake_platform.hpp"

namespace cardstorm::test {

Status hold_pool(const std::string& url, Nanos lease) {
  const auto answer =
      control_call(post(url + "/admin/pool/hold", Json::object({{"lease_ms", lease / Nanos(1ms)}}).dump()), loopback());
  return answer ? ok() : Status(answer.error());
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
  HttpUndo undo;
  undo.url = url + "/admin/pool/hold";
  undo.body = R"({"lease_ms":0})";
  undo.proof = ValueProof{url + "/admin/pool", "", "/held", 0};
  if (!(*journal)->planned("0-hold", "hold", "order", undo) || !hold_pool(url, kLease)) return 4;
  std::printf("on\n");
  std::fflush(stdout);
  for (const Nanos end = monotonic_now() + 600s; monotonic_now() < end;) {  // the test kills us long before
    std::this_thread::sleep_for(kRenewEvery);
    (void)hold_pool(url, kLease);
  }
  return 0;
}

}  // namespace cardstorm::test
