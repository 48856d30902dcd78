// active_fault: one fault from its planning to its end, as an owner: the undo is journalled before the fault is made,
// each edge goes into the history, and it is healed when the object goes, however that comes about.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "harness/core/clock.hpp"
#include "harness/core/events.hpp"
#include "harness/fault/fault.hpp"
#include "harness/lease/undo_journal.hpp"

namespace cardstorm {

class ActiveFault {
 public:
  /// Journals the undo; an error means that the fault must not be made.
  static Result<std::unique_ptr<ActiveFault>> plan(std::unique_ptr<Fault> fault, const Segment& segment,
                                                   UndoJournal& journal, EventSink& history, const Clock& clock);
  ~ActiveFault();
  ActiveFault(const ActiveFault&) = delete;
  ActiveFault& operator=(const ActiveFault&) = delete;

  /// Edges injecting, injected; or failed (then heal: it may be half made).
  Status inject();
  /// Renews the lease when the last renewal is `every` ago. When none has succeeded for longer than the lease: edge
  /// failed, once, since the fault is no longer known to be on.
  void renew_when_due(Nanos every);
  /// Looks, and writes `verified` at the first sight of the effect.
  bool seen_in_force();
  void not_verified();
  /// Edges healing, healed. May be called again when it failed.
  Status heal();
  /// Looks, and writes `cleared` at the first sight of normal.
  bool seen_normal();
  /// Normal was not seen: edge not_cleared. Residue, unless it was a one-shot with nothing (left) to undo, or nothing
  /// listened there for the length of a lease (what held the fault is gone).
  void not_cleared();
  /// It was planned but never made.
  void drop(const std::string& why);

  [[nodiscard]] bool verified() const { return verified_; }
  [[nodiscard]] bool cleared() const { return cleared_; }
  [[nodiscard]] bool residue() const { return residue_; }
  [[nodiscard]] bool one_shot() const { return fault_->one_shot(); }
  [[nodiscard]] const std::string& note() const { return note_; }

 private:
  ActiveFault(std::unique_ptr<Fault> fault, const Segment& segment, UndoJournal& journal, EventSink& history,
              const Clock& clock);
  void edge(FaultEdge edge, const std::string& note = "");
  void journal_state(UndoState state, const std::string& note);

  std::unique_ptr<Fault> fault_;
  const Segment segment_;
  UndoJournal& journal_;
  EventSink& history_;
  const Clock& clock_;
  std::string id_, note_;
  bool owed_ = false;  // there is something to undo
  bool made_ = false, verified_ = false, healing_ = false, healed_ = false, cleared_ = false, lapsed_ = false,
       closed_ = false, residue_ = false;
  Nanos asked_{0}, renewed_{0};        // last renewal tried, last one accepted
  std::optional<Nanos> silent_since_;  // since when healing has found nothing that listens
};

}  // namespace cardstorm
