// fake_shop: see fake_shop.hpp.
#include "tests/tester/fake_shop.hpp"

#include <algorithm>
#include <map>

#include "harness/core/rng.hpp"
#include "harness/plan/arrivals.hpp"

namespace cardstorm {
namespace {

constexpr std::int64_t kOpening = 50'000;

Step step(const char* name, Fact fact) {
  Step s;
  s.name = name;
  s.fact = fact;
  return s;
}

Journey journey(const char* name, const char* flow, const char* goods, std::vector<std::string> skus) {
  Journey j;
  j.name = name;
  j.flow = flow;
  j.goods = goods;
  j.skus = std::move(skus);
  j.channels = {"alpha", "beta", "wallet"};
  j.steps = {step("order", Fact::order), step("pay", Fact::pay), step("receive", Fact::cards)};
  j.steps[2].poll = Poll{};
  return j;
}

Plan make_plan(std::uint64_t seed, std::uint64_t trades) {
  Plan p;
  p.scenario = "fake";
  p.target = "fake";
  p.seed = seed;
  p.journeys = {journey("buy", "buy", "game_card", {"game"}), journey("rare", "buy", "game_card", {"rare"}),
                journey("bulk", "bulk", "game_card", {"game"}), journey("member", "refund", "membership", {"vip"}),
                journey("phone", "topup", "topup", {"phone"})};
  p.journeys[2].quantity_min = p.journeys[2].quantity_max = 3;
  p.stock = {{"game", "game_card", 2000, 1000},
             {"rare", "game_card", 6, 500},
             {"vip", "membership", 0, 300},
             {"phone", "topup", 0, 700}};
  p.planned_trades = trades;
  p.planned_steps = trades * 3;
  p.load_end = 40s;
  p.drain = 20s;
  return p;
}

/// The shop, its bank, and the buyers' eyes, one trade after the other in virtual time.
class Shop {
 public:
  Shop(std::uint64_t seed, Bug bug) : rng_(seed, "fake_shop"), bug_(bug) {
    const std::uint64_t trades = 60 + rng_.below(100);
    run_.record.plan = std::make_unique<Plan>(make_plan(seed, trades));
    run_.record.audit = std::make_unique<Audit>();
    run_.record.info.target = "fake";
    run_.record.info.drained = true;
    auto& e = run_.record.evidence;
    e.plan = run_.record.plan.get();
    e.audit = run_.record.audit.get();
    e.journals_whole = e.drained = true;
    e.end = 60s;
    std::uint32_t number = 0;
    for (const auto& s : e.plan->stock) e.minted.push_back({s.sku, s.goods, ++number, s.cards, s.price_cents});
    // The bug strikes from a third of the trades on, where its kind of order comes by.
    strike_from_ = trades / 3;
  }

  FakeRun made() {
    const Plan& plan = *run_.record.plan;
    for (TradeId t = 0; t < plan.planned_trades; ++t)
      trade(arrival(plan, t, Nanos(static_cast<std::int64_t>(40'000'000'000ULL * t / plan.planned_trades))));
    finish();
    return std::move(run_);
  }

 private:
  struct Sale {
    Arrival a;
    std::string order;
    const MintedSku* sku;
    std::int64_t cents;
    AuditOrder row;
    Nanos at;
    bool seen;
  };

  Audit& audit() { return *run_.record.audit; }
  Evidence& evidence() { return run_.record.evidence; }
  bool chance(double p) { return rng_.unit() < p; }
  void tell(Event e) { run_.events.push_back(std::move(e)); }

  /// True once the bug may strike; `again` bugs strike with the given chance afterwards.
  bool strikes(Bug bug, TradeId trade, double again = 0.3) {
    if (bug_ != bug || trade < strike_from_) return false;
    if (struck_ && !chance(again)) return false;
    return struck_ = true;
  }

  void trade(const Arrival& a) {
    const MintedSku* sku = nullptr;
    for (const auto& m : evidence().minted)
      if (m.sku == a.sku) sku = &m;
    tell(TradePlanned{a.trade, a.at, a.journey, 3});
    std::uint32_t& left = stock_.try_emplace(a.sku, sku->cards).first->second;
    const bool limited = sku->cards > 0;
    if (limited && left < a.quantity && !(bug_ == Bug::oversell && a.trade >= strike_from_)) return refuse(a);
    const bool beyond = limited && left < a.quantity;
    if (beyond)
      struck_ = true;
    else if (limited)
      left -= a.quantity;
    Sale s{a, "n" + std::to_string(a.trade), sku, sku->price_cents * a.quantity, {}, a.at + 50ms, !chance(0.08)};
    s.row.order = s.order;
    s.row.buyer = a.buyer;
    s.row.sku = a.sku;
    s.row.goods = sku->goods;
    s.row.quantity = a.quantity;
    s.row.amount_cents = s.cents;
    s.row.status = "created";
    sell(s, beyond);
    audit().orders.push_back(s.row);
  }

  void refuse(const Arrival& a) {
    ended(a, 0, a.at + 30ms, Outcome::failed, Cause::sold_out);
    for (std::uint16_t i = 1; i < 3; ++i) ended(a, i, a.at + 30ms, Outcome::failed, Cause::earlier_step);
    tell(TradeEnded{a.trade, a.at + 30ms, TradeOutcome::failed, Cause::sold_out});
  }

  void ended(const Arrival& a, std::uint16_t index, Nanos done, Outcome outcome, Cause cause,
             std::uint16_t resends = 0) {
    const bool sent = cause != Cause::earlier_step;
    const Nanos planned = index == 0 ? a.at : done - 20ms;
    tell(StepEnded{a.trade, index, planned, planned, done, outcome, cause, static_cast<std::uint16_t>(sent ? 200 : 0),
                   static_cast<std::uint16_t>(sent ? 1 + resends : 0), resends});
  }

  void lose(const Arrival& a, std::uint16_t index, Nanos at) {
    ended(a, index, at, Outcome::unknown, Cause::timeout, 1);
    for (auto i = static_cast<std::uint16_t>(index + 1); i < 3; ++i)
      ended(a, i, at, Outcome::failed, Cause::earlier_step);
    tell(TradeEnded{a.trade, at, TradeOutcome::unknown, Cause::timeout});
  }

  void sell(Sale& s, bool beyond) {
    // The answer to the order may be lost: then the buyer goes away, and the order stays unpaid.
    if (chance(0.03)) return lose(s.a, 0, s.at + 8s);
    ended(s.a, 0, s.at, Outcome::ok, Cause::none);
    tell(OrderSeen{s.a.trade, s.at, s.order, s.a.sku, s.a.quantity, s.cents});
    const Nanos paid_at = s.at + 200ms + Nanos(static_cast<std::int64_t>(rng_.below(300)) * 1'000'000);
    pay(s, paid_at);
    const bool answer_lost = chance(0.05);
    tell(PaySeen{s.a.trade, paid_at, s.order, s.a.channel, answer_lost ? Outcome::unknown : Outcome::ok});
    // A late notify is what makes orders hang; a healthy shop asks the channel.
    const Nanos handed = paid_at + (chance(0.1) ? 9s : 100ms);
    if (!strikes(Bug::lost_credit, s.a.trade)) deliver(s, handed, answer_lost, beyond);
    if (answer_lost) return lose(s.a, 1, paid_at + 8s);
    ended(s.a, 1, paid_at, Outcome::ok, Cause::none);
    if (s.row.status == "paid") return lose(s.a, 2, s.a.at + 30s);
    ended(s.a, 2, handed, Outcome::ok, Cause::none);
    tell(TradeEnded{s.a.trade, handed, TradeOutcome::ok, Cause::none});
    if (s.sku->goods == "membership" && chance(0.5)) refund(s, handed + 1s);
  }

  void pay(Sale& s, Nanos at) {
    s.row.status = "paid";
    s.row.paid_via = s.a.channel;
    s.row.paid_cents = s.cents;
    if (s.a.channel == "wallet") {
      enter(s.a.buyer, s.order, -s.cents);
      if (chance(0.3)) tell(WalletSeen{s.a.trade, at, at, s.a.buyer, wallets_[s.a.buyer]});
      return;
    }
    charge(s, at);
    if (strikes(Bug::double_charge, s.a.trade)) charge(s, at + 1s);
    if (strikes(Bug::money_drift, s.a.trade)) s.row.paid_cents -= 1 + static_cast<std::int64_t>(rng_.below(99));
    const bool first_lost = chance(0.15);
    notify(s, at, 1, !first_lost);
    if (first_lost) notify(s, at + 6s, 2, true);
  }

  void charge(const Sale& s, Nanos at) {
    const std::string no = "t" + std::to_string(++numbers_);
    evidence().charges.push_back({at, s.a.channel, no, "o-" + s.order, s.order, s.cents});
  }
  void notify(const Sale& s, Nanos at, int attempt, bool taken) {
    evidence().notifies.push_back(
        {at + 20ms, s.a.channel, evidence().charges.back().trade_no, s.order, attempt, taken, 15ms});
  }

  void enter(const std::string& wallet, const std::string& order, std::int64_t delta) {
    auto& balance = wallets_.try_emplace(wallet, kOpening).first->second;
    if (strikes(Bug::wallet_drift, strike_from_)) {  // the lost update: the entry is written, the balance forgets it
      audit().ledger.push_back({++sequence_, wallet, order, delta < 0 ? "pay" : "refund", delta, balance});
      return;
    }
    balance += delta;
    audit().ledger.push_back({++sequence_, wallet, order, delta < 0 ? "pay" : "refund", delta, balance});
  }

  void deliver(Sale& s, Nanos at, bool unseen, bool beyond) {
    s.row.status = "delivered";
    if (s.sku->goods == "topup") return deliver_topup(s, at, unseen);
    if (s.sku->goods == "membership") {
      if (!unseen) tell(GoodsSeen{s.a.trade, at, s.order, "membership", "r-" + s.order});
      return;
    }
    if (beyond) {  // sold beyond the stock: there is no card to give
      s.row.status = "paid";
      return;
    }
    for (std::uint32_t i = 0; i < s.a.quantity; ++i) hand_over(s, next_card(s, i == 0), at, unseen);
    if (s.a.sku == "game" && strikes(Bug::double_credit, s.a.trade)) hand_over(s, next_card(s, false), at, unseen);
    if (strikes(Bug::foreign_card, s.a.trade)) {
      s.row.cards.push_back({false, 0, 0});
      if (!unseen) tell(CardSeen{s.a.trade, at, s.order, false, 0, 0, "sorry"});
    }
  }

  void deliver_topup(Sale& s, Nanos at, bool unseen) {
    const std::string request = "q" + s.order;
    evidence().topups.push_back({at - 50ms, request, s.order, "d", s.cents, false});
    evidence().topups.push_back({at, request, s.order, "d", s.cents, true});
    if (strikes(Bug::double_credit, s.a.trade))
      evidence().topups.push_back({at + 1s, request + "b", s.order, "d", s.cents, true});
    if (!unseen) tell(GoodsSeen{s.a.trade, at, s.order, "topup", request});
  }

  /// The first card of an order may be the last one of the order before: both read it before either updated it.
  std::uint32_t next_card(const Sale& s, bool first) {
    auto& next = cards_[s.a.sku];
    if (first && next > 0 && strikes(Bug::double_card, s.a.trade)) return next - 1;
    return next++;
  }
  void hand_over(Sale& s, std::uint32_t index, Nanos at, bool unseen) {
    s.row.cards.push_back({true, s.sku->number, index});
    if (!unseen) tell(CardSeen{s.a.trade, at, s.order, true, s.sku->number, index, ""});
  }

  void refund(Sale& s, Nanos at) {
    s.row.status = "refunded";
    s.row.refunded_cents = s.row.paid_cents;
    if (s.a.channel == "wallet")
      enter(s.a.buyer, s.order, s.cents);
    else
      evidence().refunds.push_back({at, s.a.channel, "t", "f" + s.order, s.order, s.cents});
    tell(RefundSeen{s.a.trade, at, s.order, s.cents, Outcome::ok});
  }

  void finish() {
    for (const auto& [name, balance] : wallets_) audit().wallets.push_back({name, balance, kOpening});
    tell(GeneratorSeen{60s, 100us, 900us, 1.0, 0.2, 0.0, "rr"});
    tell(PhaseMarked{0s, Phase::steady, 0});
    tell(PhaseMarked{60s, Phase::done, 0});
    std::stable_sort(run_.events.begin(), run_.events.end(),
                     [](const Event& a, const Event& b) { return time_of(a) < time_of(b); });
  }

  Rng rng_;
  Bug bug_;
  FakeRun run_;
  TradeId strike_from_ = 0;
  bool struck_ = false;
  std::uint64_t numbers_ = 0, sequence_ = 0;
  std::map<std::string, std::uint32_t> stock_, cards_;
  std::map<std::string, std::int64_t> wallets_;
};

}  // namespace

std::string_view to_text(Bug bug) {
  constexpr const char* kNames[] = {"none",         "double_card", "lost_credit",  "double_charge", "double_credit",
                                    "foreign_card", "oversell",    "wallet_drift", "money_drift"};
  return kNames[static_cast<std::size_t>(bug)];
}

HistorySource FakeRun::history() const {
  return [this](const std::function<void(const Event&)>& visit) -> Result<std::vector<HistoryDamage>> {
    for (const auto& e : events) visit(e);
    return std::vector<HistoryDamage>{};
  };
}

FakeRun fake_run(std::uint64_t seed, Bug bug) { return Shop(seed, bug).made(); }

}  // namespace cardstorm
