// view: arranging cards; no judgement is made here.
#include "reports/view.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace cardstorm {
namespace {

void add(Spread& spread, double value) {
  if (!std::isfinite(value)) return;
  spread.lo = spread.n == 0 ? value : std::min(spread.lo, value);
  spread.hi = spread.n == 0 ? value : std::max(spread.hi, value);
  spread.mean += (value - spread.mean) / ++spread.n;
}

void add(FaultCell& cell, const Episode& episode) {
  const auto same_place = [&](const Episode* e) { return e->on == episode.on; };
  if (std::none_of(cell.all.begin(), cell.all.end(), same_place)) cell.on += (cell.on.empty() ? "" : ", ") + episode.on;
  cell.all.push_back(&episode);
  ++cell.episodes;
  cell.lost += episode.lost;
  if (std::isfinite(episode.horizon_s)) cell.horizon_s = std::max(cell.horizon_s, episode.horizon_s);
  const double in_force = episode.clear_s - episode.inject_s;
  if (std::isfinite(in_force)) cell.in_force_s = std::max(cell.in_force_s, in_force);
  if (!episode.reverted) ++cell.unreverted;
  if (!episode.verified) {
    ++cell.unverified;
    return;
  }
  if (!episode.steady) {
    ++cell.unsteady;
    return;
  }
  // Out of service, and not judged: the run was stopped before it could come back.
  if (!episode.judged) {
    ++(episode.onset_s ? cell.open : cell.thin);
    if (episode.onset_s) add(cell.onset_after_inject, *episode.onset_s - episode.inject_s);
    return;
  }
  if (episode.bypassed) {
    ++cell.bypassed;
    return;
  }
  ++cell.judged;
  if (episode.metastable) ++cell.metastable;
  if (episode.onset_s && !episode.absorbed) add(cell.onset_after_inject, *episode.onset_s - episode.inject_s);
  if (episode.absorbed) {
    ++cell.absorbed;
    return;
  }
  if (episode.censored) {
    ++cell.censored;
    return;
  }
  if (!episode.ttr_s) {
    ++cell.open;
    return;
  }
  ++cell.recovered;
  add(cell.recovery, *episode.ttr_s);
  if (episode.lag_s) add(cell.lag, *episode.lag_s);
}

std::vector<std::string> faults_in_order(const std::vector<Side>& sides) {
  std::vector<const Episode*> episodes;
  for (const Side& side : sides)
    for (const Episode& e : side.card->episodes) episodes.push_back(&e);
  const auto when = [](const Episode* e) { return std::isfinite(e->inject_s) ? e->inject_s : 0.0; };
  std::stable_sort(episodes.begin(), episodes.end(),
                   [&](const Episode* a, const Episode* b) { return when(a) < when(b); });
  std::vector<std::string> names;
  for (const Episode* e : episodes)
    if (std::find(names.begin(), names.end(), e->fault) == names.end()) names.push_back(e->fault);
  return names;
}

void fill(View& view) {
  for (const std::string& fault : faults_in_order(view.sides)) {
    FaultRow row{fault, std::vector<FaultCell>(view.sides.size()), std::nullopt};
    for (std::size_t side = 0; side < view.sides.size(); ++side)
      for (const Episode& e : view.sides[side].card->episodes)
        if (e.fault == fault) add(row.cells[side], e);
    view.faults.push_back(std::move(row));
  }
  for (auto side = view.sides.rbegin(); side != view.sides.rend(); ++side)
    for (const Finding& finding : side->card->checks)
      if (std::find(view.checks.begin(), view.checks.end(), finding.name) == view.checks.end())
        view.checks.push_back(finding.name);
}

}  // namespace

View view_of(const Scorecard& card) {
  View view;
  view.sides = {{&card, Text::this_run}};
  view.command = card.repeat_command;
  fill(view);
  return view;
}

View view_of(const DrillCard& card) {
  View view;
  view.drill = &card;
  view.sides = {{&card.baseline, Text::baseline}, {&card.candidate, Text::candidate}};
  view.command = card.repeat_command;
  fill(view);
  for (FaultRow& row : view.faults)
    if (const auto found = card.mttr_reduction_by_fault.find(row.fault); found != card.mttr_reduction_by_fault.end())
      row.reduction = found->second;
  return view;
}

AuditCount count_audit(const Scorecard& card) {
  AuditCount count;
  for (const Finding& finding : card.checks)
    ++(finding.verdict == Verdict::pass   ? count.passed
       : finding.verdict == Verdict::fail ? count.broken
                                          : count.unknown);
  return count;
}

std::vector<std::string> largest_causes(const View& view, std::size_t n) {
  std::map<std::string, std::uint64_t> sums;
  for (const Side& side : view.sides)
    for (const auto& [name, count] : side.card->traffic.causes) sums[name] += count;
  std::vector<std::string> names;
  for (const auto& [name, count] : sums)
    if (count > 0) names.push_back(name);
  std::stable_sort(names.begin(), names.end(), [&](const auto& a, const auto& b) { return sums[a] > sums[b]; });
  names.resize(std::min(n, names.size()));
  return names;
}

std::uint64_t count_of_cause(const Scorecard& card, const std::string& name) {
  const auto found = card.traffic.causes.find(name);
  return found == card.traffic.causes.end() ? 0 : found->second;
}

const Finding* finding_called(const Scorecard& card, std::string_view name) {
  const auto found =
      std::find_if(card.checks.begin(), card.checks.end(), [&](const Finding& f) { return f.name == name; });
  return found == card.checks.end() ? nullptr : &*found;
}

bool View::has_traces() const {
  return std::any_of(sides.begin(), sides.end(), [](const Side& side) {
    return std::any_of(side.card->episodes.begin(), side.card->episodes.end(),
                       [](const Episode& e) { return !e.worst.empty(); });
  });
}

std::string trace_url(const Scorecard& card, const std::string& id) {
  constexpr std::string_view kHole = "${trace_id}";
  std::string url = card.trace_link;
  const bool web = url.starts_with("http://") || url.starts_with("https://");  // nothing else is ever made clickable
  const auto hole = url.find(kHole);
  if (!web || hole == std::string::npos) return "";
  return url.replace(hole, kHole.size(), id);
}

std::string target_name(const Scorecard& card) {
  return card.version.empty() ? card.target : card.target + " " + card.version;
}

}  // namespace cardstorm
