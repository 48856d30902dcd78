// run and drill: the verbs that send load and break things. They end with the reports and the verdict's exit code.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/core/self.hpp"
#include "harness/core/text.hpp"
#include "harness/judge/compare.hpp"
#include "harness/judge/judge.hpp"
#include "harness/run/active.hpp"
#include "harness/run/drill.hpp"
#include "harness/run/interrupt.hpp"
#include "harness/run/run_folder.hpp"
#include "harness/run/session.hpp"
#include "harness/run/verdict.hpp"
#include "reports/comparison.hpp"
#include "reports/report.hpp"

namespace cardstorm {
namespace {

std::vector<Option> common_options() {
  std::vector<Option> options = plan_options();
  options.push_back({"--out", "DIR", "run folder, must not exist (default: reports/runs/<time>-<scenario>-<seed>)"});
  options.push_back({"--json", "", "print the scorecard on stdout instead of the table"});
  options.push_back({"--lang", "LANG", "language of the reports: en or zh", false, {"en", "zh"}});
  options.push_back({"--keep", "", "keep the private stores of the reference platform (run.json names their folder)"});
  options.push_back({"--postgres", "URL", "use this PostgreSQL for the reference platform instead of a private one"});
  options.push_back({"--redis", "URL", "use this Redis for the reference platform instead of a private one"});
  return options;
}

/// Reports into the folder, the table (or JSON) on stdout. The exit code: residue, then interruption, then the verdict.
template <class Card>
int finish(const Args& args, const Result<Card>& card, const std::string& dir, const SessionEnd& end, int signal) {
  const int interrupted = signal == SIGTERM ? kTerminated : kInterrupted;
  if (!card) {
    const int code = complain(card.error());
    return end.residue > 0 ? kResidue : end.interrupted ? interrupted : code;
  }
  if (const Status written = write_reports(*card, dir, report_options(args, dir)); !written)
    return complain(written.error());
  ReportOptions options = report_options(args, dir);
  options.colour = ::isatty(STDOUT_FILENO) == 1;
  auto reporter = make_reporter(args.has("--json") ? "json" : "terminal", options);
  if (!reporter) return complain(reporter.error());
  (*reporter)->write(*card, std::cout);
  std::cout.flush();
  if (end.residue > 0 || exit_code_of(*card) == kResidue) return kResidue;
  if (end.interrupted) return interrupted;
  return exit_code_of(*card);
}

/// The gate of a pipeline: this run beside an earlier one. The worse of both verdicts is the exit code.
int gate(const Args& args, const std::vector<Scorecard>& baseline, const Result<Scorecard>& card,
         const std::string& dir, int code) {
  if (!card || (code != kPass && code != kFail && code != kUnknown)) return code;
  const Comparison comparison = compare_runs(baseline, {*card});
  const Lang lang = report_options(args, dir).lang;
  if (const Status written = write_comparison(comparison, dir, lang); !written) return complain(written.error());
  std::ostream& out = args.has("--json") ? std::cerr : std::cout;
  write_comparison_text(comparison, lang, out << "\n");
  out.flush();
  const int compared = exit_code_of(comparison.verdict);
  if (code == kFail || compared == kFail) return kFail;
  return code == kPass ? compared : code;
}

/// Each run of a drill is a run folder of its own, with its own reports, also when the drill was interrupted.
Status report_each_run(const std::string& out, ReportOptions options) {
  namespace fs = std::filesystem;
  for (const char* side : {"baseline", "candidate"}) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(fs::path(out) / side, none)) {
      options.dir = entry.path().string();
      const auto card = judge_run(options.dir);
      if (!card) return card.error();
      if (Status written = write_reports(*card, options.dir, options); !written) return written;
    }
  }
  return ok();
}

/// The command that repeats this one, from its parts, not from a shell's history.
std::string command_of(const std::string& head, const Args& args, std::uint64_t seed) {
  std::string out = "./cardstorm " + head;
  for (const char* name : {"--baseline", "--candidate", "--target", "--repeat", "--mint"})
    if (args.has(name)) out += std::string(" ") + name + " " + args.get(name);
  if (args.has("--quick")) out += " --quick";
  for (const auto& set : args.all("--set")) out += " --set '" + set + "'";
  return out + " --seed " + std::to_string(seed);
}

std::optional<Loaded> load_or_complain(const Request& request, int* code) {
  auto loaded = load(request, known_names());
  if (const auto* mistakes = std::get_if<std::vector<Mistake>>(&loaded)) {
    *code = complain(*mistakes);
    return std::nullopt;
  }
  return std::get<Loaded>(std::move(loaded));
}

/// An option that nothing heeds is a mistake: --keep, --postgres and --redis belong to a platform that we start.
Status heeded(const Args& args, const std::vector<const TargetSpec*>& targets) {
  if (std::any_of(targets.begin(), targets.end(), [](const TargetSpec* t) { return t->kind == "reference"; }))
    return ok();
  for (const char* option : {"--keep", "--postgres", "--redis"})
    if (args.has(option))
      return Error{Errc::invalid,
                   std::string(option) + " has no meaning for target '" + targets.front()->name +
                       "': it runs already, with stores of its own",
                   "leave it out"};
  return ok();
}

struct Sides {
  Loaded baseline, candidate;
};

/// Both sides, or the mistakes of both: those of shared files once, those of a --target by the name of its own flag.
std::variant<Sides, std::vector<Mistake>> load_both(const Request& baseline, const Request& candidate) {
  std::vector<Mistake> all;
  const auto take = [&all](std::vector<Mistake> mistakes, const std::string& flag) {
    for (Mistake& m : mistakes) {
      if (m.file.starts_with("--target")) m.file.replace(0, 8, flag);
      const bool known = std::any_of(all.begin(), all.end(), [&m](const Mistake& a) {
        return a.file == m.file && a.line == m.line && a.column == m.column && a.what == m.what;
      });
      if (!known) all.push_back(std::move(m));
    }
  };
  auto first = load(baseline, known_names());
  auto second = load(candidate, known_names());
  if (auto* mistakes = std::get_if<std::vector<Mistake>>(&first)) take(std::move(*mistakes), "--baseline");
  if (auto* mistakes = std::get_if<std::vector<Mistake>>(&second)) take(std::move(*mistakes), "--candidate");
  if (!all.empty()) return all;
  return Sides{std::get<Loaded>(std::move(first)), std::get<Loaded>(std::move(second))};
}

int run_or_drill(const Args& args) {
  int code = 0;
  const auto request = plan_request(args, args.get("scenario"), args.get("--target"), &code);
  if (!request) return code;
  const auto loaded = load_or_complain(*request, &code);
  if (!loaded) return code;
  if (const Status s = heeded(args, {&loaded->target}); !s) return complain(s.error());
  const std::string out = args.get("--out", default_out(runs_root(), loaded->plan.scenario, loaded->plan.seed));
  std::vector<Scorecard> baseline;
  if (args.has("--baseline")) {  // read before anything is sent: a wrong folder must not cost a run
    auto runs = runs_of(args.get("--baseline"));
    if (!runs) return complain(std::move(runs).error().in("--baseline"));
    baseline = *std::move(runs);
  }

  Progress progress(std::cerr, ::isatty(STDERR_FILENO) == 1);
  progress.prefix(loaded->target.name);
  const ActiveEntry entry("run", out);
  const Interrupt interrupt;
  SessionRequest session{.loaded = *loaded,
                         .out = out,
                         .self = self_path(),
                         .binary_dir = binary_dir(),
                         .command = command_of("run " + args.get("scenario"), args, loaded->plan.seed),
                         .keep_stores = args.has("--keep"),
                         .postgres_url = args.get("--postgres"),
                         .redis_url = args.get("--redis"),
                         .metrics_port = -1,
                         .mint_dir = args.get("--mint")};
  if (args.has("--metrics")) {
    const std::string text = args.get("--metrics");
    const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), session.metrics_port);
    if (error != std::errc() || last != text.data() + text.size() || session.metrics_port < 0 ||
        session.metrics_port > 65535)
      return complain(
          Error{Errc::invalid, "--metrics wants a port, found '" + text + "'", "for example --metrics 9464"});
  }
  const auto end = run_session(session, progress, interrupt.token());
  if (!end) return complain(end.error());
  point_latest(runs_root(), out);
  const auto card = judge_run(out);
  code = finish(args, card, out, *end, interrupt.signal());
  return baseline.empty() ? code : gate(args, baseline, card, out, code);
}

int drill(const Args& args) {
  int code = 0;
  int repeats = 1;
  if (args.has("--repeat")) {
    const std::string text = args.get("--repeat");
    const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), repeats);
    if (error != std::errc() || last != text.data() + text.size() || repeats < 1 || repeats > 1000)
      return complain(Error{Errc::invalid, "--repeat wants a number from 1 to 1000, found '" + text + "'", ""});
  }
  const std::string scenario = args.get("scenario", "drill");
  auto baseline_request = plan_request(args, scenario, args.get("--baseline", "fragile"), &code);
  auto candidate_request = plan_request(args, scenario, args.get("--candidate", "hardened"), &code);
  if (!baseline_request || !candidate_request) return code;
  auto sides = load_both(*baseline_request, *candidate_request);
  if (const auto* mistakes = std::get_if<std::vector<Mistake>>(&sides)) return complain(*mistakes);
  auto& [baseline, candidate] = std::get<Sides>(sides);
  if (const Status s = heeded(args, {&baseline.target, &candidate.target}); !s) return complain(s.error());
  const std::uint64_t seed = candidate.plan.seed;
  const std::string out = args.get("--out", default_out(runs_root(), candidate.plan.scenario, seed));

  Progress progress(std::cerr, ::isatty(STDERR_FILENO) == 1);
  const ActiveEntry entry("drill", out);
  const Interrupt interrupt;
  const double minutes = seconds(candidate.plan.load_end + candidate.plan.drain + 15s) * 2 * repeats / 60;
  progress.say("drill: " + baseline.target.name + " beside " + candidate.target.name + ", " +
               std::to_string(candidate.plan.segments.size()) + " faults, seed " + std::to_string(seed) + ", about " +
               fixed(minutes, 1) + " minutes; folder " + out);
  const DrillRequest request{
      .baseline = std::move(baseline),
      .candidate = std::move(candidate),
      .repeats = repeats,
      .out = out,
      .self = self_path(),
      .binary_dir = binary_dir(),
      .command = command_of("drill" + (args.has("scenario") ? " " + scenario : std::string()), args, seed),
      .keep_stores = args.has("--keep"),
      .postgres_url = args.get("--postgres"),
      .redis_url = args.get("--redis")};
  const auto end = run_drill(request, progress, interrupt.token());
  if (!end) return complain(end.error());
  point_latest(runs_root(), out);
  if (const Status written = report_each_run(out, report_options(args, out)); !written)
    return complain(written.error());
  return finish(args, judge_drill(out), out, *end, interrupt.signal());
}

}  // namespace

Verb verb_run() {
  std::vector<Option> options = common_options();
  options.push_back(
      {"--target", "NAME|FILE", "a name under scenarios/targets, or a target file (default: the scenario's)"});
  options.push_back({"--baseline", "RUN",
                     "gate: also compare with this earlier run; what became worse fails (compare.xml, compare.md "
                     "beside the reports)"});
  options.push_back({"--mint", "DIR",
                     "the stock that the platform sells was made by `cardstorm mint DIR`: its cards are recognised"});
  options.push_back({"--metrics", "PORT", "serve the run's own metrics for Prometheus on 127.0.0.1:PORT"});
  return {"run",
          "run one scenario against one target",
          "  cardstorm run smoke\n  cardstorm run drill --target hardened --quick\n  cardstorm run smoke --target "
          "my-shop.yaml --json",
          {{"scenario", "a file, or a name under scenarios/"}},
          options,
          run_or_drill};
}

Verb verb_drill() {
  std::vector<Option> options = common_options();
  options.push_back({"--baseline", "NAME|FILE", "target to compare with (default: fragile)"});
  options.push_back({"--candidate", "NAME|FILE", "target under judgement (default: hardened)"});
  options.push_back({"--repeat", "N", "runs per side; spreads and intervals need some (default 1)"});
  return {
      "drill",
      "the main job: the same plan and faults against two targets, compared",
      "Starts both variants of the reference platform, replays real arrivals at 1.5 times the stated peak, breaks each "
      "in the same\n"
      "ways and compares recovery, success, money at risk and the audit. The exit code is the candidate's verdict.\n"
      "  cardstorm drill --quick\n  cardstorm drill --repeat 3 --lang zh\n  cardstorm drill --baseline old.yaml "
      "--candidate new.yaml",
      {{"scenario", "a file, or a name under scenarios/ (default: drill)", false}},
      options,
      drill};
}

}  // namespace cardstorm
