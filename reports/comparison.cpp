// comparison: see comparison.hpp.
#include "reports/comparison.hpp"

#include <algorithm>
#include <ostream>
#include <sstream>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "reports/escape.hpp"
#include "reports/layout.hpp"
#include "reports/words.hpp"

namespace cardstorm {
namespace {

std::string word(std::string_view prefix, std::string_view code, Lang lang) {
  return std::string(text_of_code(prefix, code, lang).value_or(code));
}

std::string figure(const std::optional<double>& v, const std::string& unit) {
  if (!v) return "-";
  if (unit == "share") return Words(Lang::en, false).share(*v);  // cut as in the reports: 99.996 % is not 100 %
  return fixed(*v, unit == "s" ? 1 : 2) + (unit.empty() ? "" : " " + unit);
}

/// Shares in points, latencies in per cent, the rest in their unit.
std::string delta(double v, const std::string& unit) {
  const std::string sign = v > 0 ? "+" : "";
  if (unit == "share") return sign + fixed(v * 100, 2);
  if (unit == "ms") return sign + fixed(v * 100, 0) + " %";
  return sign + fixed(v, 1) + " " + unit;
}

std::string interval(const MetricChange& m) {
  if (!m.a || !m.b) return "-";
  if (m.high > 1e8) return "-";
  return delta(m.low, m.unit) + " .. " + delta(m.high, m.unit);
}

struct Row {
  std::string name, a, b, change, between, noise;
};

std::vector<Row> rows_of(const Comparison& c, Lang lang) {
  std::vector<Row> rows;
  for (const auto& m : c.metrics)
    rows.push_back({m.name, figure(m.a, m.unit), figure(m.b, m.unit), word("change_", to_text(m.change), lang),
                    interval(m), m.noise});
  for (const auto& k : c.checks)
    rows.push_back({k.name, std::string(to_text(k.a)), std::string(to_text(k.b)),
                    word("change_", to_text(k.change), lang), "", ""});
  return rows;
}

std::string side(const std::string& target, const std::string& version, int runs, Lang lang) {
  return clean_text(target) + " " + clean_text(version) + " (" +
         say(Text::compare_runs_of, lang, {std::to_string(runs)}) + ")";
}

/// English has the judge's own words; other languages their sentence by code, and behind it what the judge named.
std::string why(const Reason& r, Lang lang) {
  const auto known = text_of_code("reason_", r.code, lang);
  return lang == Lang::en || !known ? r.text : std::string(*known) + " " + r.text;
}
std::string what_to_do(const Reason& r, Lang lang) {
  return std::string(lang == Lang::en ? r.remedy : text_of_code("remedy_", r.code, lang).value_or(r.remedy));
}

std::string headline(const Comparison& c, Lang lang) {
  return std::string(text(Text::compare_title, lang)) + " A -> B: " + word("compare_", to_text(c.verdict), lang);
}

}  // namespace

void write_comparison_text(const Comparison& c, Lang lang, std::ostream& out) {
  out << headline(c, lang) << "   " << clean_text(c.scenario) << "\n";
  out << "  A " << side(c.a_target, c.a_version, c.a_runs, lang) << "\n  B "
      << side(c.b_target, c.b_version, c.b_runs, lang) << "\n\n";
  std::vector<Row> rows = rows_of(c, lang);
  rows.insert(
      rows.begin(),
      Row{std::string(text(Text::compare_metric, lang)), "A", "B", std::string(text(Text::compare_change, lang)),
          std::string(text(Text::compare_between, lang)), std::string(text(Text::compare_noise, lang))});
  TextTable table({{0, 34}, {0, 14}, {0, 14}, {0, 14}, {0, 26}, {0, 44}});
  for (const Row& r : rows) {
    table.add({{clean_text(r.name)}, {r.a, true}, {r.b, true}, {r.change}, {r.between}, {clean_text(r.noise)}});
    if (&r == &rows.front()) table.rule();
  }
  out << table.text(2, false);
  for (const auto& reason : c.why)
    out << "\n  " << clean_text(why(reason, lang)) << "\n    " << clean_text(what_to_do(reason, lang)) << "\n";
  out << "\n  " << text(Text::compare_how, lang) << "\n";
}

void write_comparison_markdown(const Comparison& c, Lang lang, std::ostream& out) {
  const char* mark = c.verdict == Verdict::pass ? "✅" : c.verdict == Verdict::fail ? "❌" : "❔";
  out << "## " << mark << " " << escape_markdown(headline(c, lang)) << "\n\n";
  out << "A: " << escape_markdown(side(c.a_target, c.a_version, c.a_runs, lang))
      << "  \nB: " << escape_markdown(side(c.b_target, c.b_version, c.b_runs, lang)) << "\n\n";
  out << "| " << text(Text::compare_metric, lang) << " | A | B | " << text(Text::compare_change, lang) << " | "
      << text(Text::compare_between, lang) << " |\n|---|---|---|---|---|\n";
  for (const Row& r : rows_of(c, lang))
    out << "| " << escape_markdown(r.name) << " | " << escape_markdown(r.a) << " | " << escape_markdown(r.b) << " | "
        << escape_markdown(r.change) << " | " << escape_markdown(r.between) << " |\n";
  for (const auto& reason : c.why)
    out << "\n- " << escape_markdown(why(reason, lang)) << ": " << escape_markdown(what_to_do(reason, lang));
  out << "\n\n" << text(Text::compare_how, lang) << "\n";
}

void write_comparison_junit(const Comparison& c, Lang lang, std::ostream& out) {
  struct Case {
    std::string name, kind, message;
  };
  std::vector<Case> cases;
  for (const auto& m : c.metrics)
    cases.push_back({m.name,
                     m.change == Change::worse         ? "failure"
                     : m.change == Change::no_evidence ? "skipped"
                                                       : "",
                     figure(m.a, m.unit) + " -> " + figure(m.b, m.unit) + ", " + interval(m) + "; " + m.noise});
  for (const auto& k : c.checks)
    cases.push_back({k.name,
                     k.change == Change::worse         ? "failure"
                     : k.change == Change::no_evidence ? "skipped"
                                                       : "",
                     std::string(to_text(k.a)) + " -> " + std::string(to_text(k.b))});
  std::string reasons;
  for (const auto& r : c.why) reasons += why(r, lang) + "; " + what_to_do(r, lang) + "\n";
  cases.push_back({"comparison",
                   c.verdict == Verdict::fail      ? "failure"
                   : c.verdict == Verdict::unknown ? "error"
                                                   : "",
                   reasons});
  const auto count = [&](std::string_view kind) {
    return std::to_string(std::count_if(cases.begin(), cases.end(), [&](const Case& k) { return k.kind == kind; }));
  };
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\""
      << escape_markup(headline(c, lang)) << "\" tests=\"" << cases.size() << "\" failures=\"" << count("failure")
      << "\" errors=\"" << count("error") << "\" skipped=\"" << count("skipped") << "\">\n";
  for (const Case& k : cases) {
    out << "    <testcase classname=\"compare\" name=\"" << escape_markup(k.name) << "\"";
    if (k.kind.empty())
      out << "/>\n";
    else
      out << "><" << k.kind << " message=\"" << escape_markup(k.message, 2000) << "\"/></testcase>\n";
  }
  out << "  </testsuite>\n</testsuites>\n";
}

Status write_comparison(const Comparison& c, const std::string& dir, Lang lang) {
  const auto text_by = [&](auto&& writer) {
    std::ostringstream out;
    writer(c, lang, out);
    return out.str();
  };
  const std::pair<const char*, std::string> files[] = {{"compare.json", json_of_comparison(c).dump(1) + "\n"},
                                                       {"compare.txt", text_by(write_comparison_text)},
                                                       {"compare.md", text_by(write_comparison_markdown)},
                                                       {"compare.xml", text_by(write_comparison_junit)}};
  for (const auto& [name, content] : files)
    if (Status s = write_file(dir + "/" + name, content); !s) return s;
  return ok();
}

}  // namespace cardstorm
