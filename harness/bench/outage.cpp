// outage: a server is killed or frozen on purpose under a steady load; what does each tool say happened? The injector's
// own stamps are the truth (research: no common generator reports an outage, and what they imply about success ranges
// from 16 to 100 %).
#include <algorithm>
#include <filesystem>
#include <thread>

#include "harness/bench/bench.hpp"
#include "harness/bench/peers.hpp"
#include "harness/bench/send_path.hpp"
#include "harness/bench/web_server.hpp"
#include "harness/core/histogram.hpp"
#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

constexpr int kRate = 2000;
constexpr Nanos kPatience = 1s;  // every tool's time limit for one request, where it takes one
constexpr int kGeneratorCore = 0, kServerCore = 1;

/// One kind of outage: from `at`, for `length`; 0 = to the end of the run.
struct Outage {
  std::string name;
  bool frozen;
  Nanos at, length;
  int run_s;
};

std::vector<Outage> outages(bool full) {
  if (full)
    return {{"kill 5 s", false, 12s, 5s, 30},
            {"freeze 10 s", true, 12s, 10s, 30},
            {"freeze to the end", true, 18s, 0s, 30}};
  // wrk2 throws its first ten seconds away, so nothing may happen before.
  return {
      {"kill 5 s", false, 11s, 5s, 19}, {"freeze 10 s", true, 11s, 10s, 24}, {"freeze to the end", true, 11s, 0s, 17}};
}

/// What really happened, on the monotonic clock.
struct Truth {
  Nanos from{0}, to{0};
  bool ended = false;
};

/// Breaks and mends the server at its times, on a thread of its own.
class Injector {
 public:
  Injector(WebServer& server, const Outage& outage, Nanos start)
      : thread_([this, &server, outage, start] {
          std::this_thread::sleep_for(start + outage.at - monotonic_now());
          truth_.from = take(outage.frozen ? server.freeze() : server.kill());
          if (outage.length == 0s) return;
          std::this_thread::sleep_for(start + outage.at + outage.length - monotonic_now());
          truth_.to = take(outage.frozen ? server.thaw() : server.restart());
          truth_.ended = true;
        }) {}
  Result<Truth> truth() {
    thread_.join();
    if (!problem_.empty()) return Error{Errc::unavailable, problem_};
    return truth_;
  }

 private:
  Nanos take(const Result<Nanos>& at) {
    if (!at) problem_ = at.error().what;
    return at ? *at : monotonic_now();
  }
  Truth truth_;
  std::string problem_;
  std::jthread thread_;
};

/// The share of a steady schedule that was planned while the server was neither dead nor frozen.
double true_success(const Outage& outage, const Truth& truth, Nanos start) {
  const Nanos end = start + std::chrono::seconds(outage.run_s);
  return 1 - seconds((truth.ended ? truth.to : end) - truth.from) / outage.run_s;
}

Json row_of(const Outage& outage, const std::string& tool, std::optional<double> truth, std::optional<double> success) {
  const auto percent = [](std::optional<double> v) { return v ? Json(fixed(*v * 100, 2)) : Json(); };
  return Json::object({{"outage", outage.name},
                       {"tool", tool},
                       {"true_success_%", percent(truth)},
                       {"implied_success_%", percent(success)},
                       {"start_off_ms", Json()},
                       {"end_off_ms", Json()},
                       {"length_s", Json()},
                       {"unfinished", Json()},
                       {"p50_ms", Json()},
                       {"p99_ms", Json()},
                       {"says", ""}});
}

Json millis(std::optional<double> v) { return v ? Json(fixed(*v, 2)) : Json(); }

/// Where our record sees the outage, by planned time: the first of many bad requests in a row, and after it the first
/// of many good ones. A bad request that stands alone is no outage.
struct Seen {
  std::optional<Nanos> from, to;
  std::uint64_t ok = 0, unfinished = 0;
  double p50_ms = 0, p99_ms = 0;
};
Seen seen_in(const SendPathRun& run) {
  constexpr std::size_t kInARow = 10;
  Seen out;
  Histogram responses;
  std::size_t in_a_row = 0;
  bool last_good = true;
  Nanos first_of_row{0};
  for (const StepSeen& s : run.steps) {
    const bool good = s.outcome == Outcome::ok;
    out.ok += good;
    // What was never answered counts with the time it was waited for: at least so long would it have taken.
    responses.record(good ? s.done - s.planned : std::max(s.done - s.planned, kPatience));
    if (good != last_good || in_a_row == 0) {
      in_a_row = 0;
      first_of_row = s.planned;
      last_good = good;
    }
    if (++in_a_row != kInARow) continue;
    if (!good && !out.from) out.from = first_of_row;
    if (good && out.from && !out.to) out.to = first_of_row;
  }
  for (const auto& [outcome, n] : run.trades)
    if (outcome != TradeOutcome::ok) out.unfinished += n;
  out.p50_ms = seconds(responses.quantile(0.5)) * 1e3;
  out.p99_ms = seconds(responses.quantile(0.99)) * 1e3;
  return out;
}

struct SendAccuracy {
  double success_off_points = 0, edges_off_ms = 0;
  bool all_reported = true;
};

Result<Json> our_row(const BenchSetup& setup, const Outage& outage, WebServer& server, const std::string& dir,
                     SendAccuracy& accuracy) {
  const Plan plan = constant_plan(kRate, std::chrono::seconds(outage.run_s), kPatience);
  std::optional<Injector> injector;
  Nanos start{0};
  auto run = run_send_path(plan, {}, server.url(), dir + "/history", kGeneratorCore, setup.stop, [&](Nanos zero) {
    start = zero;
    injector.emplace(server, outage, zero);
  });
  if (!injector) return run ? Error{Errc::internal, "the run did not start"} : std::move(run).error();
  const auto truth = injector->truth();
  if (!truth) return truth.error();
  if (!run) return std::move(run).error();

  const Seen seen = seen_in(*run);
  const double planned = static_cast<double>(run->steps.size()), success = static_cast<double>(seen.ok) / planned,
               wanted = true_success(outage, *truth, start);
  Json row = row_of(outage, "cardstorm", wanted, success);
  accuracy.success_off_points = std::max(accuracy.success_off_points, std::abs(success - wanted) * 100);
  const auto off = [&](const char* name, std::optional<Nanos> at, Nanos true_at) {
    if (!at) {
      accuracy.edges_off_ms = 1e9;
      return;
    }
    const double ms = seconds(*at + start - true_at) * 1e3;
    accuracy.edges_off_ms = std::max(accuracy.edges_off_ms, std::abs(ms));
    row.set(name, fixed(ms, 1));
  };
  off("start_off_ms", seen.from, truth->from);
  if (truth->ended) off("end_off_ms", seen.to, truth->to);
  if (seen.from) row.set("length_s", seen.to ? fixed(seconds(*seen.to - *seen.from), 3) : "to the end");
  row.set("unfinished", seen.unfinished);
  std::uint64_t trades = 0;
  for (const auto& [outcome, n] : run->trades) trades += n;
  accuracy.all_reported =
      accuracy.all_reported && trades == run->trades_planned && run->steps.size() == run->trades_planned;
  row.set("p50_ms", fixed(seen.p50_ms, 2))
      .set("p99_ms", fixed(seen.p99_ms, 2))
      .set("says", "each planned request has one outcome");
  return row;
}

Result<Json> peer_row(const Outage& outage, const Peer& peer, const std::string& program, WebServer& server,
                      const std::string& dir) {
  std::optional<Injector> injector;
  Nanos start{0};
  const auto says =
      run_peer(peer, program, {server.url(), peer.holds_rate ? kRate : 0, outage.run_s, 32}, dir, kGeneratorCore, [&] {
        start = monotonic_now();
        injector.emplace(server, outage, start);
      });
  if (!injector) return says ? Error{Errc::internal, "it did not start"} : says.error();
  const auto truth = injector->truth();
  if (!truth) return truth.error();
  // Closed loop: no schedule, so nothing that its count could be true or false about.
  Json row =
      row_of(outage, peer.name, peer.holds_rate ? std::optional(true_success(outage, *truth, start)) : std::nullopt,
             says ? says->success : std::nullopt);
  if (says)
    row.set("p50_ms", millis(says->p50_ms)).set("p99_ms", millis(says->p99_ms)).set("says", says->words);
  else
    row.set("says", says.error().what);
  return row;
}

Result<BenchReport> run_outage(const BenchSetup& setup) {
  BenchReport report;
  report.bench = "outage";
  struct Found {
    const Peer* peer;
    std::string program;
  };
  std::vector<Found> found;
  for (const Peer& peer : peers()) {
    if (std::string program = find_peer(peer.name, setup.peer_dirs); !program.empty())
      found.push_back({&peer, program});
    else
      report.absent.push_back(peer.name);
  }
  SendAccuracy accuracy;
  int number = 0;
  for (const Outage& outage : outages(setup.full)) {
    for (std::size_t i = 0; i <= found.size() && !setup.stop.stop_requested(); ++i) {
      const std::string name = i == 0 ? "cardstorm" : found[i - 1].peer->name,
                        dir = setup.work_dir + "/" + std::to_string(++number);
      setup.say(outage.name + ": " + name);
      std::filesystem::create_directories(dir);
      auto server = WebServer::start(dir, kServerCore);
      if (!server) return std::move(server).error();
      auto row = i == 0 ? our_row(setup, outage, *server, dir, accuracy)
                        : peer_row(outage, *found[i - 1].peer, found[i - 1].program, *server, dir);
      (void)server->stop();
      if (!row) return std::move(row).error().in(outage.name + ", " + name);
      report.rows.push_back(*std::move(row));
    }
  }
  if (setup.stop.stop_requested()) return Error{Errc::cancelled, "stopped"};
  report.goals = {{"our success differs from the truth, points", accuracy.success_off_points, "<=", 0.05},
                  {"our edges differ from the injector's stamps, ms", accuracy.edges_off_ms, "<=", 20},
                  {"every planned request is reported", accuracy.all_reported ? 1.0 : 0.0, ">=", 1}};
  report.notes = {
      "truth: " + std::to_string(kRate) +
          " requests/s were asked for; success is the share planned while the server was neither dead nor frozen; "
          "patience " +
          duration_text(kPatience),
      "tools in closed loop (wrk, ab) have no schedule: what they imply is a share of what they happened to send",
      "start_off, end_off: planned time of the first bad and then of the first good request, against the injector's "
      "own stamps; a dash: the tool does not say"};
  return report;
}

}  // namespace

BenchEntry bench_outage() {
  return {"outage", "a server is killed, frozen, frozen to the end: what each tool says, beside the truth", run_outage};
}

}  // namespace cardstorm
