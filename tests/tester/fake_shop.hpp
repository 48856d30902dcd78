// fake_shop: a card shop in virtual time with a switch per planted bug. It makes what a run would leave behind: history
// events, the bank's journals, the mint's manifest and the final audit. Everything follows from the seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/judge/evidence.hpp"

namespace cardstorm {

/// One mistake each, as they were found in real shops.
enum class Bug : std::uint8_t {
  none,
  double_card,    // select-then-update: one card to two orders
  lost_credit,    // acknowledged before delivering: paid, never delivered
  double_charge,  // the retry of a payment is a new payment
  double_credit,  // a repeated notify delivers again
  foreign_card,   // an apology text handed out as the card
  oversell,       // payments accepted beyond the stock
  wallet_drift,   // read-modify-write of a balance: one entry is lost
  money_drift,    // the books show a smaller payment than the bank took
};
std::string_view to_text(Bug bug);

struct FakeRun {
  RunRecord record;
  std::vector<Event> events;  // by time
  [[nodiscard]] HistorySource history() const;
};

/// 60 to 160 trades of all classes over 40 s, some broken in ways that a healthy shop survives: lost answers, resends,
/// late notifies, refunds, sold-out. The bug, if any, strikes at least once.
FakeRun fake_run(std::uint64_t seed, Bug bug);

}  // namespace cardstorm
