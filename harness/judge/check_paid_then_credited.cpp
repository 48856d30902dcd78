// paid_then_credited (M2): money taken means goods handed over, or money given back; both together is a loss for the
// shop (membership and equipment excepted: their entitlement can be revoked). The bank decides what was paid, not the
// buyer's timeout.
#include "harness/core/text.hpp"
#include "harness/judge/orders.hpp"

namespace cardstorm {
namespace {

constexpr const char* kPaidThenCredited = "paid_then_credited";

bool revocable(const std::string& goods) { return goods == "membership" || goods == "equipment"; }

class PaidThenCredited final : public OrderCheck {
 protected:
  [[nodiscard]] Finding judge(const Orders& orders, const Evidence& e) const override {
    FindingBuilder v(kPaidThenCredited);
    if (!e.journals_whole) v.missing("whole journals of channels and supplier");
    bool wallet_unseen = false;
    for (const auto& [key, o] : orders) {
      wallet_unseen = wallet_unseen || (o.wallet_asked && e.audit == nullptr);
      if (o.payments() == 0) continue;
      v.examined();
      judge_order(o, e, v);
    }
    if (wallet_unseen) v.missing("the final audit, which shows payments from wallets");
    return v.finish("every paid order was delivered or refunded", "no order was paid");
  }

 private:
  static void judge_order(const OrderFacts& o, const Evidence& e, FindingBuilder& v) {
    const Ternary handed = delivered(o, e);
    const std::int64_t net = o.net_paid_cents();
    if (net > 0) {
      if (handed == Ternary::yes) return;
      const std::string what = o.audit.empty() && e.audit != nullptr
                                   ? "paid " + money_text(net) + ", and the platform knows no such order"
                                   : "paid " + money_text(net) + ", neither delivered nor refunded";
      // The refund may stand in the torn part of a journal.
      const bool proved = handed == Ternary::no && e.journals_whole && settled(o.money_at(), e);
      if (proved)
        v.violation(o.order, what, o.money_at(), net);
      else
        v.open_case(o.order, what);
    } else if (handed == Ternary::yes && !revocable(o.goods)) {
      v.violation(o.order, "delivered and refunded in full", o.money_at(), o.one_payment_cents());
    }
  }
};

}  // namespace

std::unique_ptr<Check> make_paid_then_credited() { return std::make_unique<PaidThenCredited>(); }

}  // namespace cardstorm
