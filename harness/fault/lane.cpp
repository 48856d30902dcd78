// lane: see lane.hpp.
#include "harness/fault/lane.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace cardstorm {

FaultLane::FaultLane(const FaultLaneParts& parts) : parts_(parts) {
  if (!parts_.make) parts_.make = make_fault;
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

FaultLane::~FaultLane() { stop(); }

void FaultLane::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::vector<FaultResult> FaultLane::wait() {
  if (thread_.joinable()) thread_.join();
  return results_;
}

void FaultLane::run(const std::stop_token& stop) {
  for (const auto& segment : parts_.segments) {
    if (segment.fault.fault.empty()) continue;
    if (stop.stop_requested()) break;
    results_.push_back(run_segment(segment, stop));
    on_ = -1;
  }
  (void)free_of_stuck();
  done_ = true;
}

bool FaultLane::sleep_until(Nanos at, const std::stop_token& stop) const {
  std::mutex mutex;
  std::condition_variable_any bell;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const Nanos left = at - parts_.clock.now();
    if (left <= Nanos(0)) return true;
    bell.wait_for(lock, stop, left, [] { return false; });
  }
  return false;
}

bool FaultLane::watch(Nanos end, Nanos gap, const std::stop_token& stop, const std::function<bool()>& look) const {
  for (;;) {
    if (look()) return true;
    const Nanos now = parts_.clock.now();
    if (now >= end || !sleep_until(std::min(now + gap, end), stop)) return false;
  }
}

FaultResult FaultLane::run_segment(const Segment& segment, const std::stop_token& stop) {
  FaultResult result;
  result.segment = segment.index;
  result.fault = segment.fault.fault;
  result.on = segment.fault.on;
  if (!sleep_until(segment.fault_at - parts_.limits.prepare, stop)) return result;
  auto prepared = prepare(segment);
  const bool in_time = sleep_until(segment.fault_at, stop);
  if (!prepared) {
    result.note = prepared.error().what;
    parts_.history.write(
        FaultChanged{parts_.clock.now(), segment.index, result.fault, result.on, FaultEdge::failed, result.note});
    return result;
  }
  std::unique_ptr<ActiveFault> active = std::move(*prepared);
  if (!in_time) {
    active->drop("stopped before its time");
    return result;
  }
  on_ = static_cast<int>(segment.index);
  if (active->inject()) {
    verify(*active, segment, stop);
    result.note = active->note();
    hold(*active, segment, stop);
  }
  mend(*active, segment, stop);
  result.verified = active->verified();
  result.reverted = active->cleared();
  result.residue = active->residue();
  if (!result.reverted) result.note = active->note();
  if (result.residue) stuck_ = std::move(active);
  return result;
}

Result<std::unique_ptr<ActiveFault>> FaultLane::prepare(const Segment& segment) {
  if (!free_of_stuck())
    return Error{Errc::refused, "not made: an earlier fault is not mended yet (" + stuck_->note() + ")"};
  auto fault = parts_.make(segment.fault, parts_.target);
  if (!fault) return std::move(fault).error();
  return ActiveFault::plan(std::move(*fault), segment, parts_.journal, parts_.history, parts_.clock);
}

bool FaultLane::free_of_stuck() {
  if (!stuck_) return true;
  // Another look: its node may have been restarted in the gap.
  (void)stuck_->heal();
  if (!stuck_->seen_normal()) return false;
  for (auto& result : results_) result.residue = false;
  stuck_.reset();
  return true;
}

void FaultLane::verify(ActiveFault& active, const Segment& segment, const std::stop_token& stop) const {
  const auto& limits = parts_.limits;
  const Nanos begin = parts_.clock.now();
  const Nanos last = active.one_shot() ? segment.horizon_at : segment.heal_at;
  const auto look = [&] {
    active.renew_when_due(limits.renew);
    return active.seen_in_force();
  };
  // Close together at first: a killed process is gone within milliseconds, and may be back within 100.
  const bool seen = watch(begin + std::min(limits.probe_gap, limits.verify), limits.probe_gap / 10, stop, look) ||
                    watch(std::min(begin + limits.verify, last), limits.probe_gap, stop, look);
  if (!seen) active.not_verified();
}

void FaultLane::hold(ActiveFault& active, const Segment& segment, const std::stop_token& stop) const {
  if (active.one_shot()) return;
  // A wake-up each 50 ms renews in time even when the call before took long.
  (void)watch(segment.heal_at, std::min(parts_.limits.renew, Nanos(50ms)), stop, [&] {
    if (parts_.clock.now() < segment.heal_at) active.renew_when_due(parts_.limits.renew);
    return parts_.clock.now() >= segment.heal_at;
  });
}

void FaultLane::mend(ActiveFault& active, const Segment& segment, const std::stop_token& stop) const {
  const auto& limits = parts_.limits;
  bool healed = bool(active.heal());
  const auto look = [&] {
    if (!healed) healed = bool(active.heal());
    return active.seen_normal();
  };
  // A kill is mended by the target's own supervisor: it has until the horizon.
  const Nanos usual = parts_.clock.now() + limits.clear;
  if (!stop.stop_requested())
    (void)watch(active.one_shot() ? std::max(usual, segment.horizon_at) : usual, limits.probe_gap, stop, look);
  // Stopped: look on for a moment, without the token that would end every sleep.
  if (!active.cleared() && stop.stop_requested())
    (void)watch(parts_.clock.now() + limits.clear_stopped, limits.probe_gap, std::stop_token(), look);
  if (!active.cleared()) active.not_cleared();
}

}  // namespace cardstorm
