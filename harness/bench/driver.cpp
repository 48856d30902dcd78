// driver: what a request costs us beside the common generators, run in turn: saturated throughput, processor time at an
// equal rate, lateness, delivery near saturation, memory. Ours with the whole record on the disk; theirs with what they
// keep (a histogram).
#include <algorithm>
#include <filesystem>
#include <map>

#include "harness/bench/bench.hpp"
#include "harness/bench/peers.hpp"
#include "harness/bench/send_path.hpp"
#include "harness/bench/web_server.hpp"
#include "harness/core/text.hpp"
#include "harness/stats/stats.hpp"

namespace cardstorm {
namespace {

constexpr int kEqualRate = 4000, kGeneratorCpu = 0, kServerCpu = 1;
constexpr std::uint32_t kBuyers = 64;

std::uint64_t count_ok(const SendPathRun& run) {
  return static_cast<std::uint64_t>(
      std::count_if(run.steps.begin(), run.steps.end(), [](const StepSeen& s) { return s.outcome == Outcome::ok; }));
}

/// Requests a second between the first one sent and the last one answered.
double rate_of(const SendPathRun& run) {
  Nanos first = Nanos::max(), last{0};
  for (const StepSeen& s : run.steps) {
    first = std::min(first, s.sent);
    last = std::max(last, s.done);
  }
  return static_cast<double>(count_ok(run)) / seconds(last - first);
}

class DriverBench {
 public:
  explicit DriverBench(const BenchSetup& setup)
      : setup_(setup), seconds_(setup.full ? 20 : 6), rounds_(setup.full ? 5 : 3) {}

  Result<BenchReport> run() {
    report_.bench = "driver";
    for (const Peer& peer : peers()) {
      if (std::string program = find_peer(peer.name, setup_.peer_dirs); !program.empty())
        found_[peer.name] = {&peer, program};
      else
        report_.absent.push_back(peer.name);
    }
    std::filesystem::create_directories(setup_.work_dir + "/nginx");
    auto server = WebServer::start(setup_.work_dir + "/nginx", kServerCpu);
    if (!server) return std::move(server).error();
    url_ = server->url();
    for (int round = 1; round <= rounds_; ++round) {
      for (auto step : {&DriverBench::saturated, &DriverBench::equal_rate})
        if (Status s = (this->*step)(round); !s) return s.error();
    }
    if (Status s = near_saturation(); !s) return s.error();
    (void)server->stop();
    conclude();
    return std::move(report_);
  }

 private:
  struct Found {
    const Peer* peer;
    std::string program;
  };

  std::string folder() { return setup_.work_dir + "/" + std::to_string(++folders_); }

  Status add(const std::string& what, int round, const std::string& tool, double requests, double wall, double cpu) {
    if (requests <= 0) return Error{Errc::unavailable, what + ": " + tool + " sent nothing"};
    const double rate = requests / wall, cpu_us = cpu / requests * 1e6;
    report_.rows.push_back(Json::object({{"what", what},
                                         {"round", round},
                                         {"tool", tool},
                                         {"requests_s", fixed(rate, 0)},
                                         {"cpu_us_per_request", fixed(cpu_us, 2)}}));
    rates_[what + " " + tool].push_back(rate);
    cpu_[what + " " + tool].push_back(cpu_us);
    return ok();
  }

  Status peer(const std::string& what, int round, const std::string& name, int rate) {
    const auto it = found_.find(name);
    if (it == found_.end()) return ok();
    setup_.say(what + ", round " + std::to_string(round) + ": " + name);
    const std::string dir = folder();
    std::filesystem::create_directories(dir);
    const auto says = run_peer(*it->second.peer, it->second.program,
                               {url_, rate, seconds_, rate > 0 ? 32 : static_cast<int>(kBuyers)}, dir, kGeneratorCpu);
    if (!says) return says.error();
    return add(what, round, name, says->ok.value_or(0), seconds_, says->cpu_s);
  }

  Result<SendPathRun> run_plan(const Plan& plan, const std::string& what, int round) {
    setup_.say(what + ", round " + std::to_string(round) + ": cardstorm");
    if (setup_.stop.stop_requested()) return Error{Errc::cancelled, "stopped"};
    return run_send_path(plan, {}, url_, folder(), kGeneratorCpu, setup_.stop);
  }

  Status saturated(int round) {
    const auto run =
        run_plan(closed_loop_plan(kBuyers, static_cast<std::uint16_t>(700 * seconds_)), "saturated", round);
    if (!run) return run.error();
    const double rate = rate_of(*run), requests = static_cast<double>(count_ok(*run));
    if (Status s = add("saturated", round, "cardstorm", requests, requests / rate, run->cpu_s); !s) return s;
    return peer("saturated", round, "wrk", 0);
  }

  Status equal_rate(int round) {
    const auto run = run_plan(constant_plan(kEqualRate, std::chrono::seconds(seconds_), 2s), "equal rate", round);
    if (!run) return run.error();
    if (Status s = add("equal rate", round, "cardstorm", static_cast<double>(count_ok(*run)), seconds_, run->cpu_s); !s)
      return s;
    lateness_us_.push_back(seconds(run->generator.lateness_p50) * 1e6);
    for (const char* name : {"wrk2", "hey", "vegeta", "k6"})
      if (Status s = peer("equal rate", round, name, kEqualRate); !s) return s;
    return ok();
  }

  /// Open loop at 80 % of what was just shown: is everything delivered, and does memory stay?
  Status near_saturation() {
    // A trade costs more than one more step of a trade: the open loop's own saturation is what it serves when asked for
    // too much.
    const auto flood =
        run_plan(constant_plan(1.2 * median(rates_["saturated cardstorm"]), 3s, 2s), "open loop, too much", 1);
    if (!flood) return flood.error();
    if (Status s = add("open loop, too much", 1, "cardstorm", static_cast<double>(count_ok(*flood)), 3, flood->cpu_s);
        !s)
      return s;
    const double rate = 0.8 * static_cast<double>(count_ok(*flood)) / 3;
    const auto run = run_plan(constant_plan(rate, std::chrono::seconds(2 * seconds_), 2s), "80 % of saturation", 1);
    if (!run) return run.error();
    if (count_ok(*run) == 0)
      return Error{Errc::unavailable,
                   "nothing of " + std::to_string(run->trades_planned) + " requests at " + fixed(rate, 0) +
                       "/s was answered; the first: " +
                       (run->steps.empty() ? "none planned" : std::string(to_text(run->steps.front().cause)))};
    delivered_ = static_cast<double>(count_ok(*run)) / static_cast<double>(run->trades_planned);
    if (run->rss_late_mb > 0 && run->rss_early_mb > 0) growth_mb_ = run->rss_late_mb - run->rss_early_mb;
    report_.notes.push_back("resident memory at 80 % of saturation: " + fixed(run->rss_early_mb, 1) +
                            " MB a quarter into the run_driver, " + fixed(run->rss_late_mb, 1) + " MB near its end");
    return add("80 % of saturation", 1, "cardstorm", static_cast<double>(count_ok(*run)), 2.0 * seconds_, run->cpu_s);
  }

  /// Ours over theirs, of the medians; nullopt when the peer is not here.
  std::optional<double> ratio(const std::string& name, std::map<std::string, std::vector<double>>& figures,
                              const std::string& what, const std::string& tool) {
    if (figures[what + " " + tool].empty()) return std::nullopt;
    const double value = median(figures[what + " cardstorm"]) / median(figures[what + " " + tool]);
    report_.ratios.emplace_back(name + ", cardstorm / " + tool, value);
    return value;
  }

  void conclude() {
    report_.goals.push_back({"saturated requests/s, cardstorm / wrk",
                             ratio("saturated requests/s", rates_, "saturated", "wrk"), ">=", 0.8});
    report_.goals.push_back({"CPU per request at an equal rate, cardstorm / wrk2",
                             ratio("CPU at an equal rate", cpu_, "equal rate", "wrk2"), "<=", 1});
    for (const char* name : {"hey", "vegeta", "k6"})
      report_.goals.push_back({std::string("CPU per request at an equal rate, cardstorm / ") + name,
                               ratio("CPU at an equal rate", cpu_, "equal rate", name), "<=", 1.0 / 3});
    report_.goals.push_back({"lateness p50, us", median(lateness_us_), "<=", 50});
    report_.goals.push_back({"delivered at 80 % of saturation", delivered_, ">=", 0.999});
    report_.goals.push_back({"memory growth over the run_driver, MB", growth_mb_, "<=", 1});
    report_.notes.insert(report_.notes.end(),
                         {"cardstorm's figures hold plan, journeys, ledger and the history on the disk; CPU is that of "
                          "the whole process, reading the history back left out",
                          "one core for the generator, one for nginx; shared machines swing threefold, so only the "
                          "ratios of runs in turn are figures"});
  }

  const BenchSetup& setup_;
  const int seconds_, rounds_;
  BenchReport report_;
  std::map<std::string, Found> found_;
  std::map<std::string, std::vector<double>> rates_, cpu_;
  std::vector<double> lateness_us_;
  double delivered_ = 0;
  std::optional<double> growth_mb_;
  int folders_ = 0;
  std::string url_;
};

Result<BenchReport> run_driver(const BenchSetup& setup) { return DriverBench(setup).run(); }

}  // namespace

BenchEntry bench_driver() {
  return {"driver", "throughput, processor time, lateness, delivery and memory beside wrk, wrk2, hey, vegeta, k6",
          run_driver};
}

}  // namespace cardstorm
