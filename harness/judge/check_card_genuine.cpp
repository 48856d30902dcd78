// card_genuine (M7): every text handed out as a card decodes to the mint, exists, and is of the SKU that was bought.
// Without a mint nobody can say what is genuine.
#include "harness/core/text.hpp"
#include "harness/judge/orders.hpp"

namespace cardstorm {
namespace {

constexpr const char* kCardGenuine = "card_genuine";

class CardGenuine final : public OrderCheck {
 protected:
  [[nodiscard]] Finding judge(const Orders& orders, const Evidence& e) const override {
    FindingBuilder v(kCardGenuine);
    if (e.minted.empty()) v.missing("the mint's manifest");
    for (const auto& [key, o] : orders) {
      for (const auto& card : o.all_cards()) {
        v.examined();
        if (e.minted.empty()) continue;
        const auto seen = o.cards.find(card);
        judge_card(o, card, seen == o.cards.end() ? o.money_at() : seen->second, e, v);
      }
      v.examined(foreign_count(o));
      if (!e.minted.empty()) judge_foreign(o, v);
    }
    return v.finish("every card text came from the mint and fits its order", "no card was handed out");
  }

 private:
  static std::uint64_t foreign_in_audit(const OrderFacts& o) {
    std::uint64_t n = 0;
    for (const auto* row : o.audit)
      for (const auto& c : row->cards) n += c.genuine ? 0 : 1;
    return n;
  }
  static std::uint64_t foreign_count(const OrderFacts& o) {
    return std::max<std::uint64_t>(o.foreign.size(), foreign_in_audit(o));
  }

  static std::int64_t price_of(const OrderFacts& o) { return o.quantity == 0 ? 0 : o.amount_cents / o.quantity; }

  static void judge_foreign(const OrderFacts& o, FindingBuilder& v) {
    for (const auto& [digest, at] : o.foreign)
      v.violation(o.order, "text " + digest + " is no card of the mint", at, price_of(o));
    // The buyer did not see these, or saw the same ones: count only what is beyond them.
    for (std::uint64_t i = o.foreign.size(); i < foreign_in_audit(o); ++i)
      v.violation(o.order, "the audit shows a text that is no card of the mint", o.money_at(), price_of(o));
  }

  static void judge_card(const OrderFacts& o, const CardKey& card, Nanos at, const Evidence& e, FindingBuilder& v) {
    const MintedSku* sku = nullptr;
    for (const auto& m : e.minted)
      if (m.number == card.first) sku = &m;
    const std::string name =
        (sku != nullptr ? sku->sku : "sku " + std::to_string(card.first)) + "#" + std::to_string(card.second);
    if (sku == nullptr || card.second >= sku->cards)
      v.violation(o.order, "card " + name + " was never minted", at, price_of(o));
    else if (!o.sku.empty() && sku->sku != o.sku)
      v.violation(o.order, "card " + name + " handed out for " + o.sku, at, price_of(o));
  }
};

}  // namespace

std::unique_ptr<Check> make_card_genuine() { return std::make_unique<CardGenuine>(); }

}  // namespace cardstorm
