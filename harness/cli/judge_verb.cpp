// judge and report: from a run folder to a Scorecard and its reports. Pure: repeats byte for byte on any machine.
#include <filesystem>
#include <iostream>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/judge/judge.hpp"
#include "harness/run/verdict.hpp"
#include "reports/report.hpp"

namespace cardstorm {
namespace {

/// A drill's folder holds its sides; one that was stopped early only the first.
bool is_drill(const std::string& dir) { return std::filesystem::is_directory(dir + "/baseline"); }

Status need_folder(const std::string& dir) {
  if (is_drill(dir) || std::filesystem::exists(dir + "/plan.json")) return ok();
  return Error{Errc::not_found, "a run folder was wanted, '" + dir + "' holds no plan.json",
               "give the folder that run or drill named, or reports/runs/latest"};
}

template <class Card>
int show(const Args& args, const Card& card, const std::string& dir, const std::string& kind) {
  auto reporter = make_reporter(kind, report_options(args, dir));
  if (!reporter) return complain(reporter.error());
  (*reporter)->write(card, std::cout);
  return exit_code_of(card);
}

int judge(const Args& args) {
  const std::string dir = args.get("run");
  if (const Status there = need_folder(dir); !there) return complain(there.error());
  const std::string kind = args.has("--json") ? "json" : "terminal";
  if (is_drill(dir)) {
    const auto card = judge_drill(dir);
    return card ? show(args, *card, dir, kind) : complain(card.error());
  }
  const auto card = judge_run(dir);
  return card ? show(args, *card, dir, kind) : complain(card.error());
}

int report(const Args& args) {
  const std::string dir = args.get("run");
  if (const Status there = need_folder(dir); !there) return complain(there.error());
  const ReportOptions options = report_options(args, dir);
  const auto finish = [&](const auto& card) {
    if (!card) return complain(card.error());
    if (args.has("--format")) {
      auto reporter = make_reporter(args.get("--format"), options);
      if (!reporter) return complain(reporter.error());
      (*reporter)->write(*card, std::cout);
      return static_cast<int>(kPass);
    }
    if (const Status written = write_reports(*card, dir, options); !written) return complain(written.error());
    std::cerr << "cardstorm: reports written into " << dir << "\n";
    return static_cast<int>(kPass);
  };
  return is_drill(dir) ? finish(judge_drill(dir)) : finish(judge_run(dir));
}

}  // namespace

Verb verb_judge() {
  return {
      "judge",
      "judge a recorded run again; same folder, same bytes",
      "Prints the table, or with --json the scorecard. The exit code is the verdict's.\n  cardstorm judge "
      "reports/runs/latest --json",
      {{"run", "a run folder, or a drill's folder"}},
      {{"--json", "", "the scorecard (or drill.json) on stdout"}, {"--lang", "LANG", "en or zh", false, {"en", "zh"}}},
      judge};
}

Verb verb_report() {
  return {"report",
          "write the reports of a recorded run again",
          "Writes report.html and its siblings into the folder, or one of them to stdout.\n  cardstorm report "
          "reports/runs/latest --lang zh\n  cardstorm report reports/runs/latest --format markdown",
          {{"run", "a run folder, or a drill's folder"}},
          {{"--format", "NAME", "one report to stdout; see cardstorm list reports"},
           {"--lang", "LANG", "en or zh", false, {"en", "zh"}}},
          report};
}

}  // namespace cardstorm
