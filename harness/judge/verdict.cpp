// verdict: see verdict.hpp.
#include "harness/judge/verdict.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>

#include "harness/core/relation.hpp"
#include "harness/core/text.hpp"
#include "harness/judge/episodes.hpp"
#include "harness/judge/figures.hpp"

namespace cardstorm {
namespace {

using Reasons = std::vector<Reason>;

std::string place_of(const Episode& e) { return e.fault + (e.on.empty() ? "" : " on " + e.on); }

void add_broken(const Scorecard& card, Reasons& out) {
  for (const auto& f : card.checks)
    if (f.verdict == Verdict::fail)
      out.push_back(
          {"invariant_broken",
           f.name + ": " + std::to_string(f.violations) + " of " + std::to_string(f.examined) + " (" + f.why + ")",
           "look at the orders named as witnesses of " + f.name});
}

/// By the user, the scenario's `abort:` or the target's `guard:`.
bool ended_early(const RecordProblems& f) { return f.interrupted || !f.aborted.empty() || !f.guard.empty(); }

void add_faults(const Scorecard& card, const RecordProblems& f, Reasons& out) {
  for (const auto& e : card.episodes)
    if (!e.verified)
      out.push_back({"fault_unverified", place_of(e) + ": no probe saw it in force",
                     "see the notes of the fault lane (history cat) and cardstorm doctor"});
  // A kill cannot be undone by us: what ends the run early does not wait for the target's own supervisor.
  for (const auto& e : card.episodes)
    if (!e.reverted && !(ended_early(f) && one_shot(e.fault)))
      out.push_back({"fault_not_reverted", place_of(e) + ": no probe saw it gone",
                     "run cardstorm recover, then look at the target"});
}

void add_steadiness(const Scorecard& card, const RecordProblems& f, Reasons& out) {
  // Of a run that was ended early another load would not have helped; the stop itself is among the reasons.
  const bool cut = ended_early(f);
  for (const auto& e : card.episodes)
    if (!e.steady && !(cut && !e.verified))
      out.push_back({"not_steady", "before " + place_of(e) + " the target was not in steady state",
                     "lower the load or give the target more time to warm up"});
  for (const auto& e : card.episodes)
    if (!e.judged && !cut)
      out.push_back({"too_few_samples", "around " + place_of(e) + " most windows held too few steps to judge",
                     "raise traffic.base_rate or widen slo.window"});
}

void add_checks(const Scorecard& card, const RecordProblems& f, Reasons& out) {
  bool unknown = false;
  for (const auto& check : card.checks) {
    if (check.verdict != Verdict::unknown) continue;
    unknown = true;
    out.push_back({"check_unknown", check.name + ": " + check.why,
                   "give the check what it needs, or leave it out of the scenario's checks"});
  }
  if (unknown && f.audit_missing)
    out.push_back({"audit_missing", "there is no final audit",
                   "give the target an audit address, or keep its database reachable at the end"});
  if (card.checks.empty() && !f.audit_waived)
    out.push_back({"nothing_checked", "no check was made", "name at least one check in the scenario"});
}

void add_record(const RecordProblems& f, Reasons& out) {
  for (const auto& s : f.broken_sums)
    out.push_back({"sums_do_not_add_up", s, "the record is incomplete: run again, and report it if it happens again"});
  for (const auto& d : f.damage)
    out.push_back({"history_damaged", d, "the record is damaged: check the disk and run again"});
  if (f.interrupted)
    out.push_back({"interrupted", "the run was stopped before its end", "run it again to its end"});
  else if (!f.drained && f.aborted.empty() && f.guard.empty())
    out.push_back(
        {"not_drained", "the run ended before late effects had time to show", "run again with a longer drain"});
  for (const auto& e : f.harness_errors) out.push_back({"harness_error", e, "see the run folder's logs"});
}

/// Text of a figure that missed `bound`: six digits, all of them where six would read as the bound itself; infinity is
/// "never".
std::string figure(double v, double bound) {
  if (v == std::numeric_limits<double>::infinity()) return "never";
  char short_text[32];
  std::snprintf(short_text, sizeof short_text, "%.6g", v);
  const std::string exact = Json(v).text();
  return exact.size() <= std::strlen(short_text) || short_text == Json(bound).text() ? exact : short_text;
}

void add_expectations(const Scorecard& card, const std::vector<Expectation>& expectations, Reasons& unknown,
                      Reasons& missed) {
  for (const auto& x : expectations) {
    const std::string text = x.metric + " " + x.relation + " " + Json(x.bound).text();
    const auto value = figure_of(card, x.metric);
    const auto met = value ? holds(*value, x.relation, x.bound) : std::nullopt;
    if (!met)
      unknown.push_back(
          {"expectation_unknown", text + ": this run has no such figure", "correct the scenario's expect"});
    else if (!*met)
      missed.push_back({"expectation_missed", "wanted " + text + ", got " + figure(*value, x.bound),
                        "see the episodes and causes for what was lost"});
  }
}

}  // namespace

void decide(Scorecard& card, const RecordProblems& problems, const std::vector<Expectation>& expectations) {
  Reasons broken, unknown, missed;
  add_broken(card, broken);
  // The run is cut short, but what cut it short was seen over a whole window: that is no "unknown".
  if (!problems.aborted.empty())
    broken.push_back(
        {"aborted", problems.aborted, "see the report up to that moment; the scenario's `abort:` holds the bound"});
  if (!problems.guard.empty())
    unknown.push_back({"guard_stopped", problems.guard,
                       "the target's `guard:` ended the run to protect the platform: look there first"});
  add_faults(card, problems, unknown);
  if (!problems.generator_doubt.empty())
    unknown.push_back(
        {"generator_untrusted", problems.generator_doubt, "free the machine, or lower the load; see cardstorm doctor"});
  add_steadiness(card, problems, unknown);
  add_checks(card, problems, unknown);
  add_record(problems, unknown);
  add_expectations(card, expectations, unknown, missed);
  if (problems.audit_waived && expectations.empty())
    unknown.push_back({"nothing_expected", "the scenario waives all checks and expects nothing: any run would pass",
                       "add for example expect: { success_rate: \">= 0.99\" }"});
  card.verdict = !broken.empty()    ? Verdict::fail
                 : !unknown.empty() ? Verdict::unknown
                 : !missed.empty()  ? Verdict::fail
                                    : Verdict::pass;
  card.why = std::move(broken);
  for (auto* rest : {&unknown, &missed})
    for (auto& r : *rest) card.why.push_back(std::move(r));
  if (problems.audit_waived)  // a pass may carry remarks; this one must never be overlooked
    card.why.push_back({"audit_waived", "no promise was audited: the scenario says `checks: none`",
                        "name checks as soon as the target has witnesses (partners, mint, audit)"});
}

}  // namespace cardstorm
