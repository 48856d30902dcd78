// check: one promise of a card shop, proved or broken from what witnesses saw. A fold over the history, then a
// conclusion with the other witnesses at hand. One check, one file, one line in registry.def.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/events.hpp"
#include "harness/core/json.hpp"
#include "harness/judge/scorecard.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

/// Lines of the partners' journals (harness/partners/journal.md), times already turned into offsets from load start.
struct Charge {
  Nanos at;
  std::string channel, trade_no, out_trade_no, order;
  std::int64_t amount_cents;
};
struct ChannelRefund {
  Nanos at;
  std::string channel, trade_no, refund_no, order;
  std::int64_t amount_cents;
};
struct Notify {
  Nanos at;
  std::string channel, trade_no, order;
  int attempt;
  bool acknowledged;
  Nanos took{0};
};
struct Topup {
  Nanos at;
  std::string request_no, order, phone_digest;
  std::int64_t amount_cents;
  bool done;
};

// number: CardSeen::sku
struct MintedSku {
  std::string sku, goods;
  std::uint32_t number = 0, cards = 0;
  std::int64_t price_cents = 0;
};

/// The final audit, row by row, as the platform (or its database) says: never believed alone.
struct AuditOrder {
  std::string order, buyer, sku, goods, status, paid_via;
  std::uint32_t quantity = 0;
  std::int64_t amount_cents = 0, paid_cents = 0, refunded_cents = 0;
  struct Card {
    bool genuine;
    std::uint32_t sku, index;
  };
  std::vector<Card> cards;
};
struct AuditWallet {
  std::string wallet;
  std::int64_t balance_cents = 0, opening_cents = 0;
};
struct AuditLedger {
  std::uint64_t seq = 0;
  std::string wallet, order, kind;
  std::int64_t delta_cents = 0, balance_after_cents = 0;
};
struct Audit {
  std::string source; /* api | sql */
  std::vector<AuditOrder> orders;
  std::vector<AuditWallet> wallets;
  std::vector<AuditLedger> ledger;
  std::map<std::uint32_t, std::uint32_t> earlier; /* by SKU number: cards sold before the run */
};

struct Evidence {
  const Plan* plan = nullptr;
  std::vector<Charge> charges;
  std::vector<ChannelRefund> refunds;
  std::vector<Notify> notifies;
  std::vector<Topup> topups;
  std::vector<MintedSku> minted;
  std::map<std::string, std::vector<Nanos>> asked;  // by journal: when the platform asked something of this partner
  bool journals_whole = false;                      // every journal present, untruncated
  bool drained = false;                             // load ended, faults healed, drain time passed
  Nanos end{0};                                     // end of the drain
  const Audit* audit = nullptr;                     // nullptr: none could be had
};

class Check {
 public:
  virtual ~Check() = default;
  virtual void observe(const Event& event) = 0;
  virtual Finding conclude(const Evidence& evidence) = 0;
};

struct CheckEntry {
  std::string name, title_en, title_zh;  // the promise in one sentence
  std::unique_ptr<Check> (*make)();
};
const std::vector<CheckEntry>& check_registry();

}  // namespace cardstorm
