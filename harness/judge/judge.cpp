// judge: see judge.hpp. One streaming pass of the history serves the tally and all checks.
#include "harness/judge/judge.hpp"

#include <algorithm>
#include <cassert>
#include <exception>
#include <filesystem>
#include <set>

#include "harness/core/burst.hpp"
#include "harness/core/text.hpp"
#include "harness/judge/bypass.hpp"
#include "harness/judge/mttr.hpp"
#include "harness/judge/round.hpp"
#include "harness/judge/tally.hpp"
#include "harness/judge/traced.hpp"
#include "harness/judge/verdict.hpp"
#include "harness/plan/arrivals.hpp"
#include "harness/stats/stats.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kLatenessMax = 50ms;
constexpr double kCpuShareMax = 0.85;
constexpr Nanos kLateNotify = 5s;

// ---- checks

/// A check at work; one that throws is out, and unknown.
struct Running {
  std::string name;
  std::unique_ptr<Check> check;
  std::string broke;
};

std::vector<Running> start_checks(const Plan& plan, const std::vector<CheckEntry>& entries) {
  std::vector<Running> out;
  for (const auto& entry : entries) {
    const bool wanted =
        plan.checks.empty() || std::find(plan.checks.begin(), plan.checks.end(), entry.name) != plan.checks.end();
    if (wanted) out.push_back({entry.name, entry.make(), ""});
  }
  return out;
}

template <class Call>
void guarded(Running& r, Call&& call) {
  if (!r.broke.empty()) return;
  try {
    call(*r.check);
  } catch (const std::exception& e) {
    r.broke = std::string("the check itself failed: ") + e.what();
  } catch (...) {
    r.broke = "the check itself failed";
  }
}

Finding conclude(Running& r, const Evidence& e) {
  Finding f;
  guarded(r, [&](Check& c) { f = c.conclude(e); });
  if (!r.broke.empty()) {
    f = Finding{};
    f.why = r.broke;
  }
  f.name = r.name;
  return f;
}

// ---- figures

void fill_head(const RunRecord& r, Scorecard& c) {
  const Plan& plan = *r.plan;
  c.scenario = plan.scenario;
  c.why_text = plan.why;
  c.target = r.info.target.empty() ? plan.target : r.info.target;
  c.version = r.info.target_version.empty() ? plan.version : r.info.target_version;
  c.environment = r.info.environment;
  c.seed = plan.seed;
  c.assumed_restart_s = r.info.assumed_restart_s;
  c.repeat_command = r.info.command;
  c.traffic.trace = plan.traffic.trace;
  c.traffic.scale = plan.traffic.scale;
  c.traffic.peak_rate = plan.traffic.peak_rate;
  c.traffic.peak_window_s = seconds_rounded(plan.traffic.peak_window);
}

void count(Rate& rate, bool good) {
  ++rate.planned;
  rate.good += good;
}

void fill_traffic(const Tally& t, const Plan& plan, Scorecard& c) {
  for (const auto o : {TradeOutcome::ok, TradeOutcome::failed, TradeOutcome::unknown, TradeOutcome::not_sent,
                       TradeOutcome::unfinished})
    c.traffic.outcomes[o] = 0;
  Rate all;
  for (TradeId id = 0; id < t.trades.size(); ++id) {
    const auto& row = t.trades[id];
    if (!row.seen) continue;
    ++c.traffic.outcomes[row.outcome];
    if (row.cause != Cause::none) ++c.traffic.causes[std::string(to_text(row.cause))];
    const Journey* j = row.journey < plan.journeys.size() ? &plan.journeys[row.journey] : nullptr;
    count(all, row.good);
    count(c.by_phase[std::string(to_text(t.phase_at(row.planned)))], row.good);
    count(c.by_flow[j != nullptr && !j->flow.empty() ? j->flow : "other"], row.good);
    count(c.by_goods[j != nullptr && !j->goods.empty() ? j->goods : "other"], row.good);
    if (!row.good && !row.withheld()) c.money.lost_trades_cents += t.worth_cents(id);
  }
  c.traffic.planned = all.planned;
  c.traffic.sent = all.planned - c.traffic.outcomes[TradeOutcome::not_sent];
  c.traffic.resends = t.resends;
  c.success_rate = all.share();
}

void fill_latency(const Histogram& h, Scorecard& c) {
  c.latency_ms = {millis_rounded(h.quantile(0.5)), millis_rounded(h.quantile(0.9)), millis_rounded(h.quantile(0.99)),
                  millis_rounded(h.quantile(0.999)), millis_rounded(h.max())};
}

/// Why the generator's figures must not be believed; "" when they may.
std::string generator_doubt(const Tally& t) {
  if (!t.generator) return "the driver left no report on itself";
  if (t.generator->lateness_p99 > kLatenessMax)
    return "the driver sent late: p99 " + duration_text(t.generator->lateness_p99) + ", allowed " +
           duration_text(kLatenessMax);
  const auto late = t.step_causes.find(Cause::late_generator);
  std::uint64_t n = late == t.step_causes.end() ? 0 : late->second;
  for (const auto& row : t.trades) n += row.seen && row.cause == Cause::late_generator;
  if (n > 0) return std::to_string(n) + " steps or trades were not sent through our own lateness";
  if (t.generator->cpu_share_max >= kCpuShareMax)
    return "the driver's thread used " + fixed(t.generator->cpu_share_max * 100, 0) + " % of a core, allowed " +
           fixed(kCpuShareMax * 100, 0) + " %";
  return "";
}

void fill_generator(const Tally& t, const std::string& doubt, Scorecard& c) {
  if (t.generator) {
    c.generator.lateness_p50_us = rounded(seconds(t.generator->lateness_p50) * 1e6, 1e3);
    c.generator.lateness_p99_us = rounded(seconds(t.generator->lateness_p99) * 1e6, 1e3);
    c.generator.cpu_seconds = rounded(t.generator->cpu_seconds, 1e3);
    c.generator.scheduling = t.generator->scheduling;
  }
  c.generator.trusted = doubt.empty();
}

/// A fault that nothing met is a situation that did not occur; an episode over it that shows no harm is no merit.
void note_bypass(const Segment& segment, const FaultTimes& times, const Tally& t, const Evidence& evidence,
                 Scorecard& c) {
  const auto pays = t.pays.find(segment.fault.on);
  if (!was_bypassed(segment, times, pays == t.pays.end() ? std::span<const Nanos>{} : pays->second, evidence)) return;
  Episode& e = c.episodes.back();
  e.bypassed = !e.onset_s;
  if (e.bypassed) e.absorbed = false;
  c.not_exercised.push_back(segment.fault.fault + " on " + segment.fault.on);
}

void fill_episodes(const Tally& t, const Plan& plan, const Evidence& evidence, Scorecard& c) {
  for (const auto& segment : plan.segments) {
    if (segment.fault.fault.empty()) continue;  // a step of load without a fault
    const auto it = t.faults.find(segment.index);
    const FaultTimes times = it == t.faults.end() ? FaultTimes{} : it->second;
    c.episodes.push_back(judge_episode(segment, times, plan.slo, t.steps, t.trade_points, t.cut));
    note_bypass(segment, times, t, evidence, c);
    if (times.injecting)
      c.fault_bands.push_back({segment.fault.fault, segment.fault.on, seconds_rounded(*times.injecting),
                               seconds_rounded(times.cleared.value_or(times.healed.value_or(segment.heal_at)))});
  }
  c.mttr = mttr_by_fault(c.episodes);
}

/// Only where the user said how a trace is opened.
void fill_traces(const Tally& t, const WorstSteps& worst, const RunRecord& r, Scorecard& c) {
  c.trace_link = r.info.trace_link();
  if (c.trace_link.empty()) return;
  auto episode = c.episodes.begin();
  for (const auto& segment : r.plan->segments)
    if (!segment.fault.fault.empty()) (episode++)->worst = worst.of(segment.index, t);
  for (auto& finding : c.checks)
    for (auto& witness : finding.witnesses) witness.traces = traces_of_order(witness.order, t, *r.plan);
}

void fill_timeline(const Tally& t, Scorecard& c) {
  std::map<std::int64_t, std::pair<WindowRow, std::vector<Nanos>>> rows;
  const auto at = [&](Nanos planned) -> auto& {
    const std::int64_t second = planned / 1s;
    auto& row = rows[second];
    row.first.at_s = static_cast<double>(second);
    return row;
  };
  for (const auto& s : t.steps) {
    auto& [row, responses] = at(s.planned);
    ++row.planned;
    row.good += s.good;
    if (s.response >= 0ns) responses.push_back(s.response);
  }
  for (const auto& p : t.trade_points) ++at(p.planned).first.trades;
  for (auto& [second, row] : rows) {
    std::sort(row.second.begin(), row.second.end());
    row.first.p50_ms = millis_rounded(closest_rank<Nanos>(row.second, 0.5));
    row.first.p99_ms = millis_rounded(closest_rank<Nanos>(row.second, 0.99));
    c.timeline.push_back(row.first);
  }
}

void fill_bursts(const Tally& t, const Plan& plan, Scorecard& c) {
  // Without the gaps between segments, as `cardstorm plan` counts: silence that was ordered is no burstiness.
  const Nanos loaded = loaded_time(plan.segments);
  const auto place = [&](Nanos at) { return std::min(load_time(plan.segments, at), loaded - Nanos(1)); };
  std::vector<Nanos> planned, left;
  for (const auto& row : t.trades) {
    if (!row.seen) continue;
    planned.push_back(place(row.planned));
    if (row.left >= 0ns) left.push_back(place(row.left));
  }
  std::sort(planned.begin(), planned.end());
  std::sort(left.begin(), left.end());
  const auto wanted = burst_numbers(planned, 0ns, loaded), got = burst_numbers(left, 0ns, loaded);
  const auto shown = [](const std::optional<double>& v) { return v ? std::optional(rounded(*v, 1e3)) : std::nullopt; };
  for (std::size_t i = 0; i < wanted.size(); ++i)
    c.bursts.push_back({seconds_rounded(wanted[i].window), wanted[i].peak, got[i].peak, shown(wanted[i].dispersion),
                        shown(got[i].dispersion)});
}

void fill_money(Scorecard& c) {
  for (const auto& f : c.checks) {
    if (f.name == "paid_then_credited") c.money.paid_overdue_cents += f.amount_cents;
    if (f.name == "one_credit_per_charge" || f.name == "card_unique") c.money.double_delivered_cents += f.amount_cents;
  }
}

// ---- what the record lacks

void compare_sum(const std::string& what, std::uint64_t plan, std::uint64_t planned, std::uint64_t ended,
                 RecordProblems& out) {
  if (plan == planned && planned == ended) return;
  out.broken_sums.push_back(what + ": plan.json says " + std::to_string(plan) + ", the history holds " +
                            std::to_string(planned) + " planned and " + std::to_string(ended) + " ended");
}

RecordProblems problems_of(const Tally& t, const RunRecord& r, std::vector<HistoryDamage> damage) {
  RecordProblems f;
  std::uint64_t planned = 0, ended = 0;
  for (const auto& row : t.trades) {
    planned += row.seen;
    ended += row.over;
  }
  if (!(r.info.interrupted && t.trades.empty())) {  // else stopped before the load began: nothing to add up
    compare_sum("trades", r.plan->planned_trades, planned, ended, f);
    compare_sum("steps", r.plan->planned_steps, t.steps_planned, t.steps_ended, f);
  }
  if (t.strays > 0)
    f.broken_sums.push_back(std::to_string(t.strays) + " events belong to no planned trade, or end one twice");
  for (const auto& d : damage)
    f.damage.push_back(std::filesystem::path(d.file).filename().string() + " at byte " + std::to_string(d.offset) +
                       ": " + d.what);
  f.damage.insert(f.damage.end(), r.damage.begin(), r.damage.end());
  f.generator_doubt = generator_doubt(t);
  f.audit_missing = r.audit == nullptr;
  if (const auto& stop = r.info.aborted) (stop->by == "guard" ? f.guard : f.aborted) = text_of(*stop);
  f.audit_waived = r.plan->checks == std::vector<std::string>{"none"};
  f.drained = r.info.drained;
  f.interrupted = r.info.interrupted;
  f.harness_errors = r.info.errors;
  return f;
}

/// Two deliveries of one message in flight at once, a notify that came late, and so on: what the journals can tell.
void note_journals(const Evidence& e, std::map<std::string, bool>& occurred) {
  std::map<std::string, std::vector<const Notify*>> by_trade;
  for (const auto& n : e.notifies) by_trade[n.channel + " " + n.trade_no].push_back(&n);
  std::map<std::string, Nanos> charged;
  for (const auto& c : e.charges) charged.emplace(c.channel + " " + c.trade_no, c.at);
  for (const auto& [key, list] : by_trade) {
    const auto paid = charged.find(key);
    for (const auto* n : list) {
      if (n->attempt > 1) occurred["notify_repeated"] = true;
      if (!n->acknowledged) occurred["notify_not_acknowledged"] = true;
      if (n->acknowledged && paid != charged.end() && n->at - paid->second > kLateNotify)
        occurred["late_notify"] = true;
      for (const auto* other : list)
        if (other != n && other->at - other->took < n->at && n->at - n->took < other->at)
          occurred["duplicate_notify_in_flight"] = true;
    }
  }
}

std::vector<std::string> not_exercised(std::map<std::string, bool> occurred, const Evidence& e) {
  note_journals(e, occurred);
  std::vector<std::string> out;
  for (const char* name :
       {"resend", "resend_answered", "timeout", "connection_refused", "connection_reset", "sold_out", "refund",
        "wallet_payment", "channel_payment", "payment_answer_lost", "cards", "topup", "membership", "equipment",
        "notify_repeated", "notify_not_acknowledged", "late_notify", "duplicate_notify_in_flight"})
    if (!occurred[name]) out.emplace_back(name);
  return out;
}

// ---- pooling

void add_rates(std::map<std::string, Rate>& to, const std::map<std::string, Rate>& from) {
  for (const auto& [name, r] : from) {
    to[name].planned += r.planned;
    to[name].good += r.good;
  }
}

void pool_figures(Scorecard& to, const Scorecard& c) {
  to.traffic.planned += c.traffic.planned;
  to.traffic.sent += c.traffic.sent;
  to.traffic.resends += c.traffic.resends;
  for (const auto& [o, n] : c.traffic.outcomes) to.traffic.outcomes[o] += n;
  for (const auto& [name, n] : c.traffic.causes) to.traffic.causes[name] += n;
  add_rates(to.by_phase, c.by_phase);
  add_rates(to.by_flow, c.by_flow);
  add_rates(to.by_goods, c.by_goods);
  to.money.lost_trades_cents += c.money.lost_trades_cents;
  to.money.paid_overdue_cents += c.money.paid_overdue_cents;
  to.money.double_delivered_cents += c.money.double_delivered_cents;
  auto& l = to.latency_ms;
  l = {std::max(l.p50, c.latency_ms.p50), std::max(l.p90, c.latency_ms.p90), std::max(l.p99, c.latency_ms.p99),
       std::max(l.p999, c.latency_ms.p999), std::max(l.max, c.latency_ms.max)};
  auto& g = to.generator;
  g.lateness_p50_us = std::max(g.lateness_p50_us, c.generator.lateness_p50_us);
  g.lateness_p99_us = std::max(g.lateness_p99_us, c.generator.lateness_p99_us);
  g.cpu_seconds = rounded(g.cpu_seconds + c.generator.cpu_seconds, 1e3);
  g.trusted = g.trusted && c.generator.trusted;
  if (g.scheduling != c.generator.scheduling) g.scheduling = "mixed";
}

/// fail before unknown before pass.
Verdict worse(Verdict a, Verdict b) {
  for (const Verdict v : {Verdict::fail, Verdict::unknown})
    if (a == v || b == v) return v;
  return Verdict::pass;
}

void pool_check(Scorecard& to, const Finding& f) {
  const auto it =
      std::find_if(to.checks.begin(), to.checks.end(), [&](const Finding& have) { return have.name == f.name; });
  if (it == to.checks.end()) {
    to.checks.push_back(f);
    return;
  }
  const Verdict verdict = worse(it->verdict, f.verdict);
  if (verdict != it->verdict) it->why = f.why;
  it->verdict = verdict;
  it->examined += f.examined;
  it->violations += f.violations;
  it->amount_cents += f.amount_cents;
  for (const auto& w : f.witnesses)
    if (it->witnesses.size() < 48) it->witnesses.push_back(w);
}

std::shared_ptr<const Histogram> pooled_latencies(const std::vector<Scorecard>& cards) {
  auto all = std::make_shared<Histogram>();
  for (const auto& c : cards) {
    if (!c.latencies) return nullptr;
    all->merge(*c.latencies);
  }
  return all;
}

std::vector<std::string> exercised_nowhere(const std::vector<Scorecard>& cards) {
  std::vector<std::string> out;
  for (const auto& name : cards.front().not_exercised)
    if (std::all_of(cards.begin(), cards.end(), [&](const Scorecard& c) {
          return std::find(c.not_exercised.begin(), c.not_exercised.end(), name) != c.not_exercised.end();
        }))
      out.push_back(name);
  return out;
}

// ---- drills

Result<std::vector<int>> repeats_in(const std::string& dir) {
  std::vector<int> out;
  std::error_code error;
  for (std::filesystem::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    const bool number = !name.empty() && name.size() < 6 && name.find_first_not_of("0123456789") == std::string::npos;
    if (number && it->is_directory(error)) out.push_back(std::stoi(name));
  }
  if (error || out.empty())
    return Error{Errc::not_found, "no runs in '" + dir + "'", "give the folder that cardstorm drill named"};
  std::sort(out.begin(), out.end());
  return out;
}

/// The side that a stopped drill never came to: unknown, and nothing else is said about it.
Scorecard side_not_run(const Scorecard& other) {
  Scorecard card;
  card.scenario = other.scenario;
  card.why_text = other.why_text;
  card.environment = other.environment;
  card.seed = other.seed;
  card.repeat_command = other.repeat_command;
  card.traffic.trace = other.traffic.trace;
  card.traffic.scale = other.traffic.scale;
  card.traffic.peak_rate = other.traffic.peak_rate;
  card.traffic.peak_window_s = other.traffic.peak_window_s;
  card.why = {{"side_not_run", "the drill was stopped before this side was run", "run it again to its end"}};
  return card;
}

Result<Scorecard> judge_side(const std::string& out_dir, const std::string& side, std::vector<DrillCard::Run>& runs) {
  const auto repeats = repeats_in(out_dir + "/" + side);
  if (!repeats) return repeats.error();
  std::vector<Scorecard> cards;
  for (const int n : *repeats) {
    const std::string dir = side + "/" + std::to_string(n);
    auto card = judge_run(out_dir + "/" + dir);
    if (!card) return std::move(card).error();
    runs.push_back({side, n, dir});
    for (auto& e : card->episodes) e.repeat = n;
    cards.push_back(*std::move(card));
  }
  return pool(std::move(cards));
}

}  // namespace

Result<Scorecard> judge_record(RunRecord& record, const HistorySource& history,
                               const std::vector<CheckEntry>& entries) {
  Tally tally(*record.plan);
  WorstSteps worst(*record.plan);
  auto checks = start_checks(*record.plan, entries);
  auto damage = history([&](const Event& event) {
    tally.observe(event);
    if (!record.info.trace_link().empty()) worst.observe(event, tally);
    for (auto& r : checks) guarded(r, [&](Check& c) { c.observe(event); });
  });
  if (!damage) return std::move(damage).error();
  Evidence& evidence = record.evidence;
  if (tally.done) evidence.end = *tally.done;
  tally.conclude(evidence);

  Scorecard card;
  fill_head(record, card);
  fill_traffic(tally, *record.plan, card);
  fill_latency(*tally.latencies, card);
  card.latencies = tally.latencies;
  card.not_exercised = not_exercised(tally.situations, evidence);
  fill_episodes(tally, *record.plan, evidence, card);
  fill_timeline(tally, card);
  fill_bursts(tally, *record.plan, card);
  for (auto& r : checks) card.checks.push_back(conclude(r, evidence));
  fill_money(card);
  fill_traces(tally, worst, record, card);
  const RecordProblems problems = problems_of(tally, record, *std::move(damage));
  fill_generator(tally, problems.generator_doubt, card);
  decide(card, problems, record.plan->expect);
  return card;
}

Result<Scorecard> judge_run(const std::string& dir) {
  auto record = read_run(dir);
  if (!record) return std::move(record).error();
  return judge_record(*record, [&](const auto& visit) { return read_history(dir + "/history", visit); });
}

Scorecard pool(std::vector<Scorecard> cards) {
  assert(!cards.empty());
  if (cards.size() == 1) return std::move(cards.front());
  Scorecard out = cards.front();
  out.repeats = static_cast<int>(cards.size());
  out.why.clear();
  out.episodes.clear();
  std::set<std::pair<std::string, std::string>> told;
  for (std::size_t i = 0; i < cards.size(); ++i) {
    const Scorecard& c = cards[i];
    if (i > 0) {
      pool_figures(out, c);
      for (const auto& f : c.checks) pool_check(out, f);
      out.verdict = worse(out.verdict, c.verdict);
    }
    out.episodes.insert(out.episodes.end(), c.episodes.begin(), c.episodes.end());
    for (const auto& r : c.why)
      if (told.insert({r.code, r.text}).second) out.why.push_back(r);
  }
  Rate all;
  for (const auto& [flow, r] : out.by_flow) {
    all.planned += r.planned;
    all.good += r.good;
  }
  out.success_rate = all.share();
  out.latencies = pooled_latencies(cards);
  if (out.latencies) fill_latency(*out.latencies, out);
  out.mttr = mttr_by_fault(out.episodes);
  out.not_exercised = exercised_nowhere(cards);
  return out;
}

Result<DrillCard> judge_drill(const std::string& out_dir) {
  DrillCard card;
  auto baseline = judge_side(out_dir, "baseline", card.runs);
  if (!baseline) return std::move(baseline).error();
  std::error_code ignored;
  auto candidate = std::filesystem::exists(out_dir + "/candidate", ignored)
                       ? judge_side(out_dir, "candidate", card.runs)
                       : Result<Scorecard>(side_not_run(*baseline));
  if (!candidate) return std::move(candidate).error();
  card.baseline = *std::move(baseline);
  card.candidate = *std::move(candidate);
  card.repeat_command = card.candidate.repeat_command;
  compare(card);
  return card;
}

}  // namespace cardstorm
