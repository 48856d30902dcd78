// markdown: a short table for a merge request; the whole stands in report.html.
#include <algorithm>
#include <ostream>

#include "reports/escape.hpp"
#include "reports/report.hpp"
#include "reports/view.hpp"
#include "reports/words.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kReasonsShown = 5, kOrdersShown = 3, kChecksShown = 12, kNotExercisedShown = 8, kTracesShown = 6,
                      kCausesShown = 4;

class MarkdownText {
 public:
  MarkdownText(const View& view, Lang lang) : view_(view), w_(lang, true) {}

  std::string text() {
    const Scorecard& card = view_.judged();
    out_ += "### " + w_.t(view_.drill ? Text::title_drill : Text::title_run) + ": " + safe(card.scenario) + "\n\n";
    out_ += "**" + w_.decision_and_verdict(card.verdict) + "**: " + safe(w_.headline(view_)) + "\n\n";
    reasons(card);
    table();
    worst_steps();
    broken_checks();
    not_exercised(card.not_exercised);
    assumptions();
    out_ += safe(w_.setting(view_)) + "\n";
    if (!view_.command.empty()) out_ += "\n" + w_.t(Text::repeat_it) + ":\n\n" + markdown_fence(view_.command);
    return std::move(out_);
  }

 private:
  std::string safe(std::string_view raw) const { return escape_markdown(raw, 200); }

  void reasons(const Scorecard& card) {
    for (std::size_t i = 0; i < std::min(card.why.size(), kReasonsShown); ++i) {
      const Reason& reason = card.why[i];
      const std::string remedy = w_.remedy(reason);
      const std::string detail = w_.detail(reason);
      out_ += "- " + safe(w_.reason(reason)) + (detail.empty() ? "" : " " + safe(detail)) +
              (remedy.empty() ? "" : " *" + safe(remedy) + "*") + "\n";
    }
    if (!card.why.empty()) out_ += "\n";
  }

  template <class Value>
  void row(const std::string& name, Value value) {
    out_ += "| " + name + " |";
    for (std::size_t i = 0; i < view_.sides.size(); ++i) out_ += " " + value(i) + " |";
    out_ += "\n";
  }
  template <class Value>
  void figure(Text name, Value value) {
    row(w_.t(name), [&](std::size_t i) { return safe(value(*view_.sides[i].card)); });
  }

  void table() {
    row("", [&](std::size_t i) {
      return (view_.drill ? w_.t(view_.sides[i].role) + " " : "") + safe(target_name(*view_.sides[i].card));
    });
    out_ += "|---|";
    for (std::size_t i = 0; i < view_.sides.size(); ++i) out_ += "---:|";
    out_ += "\n";
    figure(Text::success_rate, [&](const Scorecard& c) { return w_.share(c.success_rate); });
    for (const FaultRow& fault : view_.faults)
      row(safe(w_.fault(fault.fault)), [&](std::size_t i) {
        const FaultCell& cell = fault.cells[i];
        const std::string spread = w_.spread(cell);
        return safe(w_.recovery(cell)) + (spread.empty() ? "" : " (" + spread + ")") + w_.t(Text::list_comma) +
               w_.t(Text::lost_trades) + " " + w_.count(cell.lost);
      });
    figure(Text::latency_p99, [&](const Scorecard& c) { return w_.millis(c.latency_ms.p99); });
    for (const std::string& name : largest_causes(view_, kCausesShown))
      row(w_.t(Text::causes_short) + w_.t(Text::colon) + safe(w_.cause(name)),
          [&](std::size_t i) { return w_.count(count_of_cause(*view_.sides[i].card, name)); });
    figure(Text::money_lost_trades, [&](const Scorecard& c) { return w_.money(c.money.lost_trades_cents); });
    figure(Text::money_paid_overdue, [&](const Scorecard& c) { return w_.money(c.money.paid_overdue_cents); });
    figure(Text::money_double_delivered, [&](const Scorecard& c) { return w_.money(c.money.double_delivered_cents); });
    figure(Text::audit, [&](const Scorecard& c) { return w_.audit(count_audit(c)); });
    out_ += "\n";
    if (view_.drill) {
      const auto& reduction = view_.drill->mttr_reduction;
      out_ += w_.t(Text::mttr_reduction) + ": **" + (reduction ? w_.reduction(reduction) : w_.t(Text::mttr_null)) +
              "** (" + w_.t(Text::mttr_smallest) + ")\n\n";
    }
  }

  void broken_checks() {
    std::size_t shown = 0;
    for (const Side& side : view_.sides)
      for (const Finding& finding : side.card->checks) {
        if (finding.verdict == Verdict::pass || shown++ >= kChecksShown) continue;
        out_ += "- " + (view_.drill ? w_.t(side.role) + ", " : "") + w_.finding(finding.verdict) + ": " +
                safe(w_.check(finding.name)) + ", " +
                w_.say(Text::violations_of, {w_.count(finding.violations), w_.count(finding.examined)}) +
                orders(finding, *side.card) + "\n";
      }
    if (shown > kChecksShown) out_ += "- " + w_.say(Text::and_more, {std::to_string(shown - kChecksShown)}) + "\n";
    if (shown > 0) out_ += "\n";
  }

  /// `text` is safe already.
  std::string linked(const std::string& text, const TracedStep& step, const Scorecard& card) const {
    const std::string url = trace_url(card, step.id);
    // An address with a bracket or a blank in it would end the link before its end.
    return url.empty() || url.find_first_of("()<> \t\r\n") != std::string::npos ? text : "[" + text + "](" + url + ")";
  }

  std::string orders(const Finding& finding, const Scorecard& card) const {
    std::string out;
    for (std::size_t i = 0; i < std::min(finding.witnesses.size(), kOrdersShown); ++i) {
      const Witness& witness = finding.witnesses[i];
      const std::string order = escape_markdown(witness.order, 48);
      out += (i == 0 ? " (" : ", ") + (witness.traces.empty() ? order : linked(order, witness.traces.front(), card));
    }
    return out.empty() ? out : out + ")";
  }

  void worst_steps() {
    if (!view_.has_traces()) return;
    out_ += w_.t(Text::worst_steps) + ":\n\n";
    std::size_t shown = 0;
    for (const Side& side : view_.sides)
      for (const Episode& e : side.card->episodes)
        for (const TracedStep& step : e.worst) {
          if (shown++ >= kTracesShown) continue;
          out_ += "- " + (view_.drill ? w_.t(side.role) + ", " : "") + safe(w_.fault(e.fault)) + w_.t(Text::colon) +
                  safe(w_.traced(step)) + " " + linked(escape_markdown(step.id, 40), step, *side.card) + "\n";
        }
    if (shown > kTracesShown) out_ += "- " + w_.say(Text::and_more, {std::to_string(shown - kTracesShown)}) + "\n";
    out_ += "\n";
  }

  void not_exercised(const std::vector<std::string>& items) {
    if (items.empty()) return;
    out_ += w_.t(Text::not_exercised) + ": ";
    for (std::size_t i = 0; i < std::min(items.size(), kNotExercisedShown); ++i)
      out_ += (i == 0 ? "" : "; ") + safe(w_.situation(items[i]));
    if (items.size() > kNotExercisedShown)
      out_ += "; " + w_.say(Text::and_more, {std::to_string(items.size() - kNotExercisedShown)});
    out_ += "\n\n";
  }

  void assumptions() {
    for (const Side& side : view_.sides)
      if (side.card->assumed_restart_s >= 0)
        out_ += (view_.drill ? w_.t(side.role) + ": " : "") + w_.assumption(side.card->assumed_restart_s) + "\n\n";
  }

  const View& view_;
  Words w_;
  std::string out_;
};

class MarkdownReporter final : public Reporter {
 public:
  explicit MarkdownReporter(Lang lang) : lang_(lang) {}
  void write(const Scorecard& card, std::ostream& out) const override {
    const View view = view_of(card);
    out << MarkdownText(view, lang_).text();
  }
  void write(const DrillCard& card, std::ostream& out) const override {
    const View view = view_of(card);
    out << MarkdownText(view, lang_).text();
  }

 private:
  Lang lang_;
};

}  // namespace

std::unique_ptr<Reporter> make_markdown_reporter(const ReportOptions& options) {
  return std::make_unique<MarkdownReporter>(options.lang);
}

}  // namespace cardstorm
