// card_unique (M6): each card is disclosed to at most one order over the whole history, and the audit agrees. The
// buyers' eyes are enough to prove a double, for a stolen row in the database the audit shows one order only.
#include "harness/core/text.hpp"
#include "harness/judge/orders.hpp"

namespace cardstorm {
namespace {

constexpr const char* kCardUnique = "card_unique";

class CardUnique final : public OrderCheck {
 protected:
  [[nodiscard]] Finding judge(const Orders& orders, const Evidence& e) const override {
    FindingBuilder v(kCardUnique);
    std::map<std::string, std::vector<Holder>> holders;
    for (const auto& [key, o] : orders) {
      for (const auto& card : o.all_cards()) {
        const auto seen = o.cards.find(card);
        holders[name_of_card(card, e)].push_back({&o, seen == o.cards.end() ? o.money_at() : seen->second});
      }
      // Texts that are not ours are card_genuine's business, unless this shop has no mint at all.
      if (e.minted.empty())
        for (const auto& [digest, at] : o.foreign) holders["text " + digest].push_back({&o, at});
    }
    v.examined(holders.size());
    for (const auto& [card, who] : holders)
      for (std::size_t i = 1; i < who.size(); ++i)
        v.violation(who[i].order->order, card + " was also given to order " + who[0].order->order, who[i].at,
                    price_of(*who[i].order));
    return v.finish(e.audit != nullptr
                        ? "every card went to one order, in buyers' eyes and in the audit"
                        : "every card went to one order, in buyers' eyes (there was no audit to compare)",
                    "no card was handed out");
  }

 private:
  struct Holder {
    const OrderFacts* order;
    Nanos at;
  };

  static std::string name_of_card(const CardKey& card, const Evidence& e) {
    std::string sku = "sku " + std::to_string(card.first);
    for (const auto& m : e.minted)
      if (m.number == card.first) sku = m.sku;
    return "card " + sku + "#" + std::to_string(card.second);
  }

  static std::int64_t price_of(const OrderFacts& o) { return o.quantity == 0 ? 0 : o.amount_cents / o.quantity; }
};

}  // namespace

std::unique_ptr<Check> make_card_unique() { return std::make_unique<CardUnique>(); }

}  // namespace cardstorm
