// money_conserved (M1): charges less refunds, plus what wallets gave, equal what the platform booked: per order, which
// names the culprit, and then over everything, which finds money that belongs to no order.
#include "harness/core/text.hpp"
#include "harness/judge/orders.hpp"

namespace cardstorm {
namespace {

constexpr const char* kMoneyConserved = "money_conserved";

class MoneyConserved final : public OrderCheck {
 protected:
  [[nodiscard]] Finding judge(const Orders& orders, const Evidence& e) const override {
    FindingBuilder v(kMoneyConserved);
    if (!e.journals_whole) v.missing("whole journals of the channels");
    if (e.audit == nullptr) v.missing("the final audit");
    for (const auto& [key, o] : orders) {
      std::int64_t booked = 0;
      for (const auto* row : o.audit) booked += row->paid_cents - row->refunded_cents;
      if (booked == 0 && o.payments() == 0 && o.refunds.empty() && o.ledger.empty()) continue;
      v.examined();
      // A torn journal or a missing audit can explain any difference: then nothing is proved.
      if (e.journals_whole && e.audit != nullptr) judge_order(o, booked, e, v);
    }
    if (e.journals_whole && e.audit != nullptr && v.clean()) judge_whole(e, v);
    return v.finish("bank, wallets and books agree, order by order and in sum", "no money moved");
  }

 private:
  static void judge_order(const OrderFacts& o, std::int64_t booked, const Evidence& e, FindingBuilder& v) {
    const std::int64_t moved = o.net_paid_cents();
    if (moved == booked) return;
    const std::string what = "bank and wallet say " + money_text(moved) + " paid, the books say " + money_text(booked);
    if (!settled(o.money_at(), e))
      v.open_case(o.order, what);
    else
      v.violation(o.order, what, o.money_at(), moved > booked ? moved - booked : booked - moved);
  }

  static void judge_whole(const Evidence& e, FindingBuilder& v) {
    std::int64_t bank = 0, revenue = 0, wallets = 0;
    for (const auto& c : e.charges) bank += c.amount_cents;
    for (const auto& r : e.refunds) bank -= r.amount_cents;
    for (const auto& row : e.audit->orders) revenue += row.paid_cents - row.refunded_cents;
    for (const auto& w : e.audit->wallets) wallets += w.balance_cents - w.opening_cents;
    if (bank == revenue + wallets) return;
    const std::int64_t gap = bank - revenue - wallets;
    v.violation("",
                "the bank holds " + money_text(bank) + ", revenue plus wallets make " + money_text(revenue + wallets),
                e.end, gap < 0 ? -gap : gap);
  }
};

}  // namespace

std::unique_ptr<Check> make_money_conserved() { return std::make_unique<MoneyConserved>(); }

}  // namespace cardstorm
