// mttr: see mttr.hpp.
#include "harness/judge/mttr.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "harness/core/rng.hpp"
#include "harness/judge/episodes.hpp"
#include "harness/judge/round.hpp"

namespace cardstorm {
namespace {

constexpr std::uint64_t kBootstrapSeed = 20261123;
constexpr int kMttrResamples = 2000;
constexpr const char* kRestarted = "node_kill";  // the kind whose recovery contains the operator's delay

double mean_seconds(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

/// Nearest rank of sorted values: the smallest with at least a share q at or below it.
double rank_of(std::span<const double> sorted, double q) {
  if (sorted.empty()) return 0;
  const auto n = static_cast<double>(sorted.size());
  const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(q * n - 1e-9)));
  return sorted[std::min(rank, sorted.size()) - 1];
}

std::pair<double, double> bootstrap_of_mean(std::span<const double> values, const std::string& fault) {
  if (values.empty()) return {0, 0};
  if (values.size() == 1) return {values[0], values[0]};
  Rng rng(kBootstrapSeed, fault);
  std::vector<double> means;
  means.reserve(kMttrResamples);
  for (int i = 0; i < kMttrResamples; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < values.size(); ++k) sum += values[rng.below(values.size())];
    means.push_back(sum / static_cast<double>(values.size()));
  }
  std::sort(means.begin(), means.end());
  return {rank_of(means, 0.025), rank_of(means, 0.975)};
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
  row.mean_s = rounded(mean_seconds(times), 1e6);
  row.p50_s = rank_of(times, 0.5);
  row.p90_s = rank_of(times, 0.9);
  const auto [lo, hi] = bootstrap_of_mean(times, fault);
  row.ci95_lo_s = rounded(lo, 1e6);
  row.ci95_hi_s = rounded(hi, 1e6);
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
  return mean_seconds(values);
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
