// mttr: see mttr.hpp.
#include "harness/judge/mttr.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "harness/judge/episodes.hpp"
#include "harness/judge/round.hpp"
#include "harness/stats/stats.hpp"

namespace cardstorm {
namespace {

constexpr std::uint64_t kBootstrapSeed = 20261123;
constexpr const char* kRestarted = "node_kill";  // the kind whose recovery contains the operator's delay

/// The mean's 95 % interval; both ends are the value of a single one.
Interval interval_of_mean(std::span<const double> values, const std::string& fault) {
  if (values.size() < 2) return {mean(values), mean(values)};
  return bootstrap(values.size(), {.stream = fault, .seed = kBootstrapSeed, .tail = 0.025},
                   [&](std::span<const std::size_t> chosen) {
                     double sum = 0;
                     for (const std::size_t i : chosen) sum += values[i];
                     return sum / static_cast<double>(chosen.size());
                   });
}

MttrRow row_of(std::span<const Episode> episodes, const std::string& fault) {
  MttrRow row;
  std::vector<double> times;
  for (const auto& e : episodes) {
    if (e.fault != fault || !counts(e)) continue;
    if (e.absorbed)
      ++row.absorbed;
    else if (e.censored)
      ++row.censored;
    else if (e.ttr_s)
      times.push_back(*e.ttr_s);
  }
  std::sort(times.begin(), times.end());
  row.n = static_cast<int>(times.size());
  row.mean_s = rounded(mean(times), 1e6);
  row.p50_s = nearest_rank<double>(times, 0.5);
  row.p90_s = nearest_rank<double>(times, 0.9);
  const auto [low, high] = interval_of_mean(times, fault);
  row.ci95_lo_s = rounded(low, 1e6);
  row.ci95_hi_s = rounded(high, 1e6);
  return row;
}

double restricted_ttr(const Episode& e, const AssumedRestart& assumed) {
  if (e.absorbed) return 0;
  if (e.censored || !e.ttr_s) return e.horizon_s;
  double ttr = *e.ttr_s;
  if (one_shot(e.fault) && assumed.stated_s >= 0 && assumed.instead_s)
    ttr = std::max(0.0, ttr - assumed.stated_s + *assumed.instead_s);
  return std::min(ttr, e.horizon_s);
}

std::optional<double> horizon_of(std::span<const Episode> episodes, const std::string& fault) {
  std::optional<double> horizon;
  for (const auto& e : episodes) {
    if (e.fault != fault || !counts(e)) continue;
    if (horizon && std::abs(*horizon - e.horizon_s) > 1e-6) return std::nullopt;
    horizon = e.horizon_s;
  }
  return horizon;
}

}  // namespace

bool counts(const Episode& e) { return e.verified && e.steady && e.judged && !e.bypassed; }

std::map<std::string, MttrRow> mttr_by_fault(std::span<const Episode> episodes) {
  std::map<std::string, MttrRow> out;
  for (const auto& e : episodes)
    if (!out.contains(e.fault)) out[e.fault] = row_of(episodes, e.fault);
  return out;
}

std::optional<double> restricted_mean(std::span<const Episode> episodes, const std::string& fault,
                                      const AssumedRestart& assumed) {
  if (!horizon_of(episodes, fault)) return std::nullopt;
  std::vector<double> values;
  for (const auto& e : episodes)
    if (e.fault == fault && counts(e)) values.push_back(restricted_ttr(e, assumed));
  return mean(values);
}

Reduction reduction(const Scorecard& baseline, const Scorecard& candidate, const std::string& without,
                    std::optional<double> restart_s) {
  std::set<std::string> kinds;
  for (const auto* side : {&baseline, &candidate})
    for (const auto& e : side->episodes)
      if (e.fault != without) kinds.insert(e.fault);
  Reduction out;
  bool comparable = true;
  for (const auto& kind : kinds) {
    auto& value = out.by_fault[kind];
    const auto rb = restricted_mean(baseline.episodes, kind, {baseline.assumed_restart_s, restart_s});
    const auto rc = restricted_mean(candidate.episodes, kind, {candidate.assumed_restart_s, restart_s});
    const auto hb = horizon_of(baseline.episodes, kind), hc = horizon_of(candidate.episodes, kind);
    if (!rb || !rc || std::abs(*hb - *hc) > 1e-6) {
      comparable = false;
    } else if (*rb > 0) {
      value = rounded(1 - *rc / *rb, 1e6);
      out.smallest = out.smallest ? std::min(*out.smallest, *value) : *value;
    } else if (*rc > 0) {
      comparable = false;
    }
  }
  if (!comparable) out.smallest.reset();
  return out;
}

void compare(DrillCard& card) {
  const auto plain = reduction(card.baseline, card.candidate, "", std::nullopt);
  card.mttr_reduction = plain.smallest;
  card.mttr_reduction_by_fault = plain.by_fault;
  const bool assumed = card.baseline.assumed_restart_s >= 0 || card.candidate.assumed_restart_s >= 0;
  card.mttr_reduction_without_restart.reset();
  for (const auto& [name, delay] : {std::pair{"5", 5.0}, std::pair{"20", 20.0}, std::pair{"120", 120.0}})
    card.mttr_reduction_assumed_restart[name] =
        assumed ? reduction(card.baseline, card.candidate, "", delay).smallest : std::nullopt;
  if (assumed)
    card.mttr_reduction_without_restart = reduction(card.baseline, card.candidate, kRestarted, std::nullopt).smallest;
}

}  // namespace cardstorm
