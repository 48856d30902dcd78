// traced: see traced.hpp.
#include "harness/judge/traced.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "harness/judge/round.hpp"
#include "harness/plan/trace_id.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kKept = 3;

const Journey* journey_of(TradeId trade, const Tally& tally, const Plan& plan) {
  if (trade >= tally.trades.size() || tally.trades[trade].journey >= plan.journeys.size()) return nullptr;
  return &plan.journeys[tally.trades[trade].journey];
}

std::string step_name(const Journey* journey, std::uint16_t step) {
  return journey != nullptr && step < journey->steps.size() ? journey->steps[step].name
                                                            : "step " + std::to_string(step + 1);
}

/// "trade 17", as checks call an order without a number.
std::optional<TradeId> trade_called(const std::string& order) {
  constexpr std::string_view kTrade = "trade ";
  TradeId trade = 0;
  if (!order.starts_with(kTrade)) return std::nullopt;
  const char* const end = order.data() + order.size();
  const auto read = std::from_chars(order.data() + kTrade.size(), end, trade);
  return read.ec == std::errc{} && read.ptr == end ? std::optional(trade) : std::nullopt;
}

}  // namespace

bool WorstSteps::worse(const Bad& a, const Bad& b) {
  return std::tuple(!a.lost, -a.took, a.trade, a.step) < std::tuple(!b.lost, -b.took, b.trade, b.step);
}

void WorstSteps::observe(const Event& event, const Tally& tally) {
  const auto* s = std::get_if<StepEnded>(&event);
  // What was never sent has no trace; a refusal may be right.
  if (s == nullptr || s->requests == 0 || s->cause == Cause::sold_out || s->cause == Cause::earlier_step) return;
  const Journey* journey = journey_of(s->trade, tally, plan_);
  const bool poll = journey != nullptr && s->step < journey->steps.size() && journey->steps[s->step].poll.has_value();
  const bool lost = s->outcome != Outcome::ok;
  if (!lost && (poll || s->done - s->planned <= plan_.slo.step_limit)) return;
  for (const auto& segment : plan_.segments) {
    if (segment.fault.fault.empty() || s->planned < segment.fault_at || s->planned > segment.horizon_at) continue;
    auto& kept = worst_[segment.index];
    const Bad bad{lost, s->done - s->planned, s->trade, s->step, s->planned, s->cause};
    kept.insert(std::upper_bound(kept.begin(), kept.end(), bad, worse), bad);
    if (kept.size() > kKept) kept.pop_back();
  }
}

std::vector<TracedStep> WorstSteps::of(std::uint32_t segment, const Tally& tally) const {
  std::vector<TracedStep> out;
  if (const auto it = worst_.find(segment); it != worst_.end())
    for (const Bad& b : it->second)
      out.push_back({step_name(journey_of(b.trade, tally, plan_), b.step), trace_id_of(plan_.seed, b.trade, b.step),
                     std::string(to_text(b.cause)), seconds_rounded(b.planned), seconds_rounded(b.took)});
  return out;
}

std::vector<TracedStep> traces_of_order(const std::string& order, const Tally& tally, const Plan& plan) {
  const auto trade = tally.trade_of(order) ? tally.trade_of(order) : trade_called(order);
  const Journey* journey = trade ? journey_of(*trade, tally, plan) : nullptr;
  std::vector<TracedStep> out;
  if (journey == nullptr) return out;
  for (std::uint16_t i = 0; i < journey->steps.size(); ++i)
    if (journey->steps[i].fact == Fact::order || journey->steps[i].fact == Fact::pay)
      out.push_back({journey->steps[i].name, trace_id_of(plan.seed, *trade, i)});
  return out;
}

}  // namespace cardstorm
