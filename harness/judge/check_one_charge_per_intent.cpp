// one_charge_per_intent (M3): one order is paid once, by channel or wallet; a surplus must have gone back by the end.
#include "harness/core/text.hpp"
#include "harness/judge/orders.hpp"

namespace cardstorm {
namespace {

constexpr const char* kOneChargePerIntent = "one_charge_per_intent";

class OneChargePerIntent final : public OrderCheck {
 protected:
  [[nodiscard]] Finding judge(const Orders& orders, const Evidence& e) const override {
    FindingBuilder v(kOneChargePerIntent);
    if (!e.journals_whole) v.missing("whole journals of the channels");
    bool wallet_unseen = false;
    for (const auto& [key, o] : orders) {
      wallet_unseen = wallet_unseen || (o.wallet_asked && e.audit == nullptr);
      if (o.payments() == 0) continue;
      v.examined();
      if (o.payments() > 1) judge_surplus(o, e, v);
    }
    if (wallet_unseen) v.missing("the final audit, which shows payments from wallets");
    return v.finish("every paid order was charged once, or the surplus went back", "no order was charged");
  }

 private:
  static void judge_surplus(const OrderFacts& o, const Evidence& e, FindingBuilder& v) {
    // An order that the shop itself calls refunded has nothing left to keep.
    const std::int64_t kept = o.audit_says("refunded") ? 0 : o.one_payment_cents();
    const std::int64_t surplus = o.net_paid_cents() - kept;
    if (surplus <= 0) return;
    const std::string what =
        "charged " + std::to_string(o.payments()) + " times, surplus of " + money_text(surplus) + " not returned";
    if (e.journals_whole && settled(o.money_at(), e))
      v.violation(o.order, what, o.money_at(), surplus);
    else
      v.open_case(o.order, what);
  }
};

}  // namespace

std::unique_ptr<Check> make_one_charge_per_intent() { return std::make_unique<OneChargePerIntent>(); }

}  // namespace cardstorm
