// html: one self-contained page for people: the decision first, then what it rests on. Works offline, without scripts,
// on paper and in both languages; a few lines of script add read-outs only.
#include <algorithm>
#include <ostream>

#include "reports/html_parts.hpp"
#include "reports/report.hpp"

namespace cardstorm {
namespace {

using html::Html;
using html::Literal;

constexpr std::string_view kCss =
#include "reports/page_css.inc"
    ;
constexpr std::string_view kJs =
#include "reports/page_js.inc"
    ;

// Bounds keep the page under 300 KB whatever a run holds; the whole is in the JSON file.
constexpr std::size_t kReasonsMax = 12, kListMax = 24, kChecksMax = 32, kWitnessesPerCheck = 6, kWitnessesMax = 60,
                      kGroupsMax = 12, kRunsMax = 20, kFaultsMax = 12, kTracesMax = 24, kTracesPerWitness = 2;

std::string_view code_of(Verdict verdict) {
  return verdict == Verdict::pass ? "pass" : verdict == Verdict::fail ? "fail" : "unknown";
}

Html safe(std::string_view raw, std::size_t max_chars = 80) { return Html::text(raw, max_chars); }

/// The decision's sign: shape and not colour alone tells it.
Html sign(Verdict verdict) {
  const Html inner = verdict == Verdict::pass
                         ? Html("<path d=\"M7 12.4l3.4 3.4L17.2 9\"/>")
                         : Html::when(verdict == Verdict::fail, "<path d=\"M8.2 8.2l7.6 7.6M15.8 8.2l-7.6 7.6\"/>",
                                      "<path d=\"M9 9.4a3 3 0 1 1 4.3 2.7c-.9.5-1.3 1-1.3 2M12 17.3v.1\"/>");
  return "<svg viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2.1\" "
         "stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\">"
         "<circle cx=\"12\" cy=\"12\" r=\"10.5\"/>" +
         inner + "</svg>";
}

class Page {
 public:
  Page(const View& view, Lang lang) : view_(view), lang_(lang) {}

  std::string text() {
    open();
    hero();
    keys();
    money();
    limits();
    over_time();
    recovery();
    numbers();
    audit();
    generator();
    repeat();
    close();
    return out_.markup();
  }

 private:
  template <class Write>
  Html bi(Write write) const {
    return both_(write);
  }

  const Scorecard& judged() const { return view_.judged(); }
  Html role(std::size_t side) const { return both_(view_.sides[side].role); }
  void section(Text title, Literal id) {
    out_ += Html("<section aria-labelledby=\"") + id + "\"><h2 id=\"" + id + "\">" + both_(title) + "</h2>\n";
  }
  void note(Text id) { out_ += "<p class=\"note\">" + both_(id) + "</p>\n"; }
  void more(std::size_t all, std::size_t shown) {
    if (all > shown)
      out_ += "<p class=\"note\">" +
              bi([&](const Words& w) { return w.say(Text::and_more, {std::to_string(all - shown)}); }) + "</p>";
  }

  void open() {
    const bool zh = lang_ == Lang::zh;
    const Words words(lang_, true);
    const std::string title = words.decision(judged().verdict) + " - " +
                              words.t(view_.drill ? Text::title_drill : Text::title_run) + ": " + judged().scenario;
    out_ += "<!DOCTYPE html>\n<html lang=\"" + Html::when(zh, "zh-CN", "en") + "\" data-verdict=\"" +
            code_of(judged().verdict) + "\">\n<head>\n<meta charset=\"utf-8\">\n" +
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<meta name=\"generator\" "
            "content=\"CardStorm\">\n<link rel=\"icon\" href=\"data:,\">\n<title>" +
            safe(title) + "</title>\n<style>" + Literal(kCss) + "</style>\n</head>\n<body>\n";
    for (const Lang lang : {Lang::en, Lang::zh}) {
      const Html id = Html::when(lang == Lang::en, "lang-en", "lang-zh");
      out_ += "<input class=\"lang\" type=\"radio\" name=\"lang\" id=\"" + id + "\"" +
              Html::when(lang == lang_, " checked") + ">\n";
    }
    out_ += "<div class=\"page\">\n<header class=\"top\"><span><b>CardStorm</b> &#160;" + safe(judged().scenario) +
            "</span><span class=\"switch\"><label for=\"lang-en\" lang=\"en\">" + safe(text_of(Lang::en)) +
            "</label><label for=\"lang-zh\" lang=\"zh-CN\">" + safe(text_of(Lang::zh)) +
            "</label></span></header>\n<main>\n";
  }
  static std::string text_of(Lang lang) { return std::string(cardstorm::text(Text::language_name, lang)); }

  void hero() {
    out_ += "<div class=\"hero\"><p class=\"eyebrow\">" + both_(view_.drill ? Text::title_drill : Text::title_run) +
            ", " + both_(Text::decision) + "</p><h1 class=\"decision\">" + sign(judged().verdict) + "<span>" +
            bi([&](const Words& w) { return w.decision(judged().verdict); }) + "</span></h1><p class=\"lead\">" +
            bi([&](const Words& w) { return w.headline(view_); }) + "</p>\n";
    reasons();
    out_ += "<p class=\"note\" style=\"margin-top:22px\">" + bi([&](const Words& w) { return w.setting(view_); }) +
            (view_.drill ? "<br>" + both_(Text::verdict_is_candidates) : Html()) + "</p></div>\n";
  }

  void reasons() {
    const auto& why = judged().why;
    if (why.empty() && judged().verdict == Verdict::pass) return;
    out_ += "<ul class=\"reasons\">";
    if (why.empty()) out_ += "<li>" + both_(Text::no_reason) + "</li>";
    for (std::size_t i = 0; i < std::min(why.size(), kReasonsMax); ++i) {
      const Reason& reason = why[i];
      out_ += "<li>" + bi([&](const Words& w) {
                const std::string detail = w.detail(reason);
                return w.reason(reason) + (detail.empty() ? "" : " " + detail);
              });
      out_ += " <code class=\"tag\">" + safe(reason.code, 40) + "</code>";
      const Html remedy = bi([&](const Words& w) { return w.remedy(reason); });
      if (!remedy.empty())
        out_ += "<br><span class=\"do\">" + both_(Text::remedy) + bi([](const Words& w) { return w.t(Text::colon); }) +
                remedy + "</span>";
      out_ += "</li>";
    }
    out_ += "</ul>\n";
    more(why.size(), kReasonsMax);
  }

  /// One large figure: the judged side's, with the baseline's small under it.
  template <class Value>
  void key(const Html& name, Value value, const Html& under = {}) {
    out_ += "<div class=\"key\"><dt>" + name + "</dt><dd>" + bi([&](const Words& w) { return value(w, judged()); });
    if (!under.empty())
      out_ += "<span class=\"small\">" + under + "</span>";
    else if (view_.drill)
      out_ += "<span class=\"small was\">" + role(0) + " " +
              bi([&](const Words& w) { return value(w, *view_.sides[0].card); }) + "</span>";
    out_ += "</dd></div>";
  }

  /// A refusal that the witnesses confirm (sold out) is good, though it ended as failed.
  static std::uint64_t not_good(const Scorecard& card) {
    std::uint64_t planned = 0, good = 0;
    for (const auto& [flow, rate] : card.by_flow) planned += rate.planned, good += rate.good;
    return planned - std::min(planned, good);
  }

  void keys() {
    out_ += "<dl class=\"keys\">";
    key(both_(Text::success_rate), [](const Words& w, const Scorecard& c) { return w.share(c.success_rate); });
    if (view_.drill) {
      key(
          both_(Text::mttr_reduction),
          [&](const Words& w, const Scorecard&) {
            return view_.drill->mttr_reduction ? w.reduction(view_.drill->mttr_reduction) : w.dash();
          },
          "<span class=\"was\">" + both_(view_.drill->mttr_reduction ? Text::mttr_smallest : Text::mttr_null) +
              "</span>");
    } else {
      key(both_(Text::latency_p99), [](const Words& w, const Scorecard& c) { return w.millis(c.latency_ms.p99); });
    }
    key(both_(Text::trades_not_good), [](const Words& w, const Scorecard& c) { return w.count(not_good(c)); });
    key(both_(Text::checks_broken), [](const Words& w, const Scorecard& c) {
      return w.say(Text::n_of_m, {std::to_string(count_audit(c).broken), std::to_string(c.checks.size())});
    });
    out_ += "</dl>\n";
  }

  void money() {
    section(Text::money_at_risk, "money");
    note(Text::money_note);
    out_ += "<dl class=\"money\">";
    amount(Text::money_lost_trades, [](const Scorecard& c) { return c.money.lost_trades_cents; });
    amount(Text::money_paid_overdue, [](const Scorecard& c) { return c.money.paid_overdue_cents; });
    amount(Text::money_double_delivered, [](const Scorecard& c) { return c.money.double_delivered_cents; });
    out_ += "</dl></section>\n";
  }
  template <class Cents>
  void amount(Text name, Cents cents) {
    out_ += "<div><dt>" + both_(name) + "</dt><dd>" + bi([&](const Words& w) { return w.money(cents(judged())); });
    if (view_.drill)
      out_ += "<span class=\"small was\">" + role(0) + " " +
              bi([&](const Words& w) { return w.money(cents(view_.drill->baseline)); }) + "</span>";
    out_ += "</dd></div>";
  }

  void limits() {
    out_ += "<div class=\"two\">";
    section(Text::not_exercised, "untested");
    const Scorecard& card = judged();
    if (card.not_exercised.empty()) {
      note(Text::all_exercised);
    } else {
      note(Text::not_exercised_note);
      out_ += "<ul class=\"plain\">";
      for (std::size_t i = 0; i < std::min(card.not_exercised.size(), kListMax); ++i)
        out_ +=
            "<li>" + bi([&](const Words& w) { return clean_text(w.situation(card.not_exercised[i]), 80); }) + "</li>";
      out_ += "</ul>";
      more(card.not_exercised.size(), kListMax);
    }
    out_ += "</section>\n";
    section(Text::assumptions, "assumptions");
    bool any = false;
    for (std::size_t side = 0; side < view_.sides.size(); ++side) {
      const double delay = view_.sides[side].card->assumed_restart_s;
      if (!(delay >= 0)) continue;
      any = true;
      out_ += "<p>" + (view_.drill ? role(side) + bi([](const Words& w) { return w.t(Text::colon); }) : Html()) +
              bi([&](const Words& w) { return w.assumption(delay); }) + "</p>";
    }
    if (!any) note(Text::no_assumptions);
    out_ += "</section></div>\n";
  }

  void over_time() {
    section(Text::over_time, "time");
    const Html charts = html::charts(view_, both_);
    if (charts.empty())
      note(Text::no_timeline);
    else
      out_ += "<p class=\"note\">" + both_(Text::over_time_note) + " <span class=\"hint\">" + both_(Text::chart_hint) +
              "</span></p>" + charts;
    out_ += "</section>\n";
  }

  void recovery() {
    section(Text::recovery_title, "recovery");
    if (view_.faults.empty()) {
      note(Text::no_faults);
    } else {
      note(Text::recovery_note);
      out_ += html::recovery_bars(view_, both_);
      fault_table();
      worst_steps();
    }
    if (view_.drill) reduction();
    out_ += "</section>\n";
  }

  void fault_table() {
    out_ += "<div class=\"wide\"><table><thead><tr><th scope=\"col\">" + both_(Text::fault) + "</th>";
    if (view_.drill) out_ += "<th scope=\"col\"></th>";
    for (const Text head : {Text::onset, Text::recovery, Text::lag, Text::lost_trades})
      out_ += "<th scope=\"col\" class=\"n\">" + both_(head) + "</th>";
    out_ += "</tr></thead><tbody>";
    for (std::size_t i = 0; i < std::min(view_.faults.size(), kFaultsMax); ++i)
      for (std::size_t side = 0; side < view_.sides.size(); ++side) fault_line(view_.faults[i], side);
    out_ += "</tbody></table></div>";
    out_ += "<p class=\"note\">" + bi([&](const Words& w) {
              const bool mixed = std::any_of(view_.faults.begin(), view_.faults.end(), [](const FaultRow& row) {
                return std::any_of(row.cells.begin(), row.cells.end(),
                                   [](const FaultCell& cell) { return cell.is_mixed(); });
              });
              return w.t(Text::faults_note) + (mixed ? w.t(Text::sentence_gap) + w.t(Text::part_note) : "");
            }) +
            "</p>";
  }

  Html trace_anchor(const Scorecard& card, const TracedStep& step, const Html& words) const {
    const std::string url = trace_url(card, step.id);
    return url.empty() ? "<code>" + safe(step.id, 40) + "</code>"
                       : "<a href=\"" + Html::text(url, 1000) + "\" rel=\"noreferrer\">" + words + "</a>";
  }

  void worst_steps() {
    if (!view_.has_traces()) return;
    out_ += "<h3>" + both_(Text::worst_steps) + "</h3><ul class=\"plain\">";
    std::size_t shown = 0;
    for (std::size_t side = 0; side < view_.sides.size(); ++side)
      for (const Episode& e : view_.sides[side].card->episodes)
        for (const TracedStep& step : e.worst) {
          if (++shown > kTracesMax) continue;
          out_ +=
              "<li>" + (view_.drill ? role(side) + ", " : Html()) +
              bi([&](const Words& w) { return clean_text(w.fault(e.fault), 48) + w.t(Text::colon) + w.traced(step); }) +
              " " + trace_anchor(*view_.sides[side].card, step, "<code>" + safe(step.id, 40) + "</code>") + "</li>";
        }
    out_ += "</ul>";
    more(shown, kTracesMax);
  }

  void fault_line(const FaultRow& row, std::size_t side) {
    const FaultCell& cell = row.cells[side];
    out_ += "<tr>";
    if (side == 0)
      out_ += Html("<th scope=\"rowgroup\" rowspan=\"") + std::to_string(view_.sides.size()) + "\">" +
              bi([&](const Words& w) { return clean_text(w.fault(row.fault), 48); }) + "</th>";
    if (view_.drill)
      out_ += "<td" + Html::when(side == 1, " class=\"cand\"") + ">" + role(side) + "<span class=\"small\">" +
              safe(cell.on, 60) + "</span></td>";
    out_ += "<td class=\"n\">" + bi([&](const Words& w) { return w.onset(cell); }) + "</td><td class=\"n\">" +
            bi([&](const Words& w) { return w.recovery(cell); });
    if (cell.recovery.n > 1)
      out_ += "<span class=\"small\">" + bi([&](const Words& w) { return w.spread(cell); }) + "</span>";
    if (cell.metastable > 0) out_ += "<span class=\"small\">" + both_(Text::metastable) + "</span>";
    if (cell.unreverted > 0) out_ += "<span class=\"small mark\">" + both_(Text::not_reverted) + "</span>";
    out_ += "</td><td class=\"n\">" +
            bi([&](const Words& w) { return cell.lag.n > 0 ? w.seconds(cell.lag.mean) : w.dash(); }) +
            "</td><td class=\"n\">" + bi([&](const Words& w) { return w.count(cell.lost); }) + "</td></tr>";
  }

  void reduction() {
    const DrillCard& drill = *view_.drill;
    out_ += "<h3>" + both_(Text::mttr_reduction) + "</h3>";
    note(Text::mttr_note);
    out_ += "<table><tbody>";
    const auto line = [&](const Html& name, const std::optional<double>& value, bool strong) {
      out_ += "<tr><th scope=\"row\">" + name + "</th><td class=\"n" + Html::when(strong, " cand") + "\">" +
              bi([&](const Words& w) { return value ? w.reduction(value) : w.t(Text::mttr_null); }) + "</td></tr>";
    };
    line(both_(Text::mttr_smallest), drill.mttr_reduction, true);
    std::vector<std::pair<std::string, std::optional<double>>> delays(drill.mttr_reduction_assumed_restart.begin(),
                                                                      drill.mttr_reduction_assumed_restart.end());
    std::stable_sort(delays.begin(), delays.end(),
                     [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
    for (std::size_t i = 0; i < std::min(delays.size(), kGroupsMax); ++i)
      line(bi([&](const Words& w) { return w.say(Text::mttr_assumed, {delays[i].first.substr(0, 20)}); }),
           delays[i].second, false);
    line(both_(Text::mttr_without), drill.mttr_reduction_without_restart, false);
    out_ += "</tbody></table>";
  }

  template <class Value>
  void figure(const Html& name, Value value) {
    out_ += "<tr><th scope=\"row\">" + name + "</th>";
    for (std::size_t side = 0; side < view_.sides.size(); ++side)
      out_ += "<td class=\"n" + Html::when(view_.drill && side == 1, " cand") + "\">" +
              bi([&](const Words& w) { return value(w, *view_.sides[side].card); }) + "</td>";
    out_ += "</tr>";
  }
  void part(Text title) {
    out_ += Html("<tr class=\"part\"><th scope=\"rowgroup\" colspan=\"") + std::to_string(view_.sides.size() + 1) +
            "\">" + both_(title) + "</th></tr>";
  }

  void numbers() {
    section(Text::whole_run, "numbers");
    out_ += "<div class=\"wide\"><table><thead><tr><th scope=\"col\">" + both_(Text::figure) + "</th>";
    for (std::size_t side = 0; side < view_.sides.size(); ++side)
      out_ += "<th scope=\"col\" class=\"n\">" + (view_.drill ? role(side) + "<br>" : Html()) + "<b>" +
              safe(target_name(*view_.sides[side].card), 60) + "</b></th>";
    out_ += "</tr></thead><tbody>";
    figure(both_(Text::success_rate), [](const Words& w, const Scorecard& c) { return w.share(c.success_rate); });
    figure(both_(Text::planned), [](const Words& w, const Scorecard& c) { return w.count(c.traffic.planned); });
    figure(both_(Text::sent), [](const Words& w, const Scorecard& c) { return w.count(c.traffic.sent); });
    figure(both_(Text::resends), [](const Words& w, const Scorecard& c) { return w.count(c.traffic.resends); });
    part(Text::latency);
    figure(both_(Text::latency_p50), [](const Words& w, const Scorecard& c) { return w.millis(c.latency_ms.p50); });
    figure(both_(Text::latency_p90), [](const Words& w, const Scorecard& c) { return w.millis(c.latency_ms.p90); });
    figure(both_(Text::latency_p99), [](const Words& w, const Scorecard& c) { return w.millis(c.latency_ms.p99); });
    figure(both_(Text::latency_p999), [](const Words& w, const Scorecard& c) { return w.millis(c.latency_ms.p999); });
    figure(both_(Text::latency_max), [](const Words& w, const Scorecard& c) { return w.millis(c.latency_ms.max); });
    part(Text::outcomes);
    for (const TradeOutcome outcome : {TradeOutcome::ok, TradeOutcome::failed, TradeOutcome::unknown,
                                       TradeOutcome::not_sent, TradeOutcome::unfinished})
      figure(bi([&](const Words& w) { return w.outcome(outcome); }), [outcome](const Words& w, const Scorecard& c) {
        const auto found = c.traffic.outcomes.find(outcome);
        return w.count(found == c.traffic.outcomes.end() ? 0 : found->second);
      });
    causes();
    groups(Text::by_flow, &Scorecard::by_flow);
    groups(Text::by_goods, &Scorecard::by_goods);
    groups(Text::by_phase, &Scorecard::by_phase);
    out_ += "</tbody></table></div></section>\n";
  }

  void causes() {
    const auto names = keys_of([](const Scorecard& c) -> const auto& { return c.traffic.causes; });
    if (!names.empty()) part(Text::causes);
    for (const std::string& name : names)
      figure(bi([&](const Words& w) { return clean_text(w.cause(name), 48); }),
             [&](const Words& w, const Scorecard& c) { return w.count(count_of_cause(c, name)); });
  }

  void groups(Text title, std::map<std::string, Rate> Scorecard::*member) {
    const auto names = keys_of([member](const Scorecard& c) -> const auto& { return c.*member; });
    if (!names.empty()) part(title);
    for (const std::string& name : names)
      figure(
          bi([&](const Words& w) { return clean_text(w.group(name), 48); }), [&](const Words& w, const Scorecard& c) {
            const auto found = (c.*member).find(name);
            return found == (c.*member).end() || found->second.planned == 0 ? w.dash() : w.share(found->second.share());
          });
  }

  template <class Map>
  std::vector<std::string> keys_of(Map map_of) const {
    std::vector<std::string> names;
    for (const Side& side : view_.sides)
      for (const auto& [name, value] : map_of(*side.card))
        if (names.size() < kGroupsMax && std::find(names.begin(), names.end(), name) == names.end())
          names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
  }

  void audit() {
    section(Text::audit, "audit");
    note(Text::audit_note);
    if (view_.checks.empty()) note(Text::no_checks);
    out_ += "<ul class=\"checks" + Html::when(!view_.drill, " one") + "\">";
    if (!view_.checks.empty()) {
      out_ += "<li class=\"head\"><span class=\"name\">" + both_(Text::check) + "</span>";
      for (std::size_t side = 0; side < view_.sides.size(); ++side)
        out_ += "<span>" + role(side) + " <b>" + safe(view_.sides[side].card->target, 40) + "</b></span>";
      out_ += "</li>";
    }
    for (std::size_t i = 0; i < std::min(view_.checks.size(), kChecksMax); ++i) check(view_.checks[i]);
    out_ += "</ul>";
    more(view_.checks.size(), kChecksMax);
    out_ += "</section>\n";
  }

  void check(const std::string& name) {
    out_ += "<li><span class=\"name\">" + bi([&](const Words& w) { return clean_text(w.check(name), 60); }) +
            " <code class=\"tag small\">" + safe(name, 60) + "</code></span>";
    for (const Side& side : view_.sides) out_ += "<span>" + mark(finding_called(*side.card, name)) + "</span>";
    for (std::size_t side = view_.sides.size(); side-- > 0;)
      if (const Finding* finding = finding_called(*view_.sides[side].card, name);
          finding && finding->verdict != Verdict::pass)
        evidence(*finding, side);
    out_ += "</li>\n";
  }

  Html mark(const Finding* finding) const {
    if (finding == nullptr) return "<span class=\"small\">" + both_(Text::not_judged) + "</span>";
    const Html glyph = finding->verdict == Verdict::pass
                           ? Html("&#10003;")
                           : Html::when(finding->verdict == Verdict::fail, "&#10005;", "?");
    return "<span class=\"mark" + Html::when(finding->verdict != Verdict::pass, " bad") +
           "\"><span aria-hidden=\"true\">" + glyph + "&#160;</span>" +
           bi([&](const Words& w) { return w.finding(finding->verdict); }) + "</span><span class=\"small\">" +
           bi([&](const Words& w) {
             return finding->verdict == Verdict::fail
                        ? w.say(Text::violations_of, {w.count(finding->violations), w.count(finding->examined)})
                        : w.say(Text::examined, {w.count(finding->examined)});
           }) +
           "</span>";
  }

  Html traces_of(const Witness& witness, const Scorecard& card) const {
    Html out;
    for (std::size_t i = 0; i < std::min(witness.traces.size(), kTracesPerWitness); ++i)
      out += "<br><span class=\"small\">" +
             trace_anchor(card, witness.traces[i], bi([&](const Words& w) {
                            return w.say(Text::trace_of, {clean_text(witness.traces[i].step, 40)});
                          })) +
             "</span>";
    return out;
  }

  void evidence(const Finding& finding, std::size_t side) {
    const std::size_t shown =
        std::min({finding.witnesses.size(), kWitnessesPerCheck, kWitnessesMax - witnesses_shown_});
    witnesses_shown_ += shown;
    out_ += "<details class=\"full\"" + Html::when(&view_.judged() == view_.sides[side].card, " open") + "><summary>" +
            (view_.drill ? role(side) + bi([](const Words& w) { return w.t(Text::colon); }) : Html()) +
            (finding.why.empty() ? bi([&](const Words& w) { return w.finding(finding.verdict); })
                                 : safe(finding.why, 140)) +
            "</summary>";
    if (shown > 0) {
      out_ += "<div class=\"wide\"><table><thead><tr><th scope=\"col\">" + both_(Text::order_number) +
              "</th><th scope=\"col\">" + both_(Text::what_happened) + "</th><th scope=\"col\" class=\"n\">" +
              both_(Text::at_time) + "</th><th scope=\"col\" class=\"n\">" + both_(Text::amount) +
              "</th></tr></thead><tbody>";
      for (std::size_t i = 0; i < shown; ++i) {
        const Witness& witness = finding.witnesses[i];
        out_ += "<tr><td><code>" + safe(witness.order, 48) + "</code>" + traces_of(witness, *view_.sides[side].card) +
                "</td><td>" + safe(witness.what, 110) + "</td><td class=\"n\">" +
                bi([&](const Words& w) { return w.seconds(witness.at_s); }) + "</td><td class=\"n\">" +
                bi([&](const Words& w) { return w.money(witness.amount_cents); }) + "</td></tr>";
      }
      out_ += "</tbody></table></div>";
    }
    if (finding.violations > shown && finding.verdict == Verdict::fail)
      out_ += "<p class=\"note\">" +
              bi([&](const Words& w) { return w.say(Text::witnesses_shown, {w.count(finding.violations)}); }) + "</p>";
    out_ += "</details>";
  }

  void generator() {
    section(Text::generator, "generator");
    note(Text::generator_note);
    out_ += "<div class=\"wide\"><table><thead><tr><th></th>";
    for (std::size_t side = 0; side < view_.sides.size(); ++side)
      out_ += "<th scope=\"col\" class=\"n\">" + role(side) + "</th>";
    out_ += "</tr></thead><tbody>";
    figure(both_(Text::self_check), [](const Words& w, const Scorecard& c) {
      return w.t(c.generator.trusted ? Text::generator_trusted : Text::generator_untrusted);
    });
    figure(both_(Text::lateness), [](const Words& w, const Scorecard& c) {
      return w.say(Text::value_micros,
                   {w.number(c.generator.lateness_p50_us, 0) + " / " + w.number(c.generator.lateness_p99_us, 0)});
    });
    figure(both_(Text::cpu_seconds),
           [](const Words& w, const Scorecard& c) { return w.seconds(c.generator.cpu_seconds); });
    figure(both_(Text::scheduling),
           [](const Words& w, const Scorecard& c) { return w.scheduling(c.generator.scheduling); });
    out_ += "</tbody></table></div></section>\n";
  }

  void repeat() {
    section(Text::repeat_it, "repeat");
    if (!view_.command.empty())
      out_ += "<div class=\"cmd\"><code>" + safe(view_.command, 1000) + "</code><button type=\"button\">" +
              both_(Text::copy_it) + "</button></div>";
    if (view_.drill && !view_.drill->runs.empty()) {
      const auto& runs = view_.drill->runs;
      out_ += "<p class=\"note\" style=\"margin-top:12px\">" + both_(Text::runs) +
              bi([](const Words& w) { return w.t(Text::colon); });
      for (std::size_t i = 0; i < std::min(runs.size(), kRunsMax); ++i)
        out_ += Html::when(i > 0, ", ") + "<code>" + safe(runs[i].dir) + "</code>";
      out_ += "</p>";
      more(runs.size(), kRunsMax);
    }
    out_ += "</section>\n";
    section(Text::reading, "words");
    out_ += "<ul class=\"plain\" style=\"margin-top:10px\">";
    for (const Text id :
         {Text::glossary_audit, Text::glossary_no_impact, Text::glossary_not_recovered, Text::glossary_marked})
      out_ += "<li>" + both_(id) + "</li>";
    const bool bypassed = std::any_of(view_.faults.begin(), view_.faults.end(), [](const FaultRow& row) {
      return std::any_of(row.cells.begin(), row.cells.end(), [](const FaultCell& cell) { return cell.bypassed > 0; });
    });
    if (bypassed) out_ += "<li>" + both_(Text::glossary_bypassed) + "</li>";
    out_ += "</ul></section>\n";
  }

  void close() {
    out_ += "</main>\n<footer>" + both_(Text::made_by) + "</footer>\n</div>\n<script>" + Literal(kJs) +
            "</script>\n</body>\n</html>\n";
  }

  const View& view_;
  Lang lang_;
  html::Both both_;
  Html out_;
  std::size_t witnesses_shown_ = 0;
};

class HtmlReporter final : public Reporter {
 public:
  explicit HtmlReporter(Lang lang) : lang_(lang) {}
  void write(const Scorecard& card, std::ostream& out) const override {
    const View view = view_of(card);
    out << Page(view, lang_).text();
  }
  void write(const DrillCard& card, std::ostream& out) const override {
    const View view = view_of(card);
    out << Page(view, lang_).text();
  }

 private:
  Lang lang_;
};

}  // namespace

std::unique_ptr<Reporter> make_html_reporter(const ReportOptions& options) {
  return std::make_unique<HtmlReporter>(options.lang);
}

}  // namespace cardstorm
