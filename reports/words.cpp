// words: how each value reads.
#include "reports/words.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "reports/escape.hpp"

namespace cardstorm {
namespace {

/// Reasons whose words are the same in every run: their translation says all.
constexpr std::array<std::string_view, 6> kSaysAll{"audit_missing", "audit_waived",    "interrupted",
                                                   "not_drained",   "nothing_checked", "nothing_expected"};

/// 1234567 as 1,234,567.
std::string grouped(std::string digits) {
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

/// The judge writes "run it again"; a report writes "Run it again." A code such as card_unique keeps its letters,
/// and so does the name of a file.
std::string as_sentence(std::string text) {
  if (text.empty()) return text;
  const bool is_name = text.substr(0, text.find(' ')).find_first_of("_/.") != std::string::npos;
  if (!is_name && text.front() >= 'a' && text.front() <= 'z')
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  if (const char last = text.back(); (last >= 'a' && last <= 'z') || (last >= '0' && last <= '9') || last == ')')
    text += '.';
  return text;
}

std::string of_all(const Words& w, int part, int all) {
  return w.say(Text::part_of_repeats, {std::to_string(part), std::to_string(all)});
}

}  // namespace

std::string Words::number(double value, int decimals) const {
  if (!std::isfinite(value)) return dash();
  if (value == 0) value = 0;  // no "-0"
  std::array<char, 64> buffer{};
  const bool huge = std::fabs(value) >= 1e12;  // a figure of 300 digits tears every table
  const int length = huge ? std::snprintf(buffer.data(), buffer.size(), "%.3g", value)
                          : std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  return {buffer.data(), static_cast<std::size_t>(length)};
}

std::string Words::count(std::uint64_t value) const { return grouped(std::to_string(value)); }
std::string Words::seconds(double value) const { return say(Text::value_seconds, {number(value, 1)}); }
std::string Words::range(double lo, double hi) const {
  return say(Text::value_seconds, {number(lo, 1) + (rich_ ? "–" : "-") + number(hi, 1)});
}

std::string Words::millis(double value) const {
  if (!std::isfinite(value)) return dash();
  if (value >= 1000) return say(Text::value_seconds, {number(value / 1000, value < 10000 ? 2 : 1)});
  return say(Text::value_millis, {number(value, value < 10 ? 1 : 0)});
}

std::string Words::share(double value) const {
  if (!std::isfinite(value)) return dash();
  // 99.996 % is not 100 %: cut, do not round (the small term mends 0.9993 * 100 = 99.92999).
  const double cut = std::floor(value * 10000 + 1e-6) / 100;
  return number(cut, 2) + " %";
}

std::string Words::reduction(std::optional<double> value) const {
  if (!value || !std::isfinite(*value)) return dash();
  std::string digits = number(*value * 100, 0);
  if (digits == "-0") digits = "0";
  return digits + " %";
}

std::string Words::money(std::int64_t cents) const {
  const bool negative = cents < 0;
  const auto magnitude = negative ? 0 - static_cast<std::uint64_t>(cents) : static_cast<std::uint64_t>(cents);
  const std::string rest = std::to_string(magnitude % 100);
  return std::string(negative ? "-" : "") + "¥" + grouped(std::to_string(magnitude / 100)) + "." +
         (rest.size() < 2 ? "0" : "") + rest;
}

std::string Words::by_code(std::string_view prefix, std::string_view code) const {
  return std::string(text_of_code(prefix, code, lang_).value_or(code));
}

std::string Words::fault(std::string_view name) const { return by_code("fault_", name); }
std::string Words::check(std::string_view name) const { return by_code("check_", name); }
std::string Words::cause(std::string_view name) const { return by_code("cause_", name); }
std::string Words::outcome(TradeOutcome outcome) const { return by_code("outcome_", to_text(outcome)); }
std::string Words::group(std::string_view name) const { return by_code("group_", name); }
std::string Words::situation(std::string_view name) const {
  // "payment_delay on beta": a fault that nothing met.
  constexpr std::string_view kOn = " on ";
  const auto on = name.find(kOn);
  if (on != std::string_view::npos && text_of_code("fault_", name.substr(0, on), lang_))
    return say(Text::fault_not_met, {fault(name.substr(0, on)), name.substr(on + kOn.size())});
  return by_code("situation_", name);
}
std::string Words::scheduling(std::string_view name) const {
  const std::string key = name == "nice-10" ? "nice" : std::string(name);
  return name.empty()                              ? dash()
         : text_of_code("scheduling_", key, lang_) ? by_code("scheduling_", key)
                                                   : std::string(name);
}

std::string Words::verdict(Verdict verdict) const {
  return t(verdict == Verdict::pass   ? Text::verdict_pass
           : verdict == Verdict::fail ? Text::verdict_fail
                                      : Text::verdict_unknown);
}
std::string Words::finding(Verdict verdict) const {
  return t(verdict == Verdict::pass   ? Text::finding_pass
           : verdict == Verdict::fail ? Text::finding_fail
                                      : Text::finding_unknown);
}
std::string Words::decision(Verdict verdict) const {
  return t(verdict == Verdict::pass   ? Text::decision_go
           : verdict == Verdict::fail ? Text::decision_no_go
                                      : Text::decision_undecidable);
}

std::string Words::decision_and_verdict(Verdict v) const {
  const std::string decided = decision(v), judged = verdict(v);
  return decided == judged ? decided : decided + " (" + judged + ")";
}

// English keeps the judge's own words, because they hold the figures; other languages translate by code.
std::string Words::reason(const Reason& reason) const {
  if (lang_ == Lang::en && !reason.text.empty()) return as_sentence(reason.text);
  const auto known = text_of_code("reason_", reason.code, lang_);
  if (known) {
    // "card_unique: 14 of ...": the judge puts the check in front; it has a name in every language.
    const auto subject = text_of_code("check_", std::string_view(reason.text).substr(0, reason.text.find(':')), lang_);
    return (subject ? std::string(*subject) + t(Text::colon) : "") + std::string(*known);
  }
  return reason.text.empty() ? reason.code : as_sentence(reason.text);
}
std::string Words::remedy(const Reason& reason) const {
  if (lang_ == Lang::en && !reason.remedy.empty()) return as_sentence(reason.remedy);
  const auto known = text_of_code("remedy_", reason.code, lang_);
  return known ? std::string(*known) : as_sentence(reason.remedy);
}
std::string Words::detail(const Reason& reason) const {
  if (std::count(kSaysAll.begin(), kSaysAll.end(), reason.code) > 0) return "";
  return lang_ != Lang::en && text_of_code("reason_", reason.code, lang_) ? reason.text : "";
}

std::string Words::traced(const TracedStep& step) const {
  std::string out = say(Text::traced_step, {clean_text(step.step, 40), number(step.at_s, 1), number(step.took_s, 1)});
  if (!step.cause.empty() && step.cause != "none") out += t(Text::list_comma) + cause(step.cause);
  return out;
}

std::string Words::onset(const FaultCell& cell) const {
  if (cell.onset_after_inject.n == 0) return dash();
  return say(Text::value_seconds,
             {(cell.onset_after_inject.mean >= 0 ? "+" : "") + number(cell.onset_after_inject.mean, 1)});
}

std::string Words::recovery(const FaultCell& cell) const {
  if (cell.episodes == 0) return t(Text::not_injected);
  if (cell.judged == 0 && cell.bypassed == 0 && cell.open == 0)
    return t(cell.unverified > 0 ? Text::not_in_force : cell.unsteady > 0 ? Text::not_steady : Text::too_few_samples);
  std::string out;
  const auto add_part = [&](int n, const std::string& what) {
    if (n == 0) return;
    if (!out.empty()) out += t(Text::list_comma);
    out += what + (n == cell.episodes ? "" : of_all(*this, n, cell.episodes));
  };
  add_part(cell.censored, say(Text::not_recovered, {number(cell.horizon_s, 0)}));
  add_part(cell.recovered, seconds(cell.recovery.mean));
  add_part(cell.absorbed, t(Text::no_impact));
  add_part(cell.bypassed, t(Text::bypassed));
  add_part(cell.open, t(Text::not_known));
  add_part(cell.unverified, t(Text::not_in_force));
  add_part(cell.unsteady, t(Text::not_steady));
  add_part(cell.thin, t(Text::too_few_samples));
  return out;
}

std::string Words::spread(const FaultCell& cell) const {
  return cell.recovery.n > 1 ? range(cell.recovery.lo, cell.recovery.hi) : "";
}

std::string Words::audit(const AuditCount& c) const {
  return say(Text::audit_counts, {std::to_string(c.passed), std::to_string(c.broken), std::to_string(c.unknown)});
}

std::string Words::headline(const View& view) const {
  const Scorecard& card = view.judged();
  const AuditCount audited = count_audit(card);
  const std::string checks = std::to_string(card.checks.size()), target = clean_text(card.target, 60);
  if (card.verdict == Verdict::pass && card.checks.empty())
    return say(Text::headline_go_unaudited, {target, share(card.success_rate)});
  if (card.verdict == Verdict::pass && view.faults.empty())
    return say(Text::headline_go_quiet, {target, share(card.success_rate), checks});
  if (card.verdict == Verdict::pass)
    return say(Text::headline_go, {target, std::to_string(view.faults.size()), share(card.success_rate), checks});
  if (card.verdict == Verdict::unknown) return say(Text::headline_undecidable, {target});
  if (audited.broken > 0) return say(Text::headline_broken, {target, std::to_string(audited.broken), checks});
  return say(card.checks.empty() || audited.unknown > 0 ? Text::headline_missed_unaudited : Text::headline_missed,
             {target});
}

std::string Words::setting(const View& view) const {
  const Scorecard& card = view.judged();
  const auto& traffic = card.traffic;
  std::string out = say(Text::setting_seed, {std::to_string(card.seed), clean_text(card.environment, 20)});
  out += say(Text::setting_repeats, {std::to_string(card.repeats)});
  if (!traffic.trace.empty() && traffic.peak_rate > 0)
    out += say(Text::setting_traffic, {number(traffic.scale, 1), number(traffic.peak_rate, 1),
                                       number(traffic.peak_window_s, 0), clean_text(traffic.trace, 80)});
  return out;
}

std::string Words::assumption(double restart_s) const { return say(Text::assumed_restart, {number(restart_s, 0)}); }

}  // namespace cardstorm
