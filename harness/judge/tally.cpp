// tally: see tally.hpp.
#include "harness/judge/tally.hpp"

#include <algorithm>
#include <set>

#include "harness/judge/audit.hpp"
#include "harness/judge/bypass.hpp"
#include "harness/plan/arrivals.hpp"

namespace cardstorm {
namespace {

// An order's number reaches its buyer a little after the stock was taken; a refusal may overtake it by so much.
constexpr Nanos kOvertake = 1s;

bool buys(const Journey& j) {
  return std::any_of(j.steps.begin(), j.steps.end(), [](const Step& s) { return s.fact == Fact::order; });
}

std::optional<std::uint32_t> stock_of(const std::string& sku, const Evidence& e) {
  for (const auto& m : e.minted)
    if (m.sku == sku && (m.cards > 0 || m.goods == "game_card")) return stock_at_start(m, e.audit);
  return std::nullopt;
}

}  // namespace

Tally::Tally(const Plan& plan) : plan_(plan) {
  trades.reserve(plan.planned_trades);
  steps.reserve(plan.planned_steps);
  for (const auto& segment : plan.segments)
    if (segment.fault.fault == kPaymentDelay) pays[segment.fault.on];
}

TradeRow* Tally::row_of(TradeId trade) {
  // Ids are dense; one far beyond the plan is damage, not a reason to take all memory.
  if (trade > plan_.planned_trades + 1'000'000) {
    ++strays;
    return nullptr;
  }
  if (trade >= trades.size()) trades.resize(trade + 1);
  return &trades[trade];
}

void Tally::observe(const Event& event) {
  if (const auto* t = std::get_if<TradePlanned>(&event)) {
    auto* row = row_of(t->trade);
    if (row == nullptr) return;
    if (row->seen) ++strays;
    row->seen = true;
    row->planned = t->planned;
    row->journey = t->journey;
    steps_planned += t->steps;
  } else if (const auto* s = std::get_if<StepEnded>(&event)) {
    step(*s);
  } else if (const auto* d = std::get_if<TradeEnded>(&event)) {
    auto* row = row_of(d->trade);
    if (row == nullptr) return;
    if (row->over) ++strays;
    row->over = true;
    row->ended = d->at;
    row->outcome = d->outcome;
    row->cause = d->cause;
  } else if (const auto* o = std::get_if<OrderSeen>(&event)) {
    if (auto* row = row_of(o->trade))
      row->amount_cents = std::max<std::int64_t>(row->amount_cents, 0) + o->amount_cents;
    orders_.emplace(o->order, *o);
  } else if (const auto* pay = std::get_if<PaySeen>(&event)) {
    if (const auto it = pays.find(pay->channel); it != pays.end()) it->second.push_back(pay->at);
  } else if (const auto* p = std::get_if<PhaseMarked>(&event)) {
    phases.push_back(*p);
    if (p->phase == Phase::steady) faults[p->segment].steady_from = p->at;
    if (p->phase == Phase::done) done = p->at;
  } else if (const auto* f = std::get_if<FaultChanged>(&event)) {
    fold_edge(faults[f->segment], *f);
  } else if (const auto* g = std::get_if<GeneratorSeen>(&event)) {
    generator = *g;
  }
  note_situations(event);
}

void Tally::step(const StepEnded& s) {
  ++steps_ended;
  ++step_causes[s.cause];
  resends += s.resends;
  auto* row = row_of(s.trade);
  if (row == nullptr) return;
  if (s.step == 0 && s.requests > 0) row->left = s.sent;
  const Journey* journey = row->journey < plan_.journeys.size() ? &plan_.journeys[row->journey] : nullptr;
  const bool poll = journey != nullptr && s.step < journey->steps.size() && journey->steps[s.step].poll.has_value();
  const bool sent = s.requests > 0;
  const Nanos response = s.done - s.planned;
  const bool quick = poll || response <= plan_.slo.step_limit;
  StepPoint point{s.planned, sent && !poll ? response : Nanos(-1), s.outcome == Outcome::ok && quick};
  if (sent && !poll) latencies->record(response);
  if (s.cause == Cause::interrupted) {
    cut = std::min(cut, s.done);
    if (quick) return;  // never sent, or cut off before its time was up: that says nothing about the platform
  }
  if (s.cause == Cause::sold_out) {
    point.good = quick;  // if the witnesses confirm it
    waiting_.push_back({s.trade, point, true});
  } else if (s.cause == Cause::earlier_step) {
    waiting_.push_back({s.trade, point, false});
  } else {
    steps.push_back(point);
  }
}

void Tally::note_situations(const Event& event) {
  if (const auto* s = std::get_if<StepEnded>(&event)) {
    if (s->resends > 0) situations["resend"] = true;
    if (s->resends > 0 && s->outcome == Outcome::ok) situations["resend_answered"] = true;
    if (s->cause == Cause::timeout) situations["timeout"] = true;
    if (s->cause == Cause::reset) situations["connection_reset"] = true;
    if (s->cause == Cause::refused) situations["connection_refused"] = true;
    if (s->cause == Cause::sold_out) situations["sold_out"] = true;
  } else if (const auto* r = std::get_if<RefundSeen>(&event)) {
    if (r->outcome == Outcome::ok) situations["refund"] = true;
  } else if (const auto* p = std::get_if<PaySeen>(&event)) {
    if (p->channel == "wallet")
      situations["wallet_payment"] = true;
    else
      situations["channel_payment"] = true;
    if (p->outcome == Outcome::unknown) situations["payment_answer_lost"] = true;
  } else if (const auto* g = std::get_if<GoodsSeen>(&event)) {
    situations[g->kind == "topup" ? "topup" : g->kind == "membership" ? "membership" : "equipment"] = true;
  } else if (std::holds_alternative<CardSeen>(event)) {
    situations["cards"] = true;
  }
}

void Tally::collect_taken(const Evidence& e) {
  for (const auto& [number, o] : orders_) taken_[o.sku].push_back({o.at, o.quantity});
  // Orders whose number never reached the buyer took stock as well; the bank or the audit knows of them.
  std::set<std::string> counted;
  if (e.audit != nullptr) {
    std::map<std::string, Nanos> charged;
    for (const auto& c : e.charges) charged.emplace(c.order, c.at);
    for (const auto& o : e.audit->orders) {
      const bool gone = o.status == "closed" || o.status == "failed" || o.status == "refunded";
      if (orders_.contains(o.order) || gone || !counted.insert(o.order).second) continue;
      const auto it = charged.find(o.order);
      taken_[o.sku].push_back({it == charged.end() ? Nanos(0) : it->second, o.quantity});
    }
  }
}

bool Tally::confirmed_sold_out(TradeId id, const TradeRow& row, const Evidence& e) const {
  if (row.journey >= plan_.journeys.size()) return false;
  const Arrival wanted = arrival(plan_, id, row.planned, row.journey);
  const auto stock = stock_of(wanted.sku, e);
  const auto it = taken_.find(wanted.sku);
  if (!stock || (it == taken_.end() && *stock > 0)) return false;
  std::uint64_t taken = 0;
  if (it != taken_.end())
    for (const auto& t : it->second)
      if (t.at <= row.ended + kOvertake) taken += t.quantity;
  return taken + wanted.quantity > *stock;
}

void Tally::conclude(const Evidence& evidence) {
  collect_taken(evidence);
  for (TradeId id = 0; id < trades.size(); ++id) {
    auto& row = trades[id];
    if (!row.seen) {
      if (row.over) ++strays;
      continue;
    }
    const Nanos deadline = row.journey < plan_.journeys.size() ? plan_.journeys[row.journey].deadline : 30s;
    if (row.over && row.cause == Cause::sold_out)
      row.good = confirmed_sold_out(id, row, evidence);
    else
      row.good = row.over && row.outcome == TradeOutcome::ok && row.ended <= row.planned + deadline;
    trade_points.push_back({row.planned, row.good, row.withheld()});
  }
  for (const auto& w : waiting_) {
    const auto& row = trades[w.trade];
    const bool refusal_stands = row.cause == Cause::sold_out && row.good;
    // After a proper refusal the rest of the journey was not asked for: neither good nor bad.
    if (refusal_stands && !w.refused) continue;
    StepPoint point = w.point;
    point.good = point.good && refusal_stands;
    steps.push_back(point);
  }
  const auto earlier = [](const auto& a, const auto& b) { return a.planned < b.planned; };
  std::stable_sort(steps.begin(), steps.end(), earlier);
  std::stable_sort(trade_points.begin(), trade_points.end(), earlier);
}

Phase Tally::phase_at(Nanos t) const {
  if (!phases.empty()) {
    const auto after =
        std::upper_bound(phases.begin(), phases.end(), t, [](Nanos v, const PhaseMarked& p) { return v < p.at; });
    return after == phases.begin() ? Phase::warmup : (after - 1)->phase;
  }
  for (const auto& s : plan_.segments) {
    if (t < s.begin || t >= s.end) continue;
    return t < s.fault_at     ? Phase::steady
           : t < s.heal_at    ? Phase::fault
           : t < s.horizon_at ? Phase::observe
                              : Phase::gap;
  }
  return t >= plan_.load_end ? Phase::drain : Phase::warmup;
}

std::optional<TradeId> Tally::trade_of(const std::string& order) const {
  const auto it = orders_.find(order);
  return it == orders_.end() ? std::nullopt : std::optional(it->second.trade);
}

std::int64_t Tally::worth_cents(TradeId trade) const {
  const auto& row = trades[trade];
  if (row.amount_cents >= 0) return row.amount_cents;
  if (row.journey >= plan_.journeys.size() || !buys(plan_.journeys[row.journey])) return 0;
  const Arrival wanted = arrival(plan_, trade, row.planned, row.journey);
  for (const auto& s : plan_.stock)
    if (s.sku == wanted.sku) return s.price_cents * static_cast<std::int64_t>(wanted.quantity);
  return 0;
}

}  // namespace cardstorm
