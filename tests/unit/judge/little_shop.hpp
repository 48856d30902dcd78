// little_shop: a few lines that make a small history with its witnesses, for the checks' tests. All is well by default:
// journals whole, drained, an audit at hand, end at 100 s.
#pragma once

#include <string>
#include <vector>

#include "harness/judge/check.hpp"

namespace cardstorm {

class LittleShop {
 public:
  LittleShop() {
    e.journals_whole = true;
    e.drained = true;
    e.end = 100s;
    e.minted = {{"game", "game_card", 1, 10, 1000},
                {"rare", "game_card", 2, 2, 500},
                {"vip", "membership", 3, 0, 300},
                {"phone", "topup", 4, 0, 700},
                {"sword", "equipment", 5, 0, 900}};
  }

  LittleShop& order(const std::string& no, const std::string& sku, std::uint32_t quantity, std::int64_t cents,
                    Nanos at = 1s) {
    events.push_back(OrderSeen{next_++, at, no, sku, quantity, cents});
    return *this;
  }
  LittleShop& pay(const std::string& no, const std::string& channel, Outcome outcome = Outcome::ok, Nanos at = 2s) {
    events.push_back(PaySeen{next_, at, no, channel, outcome});
    return *this;
  }
  LittleShop& charge(const std::string& no, std::int64_t cents, Nanos at = 2s) {
    e.charges.push_back({at, "alpha", "t" + std::to_string(++next_), "o-" + no, no, cents});
    return *this;
  }
  LittleShop& refund(const std::string& no, std::int64_t cents, Nanos at = 5s) {
    e.refunds.push_back({at, "alpha", "t", "r" + std::to_string(++next_), no, cents});
    return *this;
  }
  LittleShop& topup(const std::string& no, bool done = true) {
    e.topups.push_back({3s, "q" + std::to_string(++next_), no, "d", 700, done});
    return *this;
  }
  LittleShop& card(const std::string& no, std::uint32_t sku, std::uint32_t index, Nanos at = 3s) {
    events.push_back(CardSeen{next_, at, no, true, sku, index, ""});
    return *this;
  }
  LittleShop& foreign(const std::string& no, const std::string& digest) {
    events.push_back(CardSeen{next_, 3s, no, false, 0, 0, digest});
    return *this;
  }
  LittleShop& receipt(const std::string& no, const std::string& kind, const std::string& reference) {
    events.push_back(GoodsSeen{next_, 3s, no, kind, reference});
    return *this;
  }
  LittleShop& balance(const std::string& wallet, std::int64_t cents) {
    events.push_back(WalletSeen{next_, 3s, 3s, wallet, cents});
    return *this;
  }

  /// The platform's own books. `cards`: indices of the order's SKU number.
  LittleShop& booked(const std::string& no, const std::string& sku, const std::string& status, std::uint32_t quantity,
                     std::int64_t paid, std::int64_t refunded = 0, std::vector<std::uint32_t> cards = {},
                     const std::string& via = "alpha") {
    AuditOrder row;
    row.order = no;
    row.sku = sku;
    row.status = status;
    row.quantity = quantity;
    row.amount_cents = paid;
    row.paid_cents = paid;
    row.refunded_cents = refunded;
    row.paid_via = via;
    for (const auto& m : e.minted)
      if (m.sku == sku) {
        row.goods = m.goods;
        for (const auto index : cards) row.cards.push_back({true, m.number, index});
      }
    audit.orders.push_back(row);
    return *this;
  }
  LittleShop& wallet(const std::string& name, std::int64_t opening, std::int64_t balance) {
    audit.wallets.push_back({name, balance, opening});
    return *this;
  }
  LittleShop& entry(const std::string& name, const std::string& order, std::int64_t delta, std::int64_t after) {
    const auto seq = static_cast<std::uint64_t>(audit.ledger.size()) + 1;
    audit.ledger.push_back({seq, name, order, delta < 0 ? "pay" : "refund", delta, after});
    return *this;
  }
  /// So many cards were sold before the run.
  LittleShop& earlier(std::uint32_t sku, std::uint32_t cards) { return audit.earlier[sku] = cards, *this; }
  LittleShop& no_audit() { return told_ = false, *this; }
  LittleShop& torn() { return e.journals_whole = false, *this; }
  LittleShop& not_drained() { return e.drained = false, *this; }
  LittleShop& no_mint() { return e.minted.clear(), *this; }

  /// A bought game card, all as it should be.
  LittleShop& good_sale(const std::string& no, std::uint32_t index) {
    return order(no, "game", 1, 1000)
        .pay(no, "alpha")
        .charge(no, 1000)
        .card(no, 1, index)
        .booked(no, "game", "delivered", 1, 1000, 0, {index});
  }

  Finding judged_by(const std::string& name) {
    for (const auto& entry : check_registry()) {
      if (entry.name != name) continue;
      const auto check = entry.make();
      for (const auto& event : events) check->observe(event);
      e.audit = told_ ? &audit : nullptr;
      return check->conclude(e);
    }
    return {};
  }

  std::vector<Event> events;
  Evidence e;
  Audit audit;

 private:
  bool told_ = true;
  TradeId next_ = 0;
};

/// One line of a table of histories.
struct Told {
  std::string story;
  LittleShop shop;
  Verdict verdict;
  std::uint64_t violations;
};

}  // namespace cardstorm
