// active_fault: see active_fault.hpp.
#include "harness/fault/active_fault.hpp"

namespace cardstorm {

Result<std::unique_ptr<ActiveFault>> ActiveFault::plan(std::unique_ptr<Fault> fault, const Segment& segment,
                                                       UndoJournal& journal, EventSink& history, const Clock& clock) {
  std::unique_ptr<ActiveFault> active(new ActiveFault(std::move(fault), segment, journal, history, clock));
  const auto undo = active->fault_->undo();
  const bool nothing = undo && std::holds_alternative<NoUndo>(*undo);
  if (!undo || (nothing && !active->one_shot()))
    return Error{Errc::unavailable, "it is not known how to undo " + segment.fault.fault + " on " + segment.fault.on +
                                        (undo ? "" : ": " + undo.error().what)};
  active->owed_ = !nothing;
  auto written = journal.planned(active->id_, segment.fault.fault, segment.fault.on, *undo);
  if (!written) return std::move(written).error().in("undo journal");
  return active;
}

ActiveFault::ActiveFault(std::unique_ptr<Fault> fault, const Segment& segment, UndoJournal& journal, EventSink& history,
                         const Clock& clock)
    : fault_(std::move(fault)),
      segment_(segment),
      journal_(journal),
      history_(history),
      clock_(clock),
      id_(std::to_string(segment.index) + "-" + segment.fault.fault) {}

ActiveFault::~ActiveFault() {
  if (made_ && !healed_) (void)heal();
  if (made_ && !cleared_ && !closed_ && !seen_normal()) not_cleared();
}

Status ActiveFault::inject() {
  made_ = true;
  asked_ = renewed_ = clock_.now();
  edge(FaultEdge::injecting);
  const Status status = fault_->inject();
  if (!status) {
    edge(FaultEdge::failed, status.error().what);
    return status;
  }
  edge(FaultEdge::injected);
  // After the fact on purpose: `planned` is what protects, and this write must not delay the injection.
  journal_state(UndoState::active, "");
  return status;
}

void ActiveFault::renew_when_due(Nanos every) {
  const Nanos now = clock_.now();
  if (one_shot() || now - asked_ < every) return;
  asked_ = now;
  const Status status = fault_->inject();
  if (status) {
    renewed_ = now;
  } else if (!lapsed_ && clock_.now() - renewed_ > kLease) {
    lapsed_ = true;
    edge(FaultEdge::failed, "the lease ran out, renewal failed: " + status.error().what);
  }
}

bool ActiveFault::seen_in_force() {
  if (verified_) return true;
  std::string note;
  if (fault_->probe(&note) == Probe::in_force) {
    verified_ = true;
    edge(FaultEdge::verified, note);
  }
  note_ = note;
  return verified_;
}

void ActiveFault::not_verified() { edge(FaultEdge::not_verified, note_); }

Status ActiveFault::heal() {
  if (!healing_)
    edge(FaultEdge::healing, !one_shot() ? ""
                             : owed_     ? "we start again what was killed"
                                         : "happens once, ends by itself");
  healing_ = true;
  const Status status = fault_->heal();
  if (status && !healed_) {
    healed_ = true;
    edge(FaultEdge::healed);
  }
  if (!status) note_ = status.error().what;
  if (status || status.error().code != Errc::unavailable)
    silent_since_.reset();
  else if (!silent_since_)
    silent_since_ = clock_.now();
  return status;
}

bool ActiveFault::seen_normal() {
  if (cleared_) return true;
  std::string note;
  if (fault_->probe(&note) == Probe::normal) {
    cleared_ = true;
    edge(FaultEdge::cleared, note);
    journal_state(UndoState::reverted, note);
  }
  note_ = note;
  return cleared_;
}

void ActiveFault::not_cleared() {
  edge(FaultEdge::not_cleared, note_);
  const bool gone = silent_since_ && clock_.now() - *silent_since_ >= kLease;
  // A one-shot leaves something behind only where we had to start again what we killed, and could not.
  residue_ = one_shot() ? owed_ && !healed_ : !gone;
  if (one_shot() && !residue_)
    journal_state(UndoState::reverted,
                  std::string(owed_ ? "started again" : "nothing to undo") + "; not seen to recover: " + note_);
  else if (gone && !one_shot())
    journal_state(UndoState::reverted, "nothing listens there any more, and the lease is over");
  else
    journal_state(UndoState::residue, note_);
}

void ActiveFault::drop(const std::string& why) { journal_state(UndoState::reverted, "never made: " + why); }

void ActiveFault::edge(FaultEdge e, const std::string& note) {
  history_.write(FaultChanged{clock_.now(), segment_.index, segment_.fault.fault, segment_.fault.on, e, note});
}

void ActiveFault::journal_state(UndoState state, const std::string& note) {
  closed_ = state == UndoState::reverted || state == UndoState::residue;
  // A journal that cannot be written leaves the entry open: then recover undoes once more, which is harmless.
  (void)journal_.mark(id_, state, "harness", note);
}

}  // namespace cardstorm
