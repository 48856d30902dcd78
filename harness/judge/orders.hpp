// orders: what all witnesses together know about each order. Joined by order number; the platform's audit is one voice
// among the others.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/judge/check.hpp"

namespace cardstorm {

using CardKey = std::pair<std::uint32_t, std::uint32_t>;  // sku number, index

/// Yes, no, or nobody can tell.
enum class Ternary : std::uint8_t { no, yes, unknown };

struct OrderFacts {
  std::string order;
  // From the history.
  bool seen = false;  // the buyer learned the order's number and terms
  TradeId trade = 0;
  Nanos seen_at{0};
  bool wallet_asked = false;              // the buyer asked to pay from the wallet, and was not plainly refused
  std::map<CardKey, Nanos> cards;         // genuine cards disclosed, with the first time
  std::map<std::string, Nanos> foreign;   // digests of texts that no mint of ours made
  std::map<std::string, Nanos> receipts;  // of membership and equipment
  // From the buyer, else from the audit.
  std::string sku, goods;
  std::uint32_t quantity = 0;  // 0: nobody knows
  std::int64_t amount_cents = 0;
  // From the journals and the audit.
  std::vector<const Charge*> charges;
  std::vector<const ChannelRefund*> refunds;
  std::vector<const Topup*> topups;      // done ones
  std::vector<const AuditOrder*> audit;  // more than one row would be a bug of the platform
  std::vector<const AuditLedger*> ledger;

  [[nodiscard]] std::int64_t charged_cents() const;
  [[nodiscard]] std::int64_t refunded_cents() const;
  /// Taken from the wallet less given back to it.
  [[nodiscard]] std::int64_t wallet_cents() const;
  /// What the buyer is out of pocket, by bank and wallet together.
  [[nodiscard]] std::int64_t net_paid_cents() const { return charged_cents() - refunded_cents() + wallet_cents(); }
  /// Charges of a channel plus debits of the wallet.
  [[nodiscard]] std::uint64_t payments() const;
  /// Largest single payment.
  [[nodiscard]] std::int64_t one_payment_cents() const;
  /// When the last money moved, as far as known; the time the order was seen for payments from the wallet.
  [[nodiscard]] Nanos money_at() const;
  /// Distinct genuine cards, disclosed or delivered by the audit.
  [[nodiscard]] std::set<CardKey> all_cards() const;
  [[nodiscard]] bool audit_says(std::string_view status) const;
};

/// Collects what the history says about orders; join() adds the other witnesses.
class OrderFold {
 public:
  void observe(const Event& event);
  /// All orders by number. The pointers live as long as `evidence`.
  [[nodiscard]] std::map<std::string, OrderFacts> join(const Evidence& evidence) const;

 private:
  OrderFacts& of(const std::string& order, TradeId trade);
  std::map<std::string, OrderFacts> orders_;
};

/// Was everything that was ordered handed over? A valid card text, a receipt, a top-up in the supplier's journal; the
/// audit's word stands in where the buyer's trade broke before the delivery could be seen.
Ternary delivered(const OrderFacts& o, const Evidence& e);

/// True when nothing more may be expected to happen to money that moved at `at`: drained, and 10 s old at the end.
bool settled(Nanos at, const Evidence& e);

/// A check that needs the joined orders and nothing else of the history.
class OrderCheck : public Check {
 public:
  void observe(const Event& event) override { fold_.observe(event); }
  Finding conclude(const Evidence& evidence) final { return judge(fold_.join(evidence), evidence); }

 protected:
  using Orders = std::map<std::string, OrderFacts>;
  [[nodiscard]] virtual Finding judge(const Orders& orders, const Evidence& evidence) const = 0;

 private:
  OrderFold fold_;
};

/// Gathers violations and what is missing, and turns them into a Finding by one rule: a violation with a witness is
/// fail whatever else is missing; a missing witness, an open case or nothing to examine is unknown; else pass.
class FindingBuilder {
 public:
  explicit FindingBuilder(std::string check) { finding_.name = std::move(check); }
  void examined(std::uint64_t n = 1) { finding_.examined += n; }
  void violation(std::string order, std::string what, Nanos at, std::int64_t amount_cents);
  /// A case that cannot be decided yet or with these witnesses.
  void open_case(const std::string& order, const std::string& what);
  void missing(const std::string& witness);
  [[nodiscard]] bool clean() const { return violations_.empty() && open_ == 0; }
  /// `promise`: what holds when all is well, as one sentence; `nothing`: why there was nothing to examine.
  Finding finish(const std::string& promise, const std::string& nothing);

 private:
  Finding finding_;
  std::vector<Witness> violations_;
  std::vector<std::string> missing_;
  std::string first_open_;
  std::uint64_t open_ = 0;
};

}  // namespace cardstorm
