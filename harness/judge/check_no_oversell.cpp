// no_oversell (M9): per SKU, the quantity paid for and not refunded is at most what was minted and not sold before the
// run. Judged at the end: a shop that takes too many orders and gives the money back has not oversold. Quantities that
// nobody knows count as an open case.
#include <algorithm>

#include "harness/core/text.hpp"
#include "harness/judge/audit.hpp"
#include "harness/judge/orders.hpp"

namespace cardstorm {
namespace {

constexpr const char* kNoOversell = "no_oversell";

class NoOversell final : public OrderCheck {
 protected:
  [[nodiscard]] Finding judge(const Orders& orders, const Evidence& e) const override {
    FindingBuilder v(kNoOversell);
    if (!e.journals_whole) v.missing("whole journals of the channels");
    if (e.minted.empty()) v.missing("the mint's manifest");
    bool wallet_unseen = false;
    std::map<std::string, std::vector<const OrderFacts*>> sold;
    for (const auto& [key, o] : orders) {
      wallet_unseen = wallet_unseen || (o.wallet_asked && e.audit == nullptr);
      if (o.net_paid_cents() > 0) sold[o.sku].push_back(&o);
    }
    if (wallet_unseen) v.missing("the final audit, which shows payments from wallets");
    for (const auto& m : e.minted) {
      // A SKU of another class without a number of pieces is not limited.
      if (m.cards == 0 && m.goods != "game_card") continue;
      judge_sku(m, sold[m.sku], e, v);
    }
    if (const auto nameless = sold.find(""); nameless != sold.end() && !nameless->second.empty())
      v.open_case(nameless->second.front()->order, "paid, and nobody knows for which goods");
    return v.finish("no SKU was sold beyond its stock", "no goods of limited stock were sold");
  }

 private:
  static void judge_sku(const MintedSku& m, std::vector<const OrderFacts*>& sold, const Evidence& e,
                        FindingBuilder& v) {
    std::stable_sort(sold.begin(), sold.end(),
                     [](const auto* a, const auto* b) { return a->money_at() < b->money_at(); });
    v.examined(sold.size());
    const std::uint32_t stock = stock_at_start(m, e.audit);
    std::uint64_t total = 0;
    const OrderFacts* vague = nullptr;
    for (const auto* o : sold) {
      total += o->quantity;
      if (o->quantity == 0) vague = o;
      if (total <= stock) continue;
      const std::string what = m.sku + ": " + std::to_string(total) + " sold, " + std::to_string(stock) + " in stock";
      // The refund may still come, or stand in the torn part of a journal.
      if (e.journals_whole && settled(o->money_at(), e))
        v.violation(o->order, what, o->money_at(), o->net_paid_cents());
      else
        v.open_case(o->order, what);
    }
    if (vague != nullptr) v.open_case(vague->order, "paid, quantity unknown");
  }
};

}  // namespace

std::unique_ptr<Check> make_no_oversell() { return std::make_unique<NoOversell>(); }

}  // namespace cardstorm
