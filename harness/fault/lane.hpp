// lane: makes and mends the plan's faults at their times, on a thread of its own, so that neither sending nor sampling
// waits for it (from the sending loop an injection was 300 ms late, from a lane under 1.1 ms). One fault at a time.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/events.hpp"
#include "harness/fault/active_fault.hpp"
#include "harness/fault/fault.hpp"
#include "harness/lease/undo_journal.hpp"

namespace cardstorm {

/// How long the lane looks, and how often. Defaults are those of the product; tests shorten them.
struct FaultLimits {
  Nanos prepare{1s};        // before fault_at: look the victim up, journal the undo
  Nanos verify{3s};         // from inject until its effect must have been seen
  Nanos clear{10s};         // from heal until normal must have been seen
  Nanos clear_stopped{3s};  // the same after a stop request
  Nanos probe_gap{100ms};
  Nanos renew{kRenewEvery};
};

struct FaultLaneParts {
  const std::vector<Segment>& segments;
  Target& target;
  const Clock& clock;  // zero = load start
  EventSink& history;  // this lane's own
  UndoJournal& journal;
  FaultLimits limits{};
  std::function<Result<std::unique_ptr<Fault>>(const FaultSpec&, Target&)> make = {};  // empty: make_fault
};

struct FaultResult {
  std::uint32_t segment = 0;
  std::string fault, on;
  bool verified = false, reverted = false;
  bool residue = false;  // ours, and not mended: exit code 5
  std::string note;
};

/// The fault of the registry with that name; Errc::not_found, Errc::invalid (parameters), Errc::unavailable (ability
/// missing).
Result<std::unique_ptr<Fault>> make_fault(const FaultSpec& spec, Target& target);

/// Starts at once; the destructor stops it (which heals first).
class FaultLane {
 public:
  explicit FaultLane(const FaultLaneParts& parts);
  ~FaultLane();
  /// Heals what is on, at once; no further fault is made. Returns when that is done (at most clear_stopped and a few
  /// calls).
  void stop();
  /// Asks for the same and returns at once. Any thread.
  void request_stop() { thread_.request_stop(); }
  /// Whether all is done, so that wait() returns at once. Any thread.
  [[nodiscard]] bool done() const { return done_; }
  /// Waits for the end of the last segment's fault (it ends by itself after the last horizon) and returns what came of
  /// each.
  std::vector<FaultResult> wait();
  /// Index of the segment whose fault is on at this moment, -1 when there is none. Any thread.
  [[nodiscard]] int on() const { return on_; }

 private:
  void run(const std::stop_token& stop);
  FaultResult run_segment(const Segment& segment, const std::stop_token& stop);
  Result<std::unique_ptr<ActiveFault>> prepare(const Segment& segment);
  void verify(ActiveFault& active, const Segment& segment, const std::stop_token& stop) const;
  void hold(ActiveFault& active, const Segment& segment, const std::stop_token& stop) const;
  void mend(ActiveFault& active, const Segment& segment, const std::stop_token& stop) const;
  bool free_of_stuck();
  /// False when stopped.
  bool sleep_until(Nanos at, const std::stop_token& stop) const;
  /// Calls `look` each `gap` until it holds (true), `end` passes or a stop is asked for (false). At least once.
  bool watch(Nanos end, Nanos gap, const std::stop_token& stop, const std::function<bool()>& look) const;

  FaultLaneParts parts_;
  std::vector<FaultResult> results_;
  std::unique_ptr<ActiveFault> stuck_;  // not mended: nothing more is broken while it is there
  std::atomic<int> on_{-1};
  std::atomic<bool> done_{false};
  std::jthread thread_;
};

}  // namespace cardstorm
