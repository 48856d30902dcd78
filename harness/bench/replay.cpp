// replay: does the load that leaves this machine have the bursts of the recording? Counts per 100 ms by plan must be
// exact, and what was really sent must be as bursty as planned.
#include <cmath>
#include <filesystem>

#include "harness/bench/bench.hpp"
#include "harness/bench/send_path.hpp"
#include "harness/bench/web_server.hpp"
#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/scenario/trace.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kCell = 100ms;

/// Counts per window of `length`.
std::vector<double> counts_of(const std::vector<Nanos>& at, Nanos length, Nanos end) {
  std::vector<double> out(static_cast<std::size_t>(end / length) + 1, 0);
  for (const Nanos t : at)
    if (t >= 0s && t < end) out[static_cast<std::size_t>(t / length)] += 1;
  return out;
}

/// Variance over mean of the counts: 1 for a Poisson stream, more for bursts.
double burst_index(const std::vector<double>& counts) {
  double sum = 0, squares = 0;
  for (const double c : counts) {
    sum += c;
    squares += c * c;
  }
  const double n = static_cast<double>(counts.size()), mean = sum / n;
  return mean > 0 ? (squares / n - mean * mean) / mean : 0;
}

Result<BenchReport> run_replay(const BenchSetup& setup) {
  BenchReport report;
  report.bench = "replay";
  const std::string file = setup.root + "/scenarios/traces/azure_llm_code_2023.csv";
  const auto text = read_file(file);
  if (!text) return text.error();
  std::vector<Mistake> mistakes;
  Trace trace = parse_trace(*text, file, mistakes);
  if (!mistakes.empty()) return Error{Errc::invalid, text_of(mistakes)};
  // An hour of arrivals in some 36 s (or three minutes): many thousand a second in the worst moments.
  const double faster = setup.full ? 20 : 100;
  for (Nanos& at : trace.at) at = Nanos(std::llround(static_cast<double>(at.count()) / faster));

  std::filesystem::create_directories(setup.work_dir + "/nginx");
  auto server = WebServer::start(setup.work_dir + "/nginx", 1);
  if (!server) return std::move(server).error();
  double worst = 0, exact = 1;
  for (const char* mode : {"clone", "compress", "resample"}) {
    if (setup.stop.stop_requested()) return Error{Errc::cancelled, "stopped"};
    setup.say(std::string("mode ") + mode + ", 1.5 x at " + fixed(faster, 0) + " times the speed");
    const Nanos length = trace.at.back() - trace.at.front() + 1s;
    Plan plan = constant_plan(1, length, 2s);
    plan.traffic.mode = mode;
    plan.traffic.scale = 1.5;
    plan.traffic.trace = "azure_llm_code_2023";
    const std::vector<Nanos> planned = arrival_times(plan, trace);
    plan.planned_trades = plan.planned_steps = planned.size();
    auto run = run_send_path(plan, trace, server->url(), setup.work_dir + "/" + mode, 0, setup.stop);
    if (!run) return std::move(run).error();
    std::vector<Nanos> recorded_plan, sent;
    for (const StepSeen& s : run->steps) {
      recorded_plan.push_back(s.planned);
      if (s.requests > 0) sent.push_back(s.sent);
    }
    const auto cells = counts_of(planned, kCell, length), recorded = counts_of(recorded_plan, kCell, length);
    std::size_t differing = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) differing += cells[i] != recorded[i];
    exact = differing == 0 ? exact : 0;
    Json row = Json::object(
        {{"mode", mode}, {"planned", planned.size()}, {"sent", sent.size()}, {"cells_that_differ", differing}});
    for (const Nanos window : {Nanos(100ms), Nanos(1s)}) {
      const double wanted = burst_index(counts_of(planned, window, length)),
                   got = burst_index(counts_of(sent, window, length));
      const double off = wanted > 0 ? std::abs(got / wanted - 1) : 1;
      worst = std::max(worst, off);
      row.set("plan_burst_" + duration_text(window), wanted).set("sent_burst_" + duration_text(window), got);
    }
    row.set("lateness_p50_us", seconds(run->generator.lateness_p50) * 1e6)
        .set("lateness_p99_us", seconds(run->generator.lateness_p99) * 1e6);
    report.rows.push_back(row);
  }
  (void)server->stop();
  report.goals = {{"counts per 100 ms by planned time are those of the plan", exact, ">=", 1},
                  {"burst index of what was sent differs from the plan, share", worst, "<=", 0.02}};
  report.notes = {"burst index: variance over mean of the counts per window; a Poisson stream has 1"};
  return report;
}

}  // namespace

BenchEntry bench_replay() {
  return {"replay", "the recording 1.5 times at a hundredfold speed: are its bursts in what is sent?", run_replay};
}

}  // namespace cardstorm
