// one_credit_per_charge (M4): one payment brings at most what it bought: cards up to the quantity, one top-up, one
// receipt, one credit to the wallet.
#include <algorithm>

#include "harness/core/text.hpp"
#include "harness/judge/orders.hpp"

namespace cardstorm {
namespace {

constexpr const char* kOneCreditPerCharge = "one_credit_per_charge";

struct Credits {
  std::string what;
  std::uint64_t given = 0, allowed = 0;
  std::int64_t surplus_cents = 0;
};

Credits surplus_of(const OrderFacts& o, std::string what, std::uint64_t given, std::uint64_t allowed,
                   std::uint64_t pieces) {
  Credits c{std::move(what), given, allowed, 0};
  if (given > allowed)
    c.surplus_cents = o.amount_cents / static_cast<std::int64_t>(std::max<std::uint64_t>(pieces, 1)) *
                      static_cast<std::int64_t>(given - allowed);
  return c;
}

class OneCreditPerCharge final : public OrderCheck {
 protected:
  [[nodiscard]] Finding judge(const Orders& orders, const Evidence& e) const override {
    FindingBuilder v(kOneCreditPerCharge);
    if (!e.journals_whole) v.missing("whole journals of channels and supplier");
    if (e.audit == nullptr) v.missing("the final audit");
    for (const auto& [key, o] : orders) {
      const auto all = credits_of(o);
      const bool any = std::any_of(all.begin(), all.end(), [](const Credits& c) { return c.given > 0; });
      if (!any) continue;
      v.examined();
      for (const auto& c : all)
        if (c.given > c.allowed) judge_surplus(o, c, e, v);
    }
    return v.finish("every payment was credited once at most", "nothing was delivered");
  }

 private:
  static std::vector<Credits> credits_of(const OrderFacts& o) {
    const std::uint64_t payments = std::max<std::uint64_t>(o.payments(), 1);
    const auto back = std::count_if(o.ledger.begin(), o.ledger.end(), [](const auto* r) { return r->delta_cents > 0; });
    std::set<std::string> requests;
    for (const auto* t : o.topups) requests.insert(t->request_no);
    std::vector<Credits> all;
    // Without a known quantity no number of cards is too many.
    if (o.quantity > 0) all.push_back(surplus_of(o, "cards", o.all_cards().size(), o.quantity * payments, o.quantity));
    all.push_back(surplus_of(o, "top-ups", requests.size(), payments, 1));
    if (o.goods != "topup") all.push_back(surplus_of(o, "receipts", o.receipts.size(), payments, 1));
    all.push_back(surplus_of(o, "credits to the wallet", static_cast<std::uint64_t>(back), payments, 1));
    return all;
  }

  static void judge_surplus(const OrderFacts& o, const Credits& c, const Evidence& e, FindingBuilder& v) {
    const std::string what =
        std::to_string(c.given) + " " + c.what + " where " + std::to_string(c.allowed) + " were paid for";
    // A second charge may stand in the torn part of a journal, a second debit in the missing audit.
    if (e.journals_whole && (e.audit != nullptr || !o.charges.empty()))
      v.violation(o.order, what, std::max(o.money_at(), Nanos(0)), c.surplus_cents);
    else
      v.open_case(o.order, what);
  }
};

}  // namespace

std::unique_ptr<Check> make_one_credit_per_charge() { return std::make_unique<OneCreditPerCharge>(); }

}  // namespace cardstorm
