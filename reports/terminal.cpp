// terminal: the report as plain text, at most 96 columns, readable without colour. Signs stay in ASCII, because the
// width of others differs between terminals.
#include <algorithm>
#include <ostream>

#include "reports/escape.hpp"
#include "reports/layout.hpp"
#include "reports/report.hpp"
#include "reports/view.hpp"
#include "reports/words.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kWidth = 92;
constexpr std::size_t kTerminalOrdersShown = 4, kTerminalReasonsShown = 12, kTerminalNotExercisedShown = 12,
                      kTerminalTracesShown = 6, kTerminalCausesShown = 6;

Tone tone_of(Verdict verdict) {
  return verdict == Verdict::pass ? Tone::good : verdict == Verdict::fail ? Tone::bad : Tone::doubt;
}

class TerminalText {
 public:
  TerminalText(const View& view, const ReportOptions& options)
      : view_(view), options_(options), w_(options.lang, false) {}

  std::string text() {
    head();
    faults();
    whole_run();
    audit();
    if (view_.drill) reduction();
    limits();
    verdict();
    where();
    return std::move(out_);
  }

 private:
  std::string safe(std::string_view raw) const { return clean_text(raw, 160); }
  std::string tone(const std::string& text, Tone t) const { return toned(text, t, options_.colour); }
  void line(const std::string& text = "") { out_ += text + "\n"; }
  void heading(Text id) {
    line();
    line(tone(w_.t(id), Tone::strong));
  }

  /// A paragraph whose later lines hang by two; `lead` stands in front and has a tone of its own.
  void paragraph(const std::string& lead, const std::string& body, std::size_t indent, Tone t = Tone::plain,
                 Tone lead_tone = Tone::plain) {
    const std::size_t hang = lead.empty() ? indent : indent + 2;
    bool first = true;
    for (const std::string& part : wrap_text(lead + body, kWidth - hang)) {
      const std::size_t led = first && part.starts_with(lead) ? lead.size() : 0;
      line(std::string(first ? indent : hang, ' ') + tone(part.substr(0, led), lead_tone) + tone(part.substr(led), t));
      first = false;
    }
  }

  void head() {
    const Scorecard& card = view_.judged();
    line(tone(w_.t(view_.drill ? Text::title_drill : Text::title_run) + ": " + safe(card.scenario), Tone::strong));
    paragraph("", safe(w_.setting(view_)), 0, Tone::muted);
    if (!view_.drill) line(w_.t(Text::target) + ": " + safe(target_name(card)));
  }

  void faults() {
    heading(Text::faults);
    if (view_.faults.empty()) {
      line("  " + w_.t(Text::no_faults));
      return;
    }
    std::vector<Column> columns = {{16, 18}};
    for (std::size_t i = 0; i < view_.sides.size(); ++i) {
      columns.push_back({8, 9});
      columns.push_back({15, view_.drill ? std::size_t{16} : std::size_t{34}});
      columns.push_back({5, 9});
    }
    TextTable table(std::move(columns));
    if (view_.drill) table.add(side_names());
    table.add(column_names());
    table.rule();
    for (const FaultRow& row : view_.faults) add_fault(table, row);
    out_ += table.text(2, options_.colour);
    paragraph("", w_.t(Text::faults_note) + (any_mixed() ? w_.t(Text::sentence_gap) + w_.t(Text::part_note) : ""), 2,
              Tone::muted);
    for (const FaultRow& row : view_.faults) fault_notes(row);
    worst_steps();
  }

  /// The address of a trace, or its bare id; never wrapped: to be copied or clicked.
  static std::string trace_text(const Scorecard& card, const TracedStep& step) {
    const std::string url = trace_url(card, step.id);
    return clean_text(url.empty() ? step.id : url, 4096);
  }

  void worst_steps() {
    if (!view_.has_traces()) return;
    line("  " + tone(w_.t(Text::worst_steps), Tone::muted));
    std::size_t shown = 0;
    for (const Side& side : view_.sides)
      for (const Episode& e : side.card->episodes)
        for (const TracedStep& step : e.worst) {
          if (shown++ >= kTerminalTracesShown) continue;
          paragraph("- ",
                    (view_.drill ? w_.t(side.role) + ", " : "") + safe(w_.fault(e.fault)) + w_.t(Text::colon) +
                        safe(w_.traced(step)),
                    4);
          line("      " + trace_text(*side.card, step));
        }
    if (shown > kTerminalTracesShown)
      line("    " + w_.say(Text::and_more, {std::to_string(shown - kTerminalTracesShown)}));
  }

  std::vector<Cell> side_names() const {
    std::vector<Cell> cells = {{""}};
    for (const Side& side : view_.sides) {
      cells.push_back({w_.t(side.role), true, Tone::strong});
      cells.push_back({safe(side.card->target), false, Tone::strong});
      cells.push_back({""});
    }
    return cells;
  }
  std::vector<Cell> column_names() const {
    std::vector<Cell> cells = {{w_.t(Text::fault), false, Tone::muted}};
    for (std::size_t i = 0; i < view_.sides.size(); ++i) {
      cells.push_back({w_.t(Text::onset), true, Tone::muted});
      cells.push_back({w_.t(Text::recovery), false, Tone::muted});
      cells.push_back({w_.t(Text::lost_trades), true, Tone::muted});
    }
    return cells;
  }

  void add_fault(TextTable& table, const FaultRow& row) const {
    std::vector<Cell> cells = {
        {safe(w_.fault(row.fault)), false, Tone::plain, w_.say(Text::fault_on, {safe(places(row))})}};
    for (const FaultCell& cell : row.cells) {
      const bool hurt = cell.censored > 0 || cell.judged + cell.bypassed < cell.episodes;
      cells.push_back({w_.onset(cell), true});
      cells.push_back({w_.recovery(cell), false,
                       hurt                             ? Tone::bad
                       : cell.absorbed == cell.episodes ? Tone::good
                                                        : Tone::plain,
                       w_.spread(cell)});
      cells.push_back({w_.count(cell.lost), true});
    }
    table.add(std::move(cells));
  }

  bool any_mixed() const {
    for (const FaultRow& row : view_.faults)
      for (const FaultCell& cell : row.cells)
        if (cell.is_mixed()) return true;
    return false;
  }

  static std::string places(const FaultRow& row) {
    std::string out;
    for (const FaultCell& cell : row.cells)
      if (!cell.on.empty() && out != cell.on) out += (out.empty() ? "" : " / ") + cell.on;
    return out.empty() ? "-" : out;
  }

  void fault_notes(const FaultRow& row) {
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const std::string lead = "! " + w_.t(view_.sides[i].role) + ": ";
      if (row.cells[i].metastable > 0)
        paragraph(lead, safe(w_.fault(row.fault)) + ": " + w_.t(Text::metastable), 2, Tone::bad);
      if (row.cells[i].unreverted > 0)
        paragraph(lead, safe(w_.fault(row.fault)) + ": " + w_.t(Text::not_reverted), 2, Tone::bad);
    }
  }

  template <class Value>
  void figure(TextTable& table, const std::string& name, Value value) const {
    std::vector<Cell> cells = {{name}};
    for (const Side& side : view_.sides) cells.push_back({value(*side.card), true});
    table.add(std::move(cells));
  }

  void whole_run() {
    heading(Text::whole_run);
    std::vector<Column> columns = {{34, 44}};
    for (std::size_t i = 0; i < view_.sides.size(); ++i) columns.push_back({18, 22});
    TextTable table(std::move(columns));
    if (view_.drill) {
      std::vector<Cell> names = {{""}};
      for (const Side& side : view_.sides)
        names.push_back({w_.t(side.role) + " " + safe(side.card->target), true, Tone::strong});
      table.add(std::move(names));
    }
    figure(table, w_.t(Text::success_rate), [&](const Scorecard& c) { return w_.share(c.success_rate); });
    figure(table, w_.t(Text::planned), [&](const Scorecard& c) { return w_.count(c.traffic.planned); });
    figure(table, w_.t(Text::resends), [&](const Scorecard& c) { return w_.count(c.traffic.resends); });
    figure(table, w_.t(Text::latency_p50), [&](const Scorecard& c) { return w_.millis(c.latency_ms.p50); });
    figure(table, w_.t(Text::latency_p99), [&](const Scorecard& c) { return w_.millis(c.latency_ms.p99); });
    const auto causes = largest_causes(view_, kTerminalCausesShown);
    if (!causes.empty()) table.add({{w_.t(Text::causes_short), false, Tone::muted}});
    for (const std::string& name : causes)
      figure(table, "  " + safe(w_.cause(name)), [&](const Scorecard& c) { return w_.count(count_of_cause(c, name)); });
    table.add({{w_.t(Text::money_at_risk), false, Tone::muted}});
    figure(table, "  " + w_.t(Text::money_lost_trades),
           [&](const Scorecard& c) { return w_.money(c.money.lost_trades_cents); });
    figure(table, "  " + w_.t(Text::money_paid_overdue),
           [&](const Scorecard& c) { return w_.money(c.money.paid_overdue_cents); });
    figure(table, "  " + w_.t(Text::money_double_delivered),
           [&](const Scorecard& c) { return w_.money(c.money.double_delivered_cents); });
    out_ += table.text(2, options_.colour);
  }

  void audit() {
    heading(Text::audit);
    for (const Side& side : view_.sides) {
      const AuditCount count = count_audit(*side.card);
      const std::string lead = view_.drill ? w_.t(side.role) + " " + safe(side.card->target) + ": " : "";
      const Tone t = count.broken > 0 ? Tone::bad : count.unknown > 0 ? Tone::doubt : Tone::good;
      paragraph(lead, side.card->checks.empty() ? w_.t(Text::no_checks) : w_.audit(count), 2, t);
      for (const Finding& finding : side.card->checks)
        if (finding.verdict != Verdict::pass) {
          not_holding(finding);
          traces_of(finding, *side.card);
        }
    }
  }

  void not_holding(const Finding& finding) {
    const std::string lead = "- " + w_.finding(finding.verdict) + ": ";
    std::string body = safe(w_.check(finding.name)) + " [" + safe(finding.name) + "]";
    if (finding.verdict == Verdict::fail)
      body += w_.t(Text::list_comma) +
              w_.say(Text::violations_of, {w_.count(finding.violations), w_.count(finding.examined)});
    else if (!finding.why.empty())
      body += w_.t(Text::list_comma) + safe(finding.why);
    paragraph(lead, body, 4, Tone::plain, tone_of(finding.verdict));
    if (const std::string orders = order_numbers(finding); !orders.empty())
      paragraph(w_.t(Text::order_numbers) + ": ", orders, 6, Tone::muted, Tone::muted);
  }

  void traces_of(const Finding& finding, const Scorecard& card) {
    for (std::size_t i = 0; i < std::min(finding.witnesses.size(), kTerminalOrdersShown); ++i)
      for (const TracedStep& step : finding.witnesses[i].traces)
        line("      " + clean_text(finding.witnesses[i].order, 48) + ", " +
             w_.say(Text::trace_of, {clean_text(step.step, 40)}) + ": " + trace_text(card, step));
  }

  std::string order_numbers(const Finding& finding) const {
    std::vector<std::string> orders;
    for (const Witness& witness : finding.witnesses)
      if (!witness.order.empty() && std::find(orders.begin(), orders.end(), witness.order) == orders.end())
        orders.push_back(witness.order);
    std::string out;
    for (std::size_t i = 0; i < std::min(orders.size(), kTerminalOrdersShown); ++i)
      out += (i == 0 ? "" : ", ") + clean_text(orders[i], 48);
    if (orders.size() > kTerminalOrdersShown)
      out += w_.t(Text::list_comma) + w_.say(Text::and_more, {std::to_string(orders.size() - kTerminalOrdersShown)});
    return out;
  }

  void reduction() {
    const DrillCard& drill = *view_.drill;
    heading(Text::mttr_reduction);
    const bool known = drill.mttr_reduction.has_value();
    line("  " + tone(known ? w_.reduction(drill.mttr_reduction) : w_.t(Text::mttr_null), Tone::strong) + "  " +
         tone(w_.t(known ? Text::mttr_smallest : Text::no_comparison), Tone::muted));
    TextTable table({{34, 60}, {6, 16}});
    for (const FaultRow& row : view_.faults)
      table.add({{safe(w_.fault(row.fault))}, {w_.reduction(row.reduction), true}});
    for (const auto& [after, value] : by_delay(drill))
      table.add({{w_.say(Text::mttr_assumed, {safe(after)})}, {w_.reduction(value), true}});
    table.add({{w_.t(Text::mttr_without)}, {w_.reduction(drill.mttr_reduction_without_restart), true}});
    out_ += table.text(4, options_.colour);
  }

  /// "5" before "20" before "120": by number, not by letter.
  static std::vector<std::pair<std::string, std::optional<double>>> by_delay(const DrillCard& drill) {
    std::vector<std::pair<std::string, std::optional<double>>> out(drill.mttr_reduction_assumed_restart.begin(),
                                                                   drill.mttr_reduction_assumed_restart.end());
    std::stable_sort(out.begin(), out.end(),
                     [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
    return out;
  }

  void limits() {
    const Scorecard& card = view_.judged();
    if (!card.not_exercised.empty()) {
      heading(Text::not_exercised);
      for (std::size_t i = 0; i < std::min(card.not_exercised.size(), kTerminalNotExercisedShown); ++i)
        paragraph("- ", safe(w_.situation(card.not_exercised[i])), 2);
      if (card.not_exercised.size() > kTerminalNotExercisedShown)
        line("  " + w_.say(Text::and_more, {std::to_string(card.not_exercised.size() - kTerminalNotExercisedShown)}));
    }
    heading(Text::generator);
    for (const Side& side : view_.sides) {
      const auto& g = side.card->generator;
      const std::string lead = view_.drill ? w_.t(side.role) + ": " : "";
      paragraph(
          lead,
          w_.t(g.trusted ? Text::generator_trusted : Text::generator_untrusted) + w_.t(Text::list_comma) +
              w_.t(Text::lateness) + " " +
              w_.say(Text::value_micros, {w_.number(g.lateness_p50_us, 0) + " / " + w_.number(g.lateness_p99_us, 0)}) +
              w_.t(Text::list_comma) + w_.t(Text::cpu_seconds) + " " + w_.seconds(g.cpu_seconds) +
              w_.t(Text::list_comma) + safe(w_.scheduling(g.scheduling)),
          2, g.trusted ? Tone::plain : Tone::bad);
    }
    for (const Side& side : view_.sides)
      if (side.card->assumed_restart_s >= 0)
        paragraph(w_.t(Text::assumptions) + ": ",
                  (view_.drill ? w_.t(side.role) + ": " : "") + w_.assumption(side.card->assumed_restart_s), 2);
  }

  void verdict() {
    const Scorecard& card = view_.judged();
    heading(Text::verdict);
    paragraph(w_.decision_and_verdict(card.verdict) + ": ", safe(w_.headline(view_)), 2, Tone::plain,
              tone_of(card.verdict));
    for (std::size_t i = 0; i < std::min(card.why.size(), kTerminalReasonsShown); ++i) {
      const Reason& reason = card.why[i];
      const std::string detail = w_.detail(reason);
      paragraph("- [" + safe(reason.code) + "] ", safe(w_.reason(reason)) + (detail.empty() ? "" : " " + safe(detail)),
                2, Tone::plain, Tone::strong);
      if (const std::string remedy = w_.remedy(reason); !remedy.empty())
        paragraph(w_.t(Text::remedy) + ": ", safe(remedy), 4, Tone::muted, Tone::muted);
    }
    if (card.why.size() > kTerminalReasonsShown)
      line("  " + w_.say(Text::and_more, {std::to_string(card.why.size() - kTerminalReasonsShown)}));
  }

  void where() {
    line();
    if (!options_.dir.empty()) line(w_.t(Text::report_lies) + ": " + clean_text(options_.dir, 4096));
    if (!view_.command.empty())
      line(w_.t(Text::repeat_it) + ": " + clean_text(view_.command, 4096));  // never wrapped: to be copied
  }

  const View& view_;
  const ReportOptions& options_;
  Words w_;
  std::string out_;
};

class TerminalReporter final : public Reporter {
 public:
  explicit TerminalReporter(ReportOptions options) : options_(std::move(options)) {}
  void write(const Scorecard& card, std::ostream& out) const override {
    const View view = view_of(card);
    out << TerminalText(view, options_).text();
  }
  void write(const DrillCard& card, std::ostream& out) const override {
    const View view = view_of(card);
    out << TerminalText(view, options_).text();
  }

 private:
  ReportOptions options_;
};

}  // namespace

std::unique_ptr<Reporter> make_terminal_reporter(const ReportOptions& options) {
  return std::make_unique<TerminalReporter>(options);
}

}  // namespace cardstorm
