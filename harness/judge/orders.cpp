// orders: see orders.hpp.
#include "harness/judge/orders.hpp"

#include <algorithm>

#include "harness/core/text.hpp"
#include "harness/judge/round.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kWitnessesMax = 48;
constexpr Nanos kGrace = 10s;  // younger money than this at the end proves nothing

std::string key_of(const std::string& order, TradeId trade) {
  return order.empty() ? "trade " + std::to_string(trade) : order;
}

template <class Map>
void keep_first(Map& map, const typename Map::key_type& key, Nanos at) {
  const auto [it, fresh] = map.emplace(key, at);
  if (!fresh) it->second = std::min(it->second, at);
}

std::string goods_of_sku(const std::string& sku, const Evidence& e) {
  for (const auto& m : e.minted)
    if (m.sku == sku) return m.goods;
  if (e.plan != nullptr)
    for (const auto& s : e.plan->stock)
      if (s.sku == sku) return s.goods;
  return "";
}

void fill_terms(OrderFacts& o, const Evidence& e) {
  for (const AuditOrder* row : o.audit) {
    if (o.sku.empty()) o.sku = row->sku;
    if (o.goods.empty()) o.goods = row->goods;
    if (o.quantity == 0) o.quantity = row->quantity;
    if (o.amount_cents == 0) o.amount_cents = row->amount_cents;
  }
  if (const auto known = goods_of_sku(o.sku, e); !known.empty()) o.goods = known;
}

/// First 46 by time, then the last and the worst where they are not among them.
std::vector<Witness> chosen(std::vector<Witness> all) {
  std::stable_sort(all.begin(), all.end(), [](const Witness& a, const Witness& b) {
    return a.at_s != b.at_s ? a.at_s < b.at_s : a.order < b.order;
  });
  if (all.size() <= kWitnessesMax) return all;
  const auto tail = all.begin() + static_cast<std::ptrdiff_t>(kWitnessesMax) - 2;
  const Witness last = all.back();
  const Witness worst = *std::max_element(
      tail, all.end() - 1, [](const Witness& a, const Witness& b) { return a.amount_cents < b.amount_cents; });
  all.erase(tail, all.end());
  all.push_back(worst);
  all.push_back(last);
  return all;
}

}  // namespace

std::int64_t OrderFacts::charged_cents() const {
  std::int64_t sum = 0;
  for (const auto* c : charges) sum += c->amount_cents;
  return sum;
}

std::int64_t OrderFacts::refunded_cents() const {
  std::int64_t sum = 0;
  for (const auto* r : refunds) sum += r->amount_cents;
  return sum;
}

std::int64_t OrderFacts::wallet_cents() const {
  std::int64_t sum = 0;
  for (const auto* row : ledger) sum -= row->delta_cents;
  return sum;
}

std::uint64_t OrderFacts::payments() const {
  const auto debits = std::count_if(ledger.begin(), ledger.end(), [](const auto* row) { return row->delta_cents < 0; });
  return charges.size() + static_cast<std::uint64_t>(debits);
}

std::int64_t OrderFacts::one_payment_cents() const {
  std::int64_t most = 0;
  for (const auto* c : charges) most = std::max(most, c->amount_cents);
  for (const auto* row : ledger) most = std::max(most, -row->delta_cents);
  return most;
}

Nanos OrderFacts::money_at() const {
  Nanos at = charges.empty() && refunds.empty() ? seen_at : Nanos::min();
  for (const auto* c : charges) at = std::max(at, c->at);
  for (const auto* r : refunds) at = std::max(at, r->at);
  return at;
}

std::set<CardKey> OrderFacts::all_cards() const {
  std::set<CardKey> out;
  for (const auto& [card, at] : cards) out.insert(card);
  for (const auto* row : audit)
    for (const auto& c : row->cards)
      if (c.genuine) out.insert({c.sku, c.index});
  return out;
}

bool OrderFacts::audit_says(std::string_view status) const {
  return std::any_of(audit.begin(), audit.end(), [&](const auto* row) { return row->status == status; });
}

OrderFacts& OrderFold::of(const std::string& order, TradeId trade) {
  auto& o = orders_[key_of(order, trade)];
  if (o.order.empty()) {
    o.order = key_of(order, trade);
    o.trade = trade;
  }
  return o;
}

void OrderFold::observe(const Event& event) {
  if (const auto* seen = std::get_if<OrderSeen>(&event)) {
    auto& o = of(seen->order, seen->trade);
    o.seen_at = o.seen ? std::min(o.seen_at, seen->at) : seen->at;
    o.seen = true;
    o.sku = seen->sku;
    o.quantity = seen->quantity;
    o.amount_cents = seen->amount_cents;
  } else if (const auto* pay = std::get_if<PaySeen>(&event)) {
    if (pay->channel == "wallet" && pay->outcome != Outcome::failed) of(pay->order, pay->trade).wallet_asked = true;
  } else if (const auto* card = std::get_if<CardSeen>(&event)) {
    auto& o = of(card->order, card->trade);
    if (card->genuine)
      keep_first(o.cards, {card->sku, card->index}, card->at);
    else
      keep_first(o.foreign, card->digest, card->at);
  } else if (const auto* goods = std::get_if<GoodsSeen>(&event)) {
    auto& o = of(goods->order, goods->trade);
    if (o.goods.empty()) o.goods = goods->kind;
    if (!goods->reference.empty()) keep_first(o.receipts, goods->reference, goods->at);
  }
}

std::map<std::string, OrderFacts> OrderFold::join(const Evidence& e) const {
  auto orders = orders_;
  const auto at = [&](const std::string& order, const std::string& fallback) -> OrderFacts& {
    const std::string& key = order.empty() ? fallback : order;
    auto& o = orders[key];
    o.order = key;
    return o;
  };
  for (const auto& c : e.charges) at(c.order, c.out_trade_no).charges.push_back(&c);
  for (const auto& r : e.refunds) at(r.order, r.trade_no).refunds.push_back(&r);
  for (const auto& t : e.topups)
    if (t.done) at(t.order, t.request_no).topups.push_back(&t);
  if (e.audit != nullptr) {
    for (const auto& row : e.audit->orders) at(row.order, "").audit.push_back(&row);
    for (const auto& row : e.audit->ledger)
      if (!row.order.empty()) at(row.order, "").ledger.push_back(&row);
  }
  for (auto& [key, o] : orders) fill_terms(o, e);
  return orders;
}

Ternary delivered(const OrderFacts& o, const Evidence& e) {
  const bool told = e.audit != nullptr;
  const auto no_or_unknown = told ? Ternary::no : Ternary::unknown;
  if (o.goods == "topup") {
    if (!o.topups.empty()) return Ternary::yes;
    return e.journals_whole ? Ternary::no : Ternary::unknown;
  }
  if (o.goods == "membership" || o.goods == "equipment")
    return !o.receipts.empty() || o.audit_says("delivered") ? Ternary::yes : no_or_unknown;
  // Cards. Without a mint nobody can tell a genuine text from another, so any text counts.
  auto handed = o.all_cards().size();
  if (e.minted.empty()) handed += o.foreign.size();
  if (handed >= std::max<std::size_t>(o.quantity, 1)) return Ternary::yes;
  if (o.goods.empty() && (!o.receipts.empty() || !o.topups.empty())) return Ternary::yes;
  return no_or_unknown;
}

bool settled(Nanos at, const Evidence& e) { return e.drained && at + kGrace <= e.end; }

void FindingBuilder::violation(std::string order, std::string what, Nanos at, std::int64_t amount_cents) {
  finding_.amount_cents += amount_cents;
  violations_.push_back({std::move(order), std::move(what), seconds_rounded(at), amount_cents});
}

void FindingBuilder::open_case(const std::string& order, const std::string& what) {
  if (open_++ == 0) first_open_ = order + ": " + what;
}

void FindingBuilder::missing(const std::string& witness) { missing_.push_back(witness); }

Finding FindingBuilder::finish(const std::string& promise, const std::string& nothing) {
  finding_.violations = violations_.size();
  if (!violations_.empty()) {
    finding_.witnesses = chosen(std::move(violations_));
    finding_.verdict = Verdict::fail;
    const Witness& first = finding_.witnesses.front();
    finding_.why = first.order.empty() ? first.what : "order " + first.order + ": " + first.what;
  } else if (!missing_.empty()) {
    finding_.why = "missing: " + join(missing_, "; ");
  } else if (open_ > 0) {
    finding_.why = std::to_string(open_) + " open, such as " + first_open_;
  } else if (finding_.examined == 0) {
    finding_.why = nothing;
  } else {
    finding_.verdict = Verdict::pass;
    finding_.why = promise;
  }
  return std::move(finding_);
}

}  // namespace cardstorm
