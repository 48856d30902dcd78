// compare: see compare.hpp. Every resample is drawn by (metric, index), so that the same two runs give the same bytes.
#include "harness/judge/compare.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "harness/core/text.hpp"
#include "harness/judge/judge.hpp"
#include "harness/judge/mttr.hpp"
#include "harness/judge/round.hpp"
#include "harness/stats/stats.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kBlock = 5;
constexpr int kRunsForSpread = 3;
constexpr double kNoInterval = 1e9;  // an upper end that says: nothing is known
// What differs between two runs of one unchanged platform on a shared machine; used where too few runs were given to
// measure it.
constexpr double kShareFloor = 0.005, kLatencyFloor = 0.25, kTtrFloorShare = 0.25, kTtrFloorSeconds = 2;
// Below a millisecond a quarter more is run-to-run noise of a shared machine.
constexpr double kLatencyFloorMs = 3, kLatencyLeastMs = 1;
// Less than this matters to nobody, however well it is measured.
constexpr double kShareLeast = 0.001, kLatencyLeast = 0.05, kTtrLeastSeconds = 1;

/// Decides by the rule of MetricChange. `more_is_better` gives the sign its meaning.
Change judge_change(const Interval& i, double floor, bool more_is_better) {
  const double middle = (i.low + i.high) / 2;
  if (i.low > 0 && middle > floor) return more_is_better ? Change::better : Change::worse;
  if (i.high < 0 && middle < -floor) return more_is_better ? Change::worse : Change::better;
  // Both ends within the floor: that there is no change to speak of has itself been shown.
  if (std::abs(i.low) <= floor && std::abs(i.high) <= floor) return Change::same;
  return Change::no_evidence;
}

// ---- one run a side: block bootstrap over its seconds

struct Second {
  const WindowRow* a = nullptr;
  const WindowRow* b = nullptr;
};

/// Seconds that both runs loaded. Pairs, because one plan puts the same trades into the same second.
std::vector<Second> pairs_of(const Scorecard& a, const Scorecard& b) {
  std::map<std::int64_t, Second> rows;
  for (const auto& r : a.timeline) rows[std::llround(r.at_s)].a = &r;
  for (const auto& r : b.timeline) rows[std::llround(r.at_s)].b = &r;
  std::vector<Second> out;
  for (const auto& [at, s] : rows)
    if (s.a != nullptr && s.b != nullptr && s.a->planned > 0 && s.b->planned > 0) out.push_back(s);
  return out;
}

/// b / a - 1 of a latency, as the median over the seconds of both.
Interval latency_interval(const std::vector<Second>& pairs, std::string_view name, double WindowRow::*figure) {
  std::vector<double> logs, drawn;
  for (const auto& p : pairs)
    if (p.a->*figure > 0 && p.b->*figure > 0) logs.push_back(std::log(p.b->*figure / (p.a->*figure)));
  if (logs.size() < 2 * kBlock) return {-1, kNoInterval};
  return bootstrap(logs.size(), {.stream = name, .block = kBlock}, [&](std::span<const std::size_t> chosen) {
    drawn.clear();
    for (const std::size_t i : chosen) drawn.push_back(logs[i]);
    return std::exp(median_in(drawn)) - 1;
  });
}

/// How much wider than independent coin tosses the good steps scatter: an outage takes whole seconds along.
double design_effect(const Scorecard& card) {
  double planned = 0, good = 0;
  for (const auto& w : card.timeline) {
    planned += w.planned;
    good += w.good;
  }
  if (planned <= 0 || good <= 0 || good >= planned) return 1;
  const double p = good / planned;
  double sum = 0, binomial = 0;
  for (std::size_t i = 0; i < card.timeline.size(); i += kBlock) {
    double n = 0, g = 0;
    for (std::size_t k = i; k < std::min(i + kBlock, card.timeline.size()); ++k) {
      n += card.timeline[k].planned;
      g += card.timeline[k].good;
    }
    sum += (g - n * p) * (g - n * p);
    binomial += n * p * (1 - p);
  }
  return std::max(1.0, sum / binomial);
}

/// Difference of two shares (Agresti and Caffo 2000: one success and one failure added to each side), widened by the
/// design effect.
Interval share_interval(const Rate& a, const Rate& b, double effect) {
  const auto adjusted = [](const Rate& r) {
    return (static_cast<double>(r.good) + 1) / (static_cast<double>(r.planned) + 2);
  };
  const double pa = adjusted(a), pb = adjusted(b);
  const double half = kNormal995 * std::sqrt(effect * (pa * (1 - pa) / (static_cast<double>(a.planned) + 2) +
                                                       pb * (1 - pb) / (static_cast<double>(b.planned) + 2)));
  const double delta = b.share() - a.share();
  return {delta - half, delta + half};
}

// ---- metrics

using Cards = std::vector<Scorecard>;

/// The figure of every run that has it.
std::vector<double> values_of(const Cards& cards,
                              const std::function<std::optional<double>(const Scorecard&)>& figure) {
  std::vector<double> out;
  for (const auto& c : cards)
    if (const auto v = figure(c)) out.push_back(*v);
  return out;
}

bool spread_is_measured(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() >= kRunsForSpread && b.size() >= kRunsForSpread;
}

std::optional<double> mean_or_none(const std::vector<double>& v) {
  return v.empty() ? std::nullopt : std::optional(mean(v));
}

void finish(MetricChange& m, const Interval& interval, double floor, bool more_is_better) {
  m.low = rounded(interval.low, 1e6);
  m.high = rounded(interval.high, 1e6);
  m.floor = floor;
  m.change = judge_change(interval, floor, more_is_better);
  if (m.a) m.a = rounded(*m.a, 1e6);
  if (m.b) m.b = rounded(*m.b, 1e6);
  m.delta = rounded(m.delta, 1e6);
}

const std::string kMeasured = "spread over the runs of both sides";

MetricChange share_metric(const std::string& name, const Cards& a, const Cards& b,
                          const std::function<std::optional<Rate>(const Scorecard&)>& rate) {
  MetricChange m{.name = name, .unit = "share"};
  const auto share = [&](const Scorecard& c) {
    const auto r = rate(c);
    return r && r->planned > 0 ? std::optional(r->share()) : std::nullopt;
  };
  const auto va = values_of(a, share), vb = values_of(b, share);
  m.a = mean_or_none(va);
  m.b = mean_or_none(vb);
  if (!m.a || !m.b) return m;
  m.delta = *m.b - *m.a;
  if (spread_is_measured(va, vb)) {
    m.noise = kMeasured;
    finish(m, welch_99(va, vb), kShareLeast, true);
    return m;
  }
  const double effect = std::max(design_effect(a.front()), design_effect(b.front()));
  m.noise = "binomial x " + fixed(effect, 1) + ", floor 0.5 points";
  finish(m, share_interval(*rate(a.front()), *rate(b.front()), effect), kShareFloor, true);
  return m;
}

MetricChange latency_metric(const std::string& name, const Cards& a, const Cards& b, double WindowRow::*figure,
                            const std::function<double(const Scorecard&)>& whole) {
  MetricChange m{.name = name, .unit = "ms"};
  const auto some = [&](const Scorecard& c) {
    const double v = whole(c);
    return v > 0 ? std::optional(v) : std::nullopt;
  };
  const auto va = values_of(a, some), vb = values_of(b, some);
  m.a = mean_or_none(va);
  m.b = mean_or_none(vb);
  if (!m.a || !m.b) return m;
  m.delta = *m.b / *m.a - 1;
  if (spread_is_measured(va, vb)) {
    std::vector<double> la, lb;
    for (const double v : va) la.push_back(std::log(v));
    for (const double v : vb) lb.push_back(std::log(v));
    const Interval logs = welch_99(la, lb);
    m.noise = kMeasured;
    finish(m, {std::exp(logs.low) - 1, std::exp(logs.high) - 1}, std::max(kLatencyLeast, kLatencyLeastMs / *m.a),
           false);
    return m;
  }
  const auto pairs = pairs_of(a.front(), b.front());
  const Interval interval = latency_interval(pairs, name, figure);
  m.noise = interval.high >= kNoInterval
                ? "too few seconds with answers on both sides"
                : "bootstrap of " + std::to_string(pairs.size()) + " paired seconds, floor 25 % or 3 ms";
  finish(m, interval, std::max(kLatencyFloor, kLatencyFloorMs / *m.a), false);
  return m;
}

/// What a fault cost: the time to recover, absorbed 0, never recovered its horizon at least.
std::vector<double> ttr_of(const Cards& cards, const std::string& fault, bool* censored) {
  std::vector<double> out;
  for (const auto& c : cards)
    for (const auto& e : c.episodes) {
      if (e.fault != fault || !counts(e)) continue;
      if (e.absorbed)
        out.push_back(0);
      else if (e.censored) {
        out.push_back(e.horizon_s);
        *censored = true;
      } else if (e.ttr_s)
        out.push_back(*e.ttr_s);
    }
  return out;
}

MetricChange ttr_metric(const std::string& fault, const Cards& a, const Cards& b) {
  MetricChange m{.name = "ttr_s." + fault, .unit = "s"};
  bool censored = false;
  const auto va = ttr_of(a, fault, &censored), vb = ttr_of(b, fault, &censored);
  m.a = mean_or_none(va);
  m.b = mean_or_none(vb);
  if (!m.a || !m.b) return m;
  m.delta = *m.b - *m.a;
  if (spread_is_measured(va, vb)) {
    m.noise = kMeasured;
    finish(m, welch_99(va, vb), kTtrLeastSeconds, false);  // a window of one second is the resolution
  } else {
    const double half = std::max(kTtrFloorSeconds, kTtrFloorShare * std::max(*m.a, *m.b));
    m.noise = "assumed (one run a side): 2 s or a quarter";
    finish(m, {m.delta - half, m.delta + half}, half, false);
  }
  if (censored) m.noise += "; not recovered counts as its horizon, the truth is more";
  return m;
}

std::vector<std::string> faults_of(const Cards& cards) {
  std::set<std::string> names;
  for (const auto& c : cards)
    for (const auto& e : c.episodes) names.insert(e.fault);
  return {names.begin(), names.end()};
}

/// Broken in any run is broken; held in all is held.
Verdict check_of(const Cards& cards, const std::string& name) {
  bool held = !cards.empty();
  for (const auto& c : cards) {
    const auto it = std::find_if(c.checks.begin(), c.checks.end(), [&](const Finding& f) { return f.name == name; });
    if (it != c.checks.end() && it->verdict == Verdict::fail) return Verdict::fail;
    held = held && it != c.checks.end() && it->verdict == Verdict::pass;
  }
  return held ? Verdict::pass : Verdict::unknown;
}

CheckChange check_change(const std::string& name, const Cards& a, const Cards& b) {
  CheckChange c{name, check_of(a, name), check_of(b, name), Change::no_evidence};
  if (c.a == Verdict::pass && c.b == Verdict::fail)
    c.change = Change::worse;
  else if (c.a == Verdict::fail && c.b == Verdict::pass)
    c.change = Change::better;
  else if (c.a == c.b && c.a != Verdict::unknown)
    c.change = Change::same;
  return c;
}

/// Why figures of this run are not the platform's: it was not run to its end by our will, or not all of it is on
/// record; "" when they are.
std::string incomplete(const Scorecard& c) {
  for (const Reason& r : c.why)
    for (const char* code : {"interrupted", "guard_stopped", "history_damaged", "sums_do_not_add_up"})
      if (r.code == code) return "the record of a run is not whole: " + r.text;
  return "";
}

/// Why the two cannot be compared; "" when they can.
std::string incomparable(const Cards& a, const Cards& b) {
  const Scorecard& x = a.front();
  for (const Cards* side : {&a, &b})
    for (const Scorecard& c : *side) {
      if (c.scenario != x.scenario) return "A ran '" + x.scenario + "', B ran '" + c.scenario + "'";
      if (c.traffic.scale != x.traffic.scale || c.traffic.peak_rate != x.traffic.peak_rate ||
          c.traffic.trace != x.traffic.trace)
        return "the traffic differs: " + fixed(x.traffic.scale, 2) + " x " + fixed(x.traffic.peak_rate, 1) +
               " beside " + fixed(c.traffic.scale, 2) + " x " + fixed(c.traffic.peak_rate, 1);
      if (std::string problem = incomplete(c); !problem.empty()) return problem;
      const double planned = static_cast<double>(c.traffic.planned), first = static_cast<double>(x.traffic.planned);
      if (planned == 0 || first == 0) return "a run without planned trades";
      if (std::abs(planned - first) > 0.1 * first)
        return "the plans differ in length: " + std::to_string(x.traffic.planned) + " beside " +
               std::to_string(c.traffic.planned) + " trades";
      if (!c.generator.trusted) return "a generator is not trusted: its figures say nothing about the platform";
    }
  return "";
}

void decide(Comparison& c) {
  int worse = 0, told = 0;
  for (const auto& m : c.metrics) {
    worse += m.change == Change::worse;
    told += m.change != Change::no_evidence;
    if (m.change == Change::worse)
      c.why.push_back({"metric_worse", m.name + " is worse", "see the row of " + m.name + ", then the report of B"});
  }
  for (const auto& k : c.checks) {
    worse += k.change == Change::worse;
    told += k.change != Change::no_evidence;
    if (k.change == Change::worse)
      c.why.push_back(
          {"check_worse", k.name + " held in A and is broken in B", "see the witnesses in the report of B"});
  }
  if (worse > 0)
    c.verdict = Verdict::fail;
  else if (!c.why.empty() || told == 0)
    c.verdict = Verdict::unknown;
  else
    c.verdict = Verdict::pass;
  if (told == 0 && c.why.empty())
    c.why.push_back({"no_evidence", "no metric shows anything beyond its noise",
                     "compare longer runs, or three and more a side (drill --repeat 3)"});
}

Json number_or_null(const std::optional<double>& v) { return v ? Json(*v) : Json(); }

}  // namespace

std::string_view to_text(Change change) {
  constexpr std::array<std::string_view, 4> kNames{"better", "worse", "same", "no_evidence"};
  return kNames[static_cast<std::size_t>(change)];
}

Comparison compare_runs(const std::vector<Scorecard>& a, const std::vector<Scorecard>& b) {
  Comparison out;
  if (a.empty() || b.empty()) {
    out.why.push_back({"no_runs", "a side holds no run", "give run folders"});
    return out;
  }
  out.scenario = a.front().scenario;
  out.a_target = a.front().target;
  out.a_version = a.front().version;
  out.b_target = b.front().target;
  out.b_version = b.front().version;
  out.a_runs = static_cast<int>(a.size());
  out.b_runs = static_cast<int>(b.size());

  // A broken promise needs no statistics, and no comparable traffic.
  std::set<std::string> names;
  for (const Cards* side : {&a, &b})
    for (const auto& c : *side)
      for (const auto& f : c.checks) names.insert(f.name);
  for (const auto& name : names) out.checks.push_back(check_change(name, a, b));

  if (const std::string problem = incomparable(a, b); !problem.empty()) {
    decide(out);
    if (out.verdict != Verdict::fail) {
      out.verdict = Verdict::unknown;
      out.why = {
          {"not_comparable", problem, "compare runs of one scenario with the same traffic and a trusted generator"}};
    }
    return out;
  }

  out.metrics.push_back(share_metric("success_rate", a, b, [](const Scorecard& c) -> std::optional<Rate> {
    Rate all;
    for (const auto& [phase, r] : c.by_phase) {
      all.planned += r.planned;
      all.good += r.good;
    }
    return all;
  }));
  std::set<std::pair<std::string, std::string>> groups;
  for (const Cards* side : {&a, &b})
    for (const auto& c : *side) {
      for (const auto& [name, r] : c.by_phase) groups.insert({"by_phase", name});
      for (const auto& [name, r] : c.by_flow) groups.insert({"by_flow", name});
    }
  for (const auto& [group, name] : groups)
    out.metrics.push_back(share_metric(group + "." + name, a, b,
                                       [&group = group, &name = name](const Scorecard& c) -> std::optional<Rate> {
                                         const auto& map = group == "by_phase" ? c.by_phase : c.by_flow;
                                         const auto it = map.find(name);
                                         return it == map.end() ? std::nullopt : std::optional(it->second);
                                       }));
  out.metrics.push_back(
      latency_metric("latency_ms.p50", a, b, &WindowRow::p50_ms, [](const Scorecard& c) { return c.latency_ms.p50; }));
  out.metrics.push_back(
      latency_metric("latency_ms.p99", a, b, &WindowRow::p99_ms, [](const Scorecard& c) { return c.latency_ms.p99; }));
  for (const auto& fault : faults_of(a)) out.metrics.push_back(ttr_metric(fault, a, b));
  decide(out);
  return out;
}

Json json_of_comparison(const Comparison& c) {
  Json metrics = Json::array(), checks = Json::array(), why = Json::array();
  for (const auto& m : c.metrics)
    metrics.push(Json::object({{"name", m.name},
                               {"unit", m.unit},
                               {"a", number_or_null(m.a)},
                               {"b", number_or_null(m.b)},
                               {"delta", m.delta},
                               {"ci99", Json(Json::Array{Json(m.low), Json(m.high)})},
                               {"floor", m.floor},
                               {"noise", m.noise},
                               {"change", std::string(to_text(m.change))}}));
  for (const auto& k : c.checks)
    checks.push(Json::object({{"name", k.name},
                              {"a", std::string(to_text(k.a))},
                              {"b", std::string(to_text(k.b))},
                              {"change", std::string(to_text(k.change))}}));
  for (const auto& r : c.why) why.push(Json::object({{"code", r.code}, {"text", r.text}, {"remedy", r.remedy}}));
  return Json::object({{"schema", "cardstorm.compare/1"},
                       {"scenario", c.scenario},
                       {"a", Json::object({{"target", c.a_target}, {"version", c.a_version}, {"runs", c.a_runs}})},
                       {"b", Json::object({{"target", c.b_target}, {"version", c.b_version}, {"runs", c.b_runs}})},
                       {"verdict", std::string(to_text(c.verdict))},
                       {"why", why},
                       {"metrics", metrics},
                       {"checks", checks}});
}

Result<std::vector<Scorecard>> runs_of(const std::string& dir) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  std::vector<std::string> folders;
  if (fs::exists(dir + "/plan.json", ignored)) folders = {dir};
  const std::string side = fs::is_directory(dir + "/candidate", ignored) ? dir + "/candidate" : dir;
  if (folders.empty()) {
    for (const auto& entry : fs::directory_iterator(side, ignored))
      if (fs::exists(entry.path() / "plan.json", ignored)) folders.push_back(entry.path().string());
    std::sort(folders.begin(), folders.end());
  }
  if (folders.empty())
    return Error{Errc::not_found, "a run folder was wanted, '" + dir + "' holds no plan.json",
                 "give the folder that run or drill named, or reports/runs/latest"};
  std::vector<Scorecard> cards;
  for (const auto& folder : folders) {
    auto card = judge_run(folder);
    if (!card) return std::move(card).error().in(folder);
    cards.push_back(*std::move(card));
  }
  return cards;
}

}  // namespace cardstorm
