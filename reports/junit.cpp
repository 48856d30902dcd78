// junit: the verdict as test cases for CI. Only the judged side counts: a baseline is expected to fail, and a red case
// for it would turn every pipeline red. Broken is <failure>, not known is <error>: neither is ever a pass.
#include <cmath>
#include <map>
#include <ostream>

#include "reports/escape.hpp"
#include "reports/report.hpp"
#include "reports/view.hpp"
#include "reports/words.hpp"

namespace cardstorm {
namespace {

struct Case {
  std::string suite, name, seconds;
  Verdict verdict;
  std::string message, body;
  bool skipped = false;
};

class JunitText {
 public:
  JunitText(const View& view, Lang lang) : view_(view), w_(lang, false) {}

  std::string text() {
    const Scorecard& card = view_.judged();
    for (const Finding& finding : card.checks) check_case(finding);
    for (const Episode& episode : card.episodes) episode_case(episode);
    if (view_.drill) reduction_case(*view_.drill);
    verdict_cases(card);
    return document();
  }

 private:
  void check_case(const Finding& finding) {
    std::string body;
    for (const Witness& witness : finding.witnesses)
      body += witness.order + "  " + witness.what + "  " + w_.seconds(witness.at_s) + "  " +
              w_.money(witness.amount_cents) + "\n";
    cases_.push_back({"checks", finding.name, "0", finding.verdict,
                      w_.check(finding.name) + ": " +
                          w_.say(Text::violations_of, {w_.count(finding.violations), w_.count(finding.examined)}) +
                          (finding.why.empty() ? "" : "; " + finding.why),
                      body});
  }

  void episode_case(const Episode& e) {
    FaultCell cell = cell_of(e);
    const bool proven = cell.judged == 1 && e.reverted && cell.open == 0;
    const bool skipped = cell.bypassed == 1 && e.reverted;  // neither good nor bad: it did not come to pass
    const Verdict verdict = skipped      ? Verdict::pass
                            : !proven    ? Verdict::unknown
                            : e.censored ? Verdict::fail
                                         : Verdict::pass;
    std::string message = w_.recovery(cell);
    if (!e.reverted) message += w_.t(Text::list_comma) + w_.t(Text::not_reverted);
    if (e.metastable) message += w_.t(Text::list_comma) + w_.t(Text::metastable);
    cases_.push_back(
        {"recovery",
         w_.say(Text::junit_recovers, {w_.fault(e.fault), e.on, std::to_string(e.repeat), w_.number(e.horizon_s, 0)}),
         e.ttr_s && std::isfinite(*e.ttr_s) ? w_.number(*e.ttr_s, 3) : "0", verdict, message, "", skipped});
  }

  /// One episode read as a cell of one, so that its words are those of the other reports.
  static FaultCell cell_of(const Episode& e) {
    Scorecard one;
    one.episodes = {e};
    FaultCell cell = view_of(one).faults.front().cells.front();
    cell.all.clear();
    return cell;
  }

  void reduction_case(const DrillCard& drill) {
    const bool known = drill.mttr_reduction && std::isfinite(*drill.mttr_reduction);
    cases_.push_back({"verdict", w_.t(Text::junit_reduction), "0", known ? Verdict::pass : Verdict::unknown,
                      known ? w_.reduction(drill.mttr_reduction) : w_.t(Text::no_comparison), ""});
  }

  void verdict_cases(const Scorecard& card) {
    cases_.push_back({"verdict", w_.t(Text::verdict), "0", card.verdict, w_.headline(view_), ""});
    if (card.verdict == Verdict::pass) return;  // reasons of a pass are remarks
    std::map<std::string, int> seen;
    for (const Reason& reason : card.why) {
      const int nth = ++seen[reason.code];
      cases_.push_back({"verdict", reason.code + (nth == 1 ? "" : " (" + std::to_string(nth) + ")"), "0",
                        is_failure(reason) ? Verdict::fail : Verdict::unknown, w_.reason(reason),
                        w_.detail(reason) +
                            (w_.remedy(reason).empty() ? "" : "\n" + w_.t(Text::remedy) + ": " + w_.remedy(reason)) +
                            "\n"});
    }
  }

  /// Every other reason of a verdict is something that could not be known.
  static bool is_failure(const Reason& reason) {
    return reason.code == "invariant_broken" || reason.code == "aborted" || reason.code == "expectation_missed";
  }

  std::string document() const {
    std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"cardstorm " +
                      attribute(view_.judged().scenario) + "\"" + totals("") + ">\n";
    for (const std::string_view suite : {"checks", "recovery", "verdict"}) {
      const Text title = suite == "checks"     ? Text::junit_checks
                         : suite == "recovery" ? Text::junit_recovery
                                               : Text::junit_verdict;
      out += "  <testsuite name=\"" + attribute(w_.t(title)) + "\"" + totals(suite) + ">\n";
      if (suite == "verdict") out += properties();
      for (const Case& c : cases_)
        if (c.suite == suite) out += test_case(c);
      out += "  </testsuite>\n";
    }
    return out + "</testsuites>\n";
  }

  std::string properties() const {
    const Scorecard& card = view_.judged();
    std::string out = "    <properties>\n";
    const auto property = [&](std::string_view name, std::string_view value) {
      out += "      <property name=\"" + std::string(name) + "\" value=\"" + attribute(value) + "\"/>\n";
    };
    property("target", target_name(card));
    property("seed", std::to_string(card.seed));
    property("success_rate", w_.share(card.success_rate));
    if (view_.drill) {
      property("baseline", target_name(view_.drill->baseline));
      property("baseline_success_rate", w_.share(view_.drill->baseline.success_rate));
      property("mttr_reduction", w_.reduction(view_.drill->mttr_reduction));
    }
    property("repeat", view_.command);
    return out + "    </properties>\n";
  }

  std::string totals(std::string_view suite) const {
    int tests = 0, failures = 0, errors = 0;
    for (const Case& c : cases_) {
      if (!suite.empty() && c.suite != suite) continue;
      ++tests;
      failures += c.verdict == Verdict::fail ? 1 : 0;
      errors += c.verdict == Verdict::unknown ? 1 : 0;
    }
    return " tests=\"" + std::to_string(tests) + "\" failures=\"" + std::to_string(failures) + "\" errors=\"" +
           std::to_string(errors) + "\"";
  }

  static std::string attribute(std::string_view raw) { return escape_markup(raw, 1000); }

  /// Lines stay lines here; each is cleaned alone.
  static std::string lines(std::string_view raw) {
    std::string out;
    for (std::size_t i = 0; i < raw.size();) {
      const auto end = std::min(raw.find('\n', i), raw.size());
      if (end > i) out += "        " + escape_markup(raw.substr(i, end - i), 1000) + "\n";
      i = end + 1;
    }
    return out;
  }

  static std::string test_case(const Case& c) {
    std::string out = "    <testcase classname=\"cardstorm." + c.suite + "\" name=\"" + attribute(c.name) +
                      "\" time=\"" + attribute(c.seconds) + "\"";
    if (c.skipped) return out + ">\n      <skipped message=\"" + attribute(c.message) + "\"/>\n    </testcase>\n";
    if (c.verdict == Verdict::pass) return out + "/>\n";
    const std::string tag = c.verdict == Verdict::fail ? "failure" : "error";
    out += ">\n      <" + tag + " type=\"" + tag + "\" message=\"" + attribute(c.message) + "\"";
    const std::string body = lines(c.body);
    out += body.empty() ? "/>\n" : ">\n" + body + "      </" + tag + ">\n";
    return out + "    </testcase>\n";
  }

  const View& view_;
  Words w_;
  std::vector<Case> cases_;
};

class JunitReporter final : public Reporter {
 public:
  explicit JunitReporter(Lang lang) : lang_(lang) {}
  void write(const Scorecard& card, std::ostream& out) const override {
    const View view = view_of(card);
    out << JunitText(view, lang_).text();
  }
  void write(const DrillCard& card, std::ostream& out) const override {
    const View view = view_of(card);
    out << JunitText(view, lang_).text();
  }

 private:
  Lang lang_;
};

}  // namespace

std::unique_ptr<Reporter> make_junit_reporter(const ReportOptions& options) {
  return std::make_unique<JunitReporter>(options.lang);
}

}  // namespace cardstorm
