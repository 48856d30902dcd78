// session: the order in which the parts meet. What is started is entered in the undo journal first, so that the
// guardian can end it; what is broken is mended before anything is stopped.
#include "harness/run/session.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/drive/driver.hpp"
#include "harness/fault/lane.hpp"
#include "harness/history/history.hpp"
#include "harness/judge/run_info.hpp"
#include "harness/lease/guardian.hpp"
#include "harness/lease/process.hpp"
#include "harness/lease/undo_journal.hpp"
#include "harness/mint/mint.hpp"
#include "harness/net/crypto.hpp"
#include "harness/net/http_client.hpp"
#include "harness/observe/guard.hpp"
#include "harness/observe/metrics.hpp"
#include "harness/run/audit_file.hpp"
#include "harness/run/audit_since.hpp"
#include "harness/run/partners_link.hpp"
#include "harness/run/preflight.hpp"
#include "harness/run/recovery_watch.hpp"
#include "harness/run/run_folder.hpp"
#include "harness/run/sampler.hpp"
#include "harness/run/timeline.hpp"
#include "harness/target/target.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kTargetStart = 60s;    // a private PostgreSQL on a busy machine, and card stock to load
constexpr Nanos kExternalStart = 10s;  // it should run already
constexpr Nanos kLateEffects = 5s;     // after the load, even when every trade has ended: notifies still come

/// The history lanes of the sending threads: "drive", or "drive-0" and so on.
class DriveLanes {
 public:
  DriveLanes(const std::string& dir, Metrics& metrics, std::uint32_t shards) {
    for (std::uint32_t i = 0; i < shards; ++i) {
      Lane lane{shards == 1 ? "drive" : "drive-" + std::to_string(i), nullptr, nullptr};
      auto log = HistoryWriter::open(dir, lane.name);
      if (!log) {
        problem_ = log.error();
        return;
      }
      lane.log = std::move(*log);
      lane.sink = std::make_unique<MeteredSink>(*lane.log, metrics);
      lanes_.push_back(std::move(lane));
    }
  }
  [[nodiscard]] Status opened() const { return problem_ ? Status(*problem_) : ok(); }
  EventSink& sink(const std::string& name) {
    return *std::find_if(lanes_.begin(), lanes_.end(), [&](const Lane& lane) { return lane.name == name; })->sink;
  }
  [[nodiscard]] bool failed() const {
    return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.log->failed(); });
  }
  Status close() {
    for (Lane& lane : lanes_)
      if (Status s = lane.log->close(); !s) return s;
    return ok();
  }

 private:
  struct Lane {
    std::string name;
    std::unique_ptr<HistoryWriter> log;
    std::unique_ptr<MeteredSink> sink;
  };
  std::vector<Lane> lanes_;
  std::optional<Error> problem_;
};

class Session {
 public:
  Session(const SessionRequest& request, Progress& progress, const std::stop_token& stop)
      : request_(request), plan_(request.loaded.plan), progress_(progress), stop_(stop) {}

  Result<SessionEnd> run() {
    if (Status s = prepare(); !s) return s.error();
    if (Status s = start_parts(); !s) {
      stop_parts();
      if (stop_.stop_requested()) return interrupted_early();
      return s.error();
    }
    if (stop_.stop_requested()) {
      stop_parts();
      return interrupted_early();
    }
    run_lanes();
    final_audit();
    stop_parts();
    if (Status s = write_run_file(); !s) return s.error();
    if (disk_full_)
      return Error{Errc::unavailable, "the record of this run is not whole: its folder could not be written",
                   "free some space and run it again"};
    return end_;
  }

 private:
  [[nodiscard]] std::string path(const std::string& name) const { return request_.out + "/" + name; }
  void note(const Error& error) {
    errors_.push_back(error.what);
    progress_.say("problem: " + error.what + (error.remedy.empty() ? "" : " (" + error.remedy + ")"));
  }

  Status prepare() {
    if (Status s = make_run_folder(request_.out); !s) return s;
    if (Status s = write_file(path("plan.json"), json_of_plan(plan_).dump(1) + "\n"); !s) return s;
    if (Status s = write_run_file(); !s) return s;
    auto allow = AllowList::parse(request_.loaded.target.allow);
    if (!allow) return allow.error();
    allow_ = std::move(*allow);
    auto secrets = SecretFolder::make();
    if (!secrets) return secrets.error();
    secrets_.emplace(std::move(*secrets));
    if (request_.metrics_port >= 0) {
      const auto port = metrics_.expose(request_.metrics_port);
      if (!port) return port.error();
      progress_.say("metrics at http://127.0.0.1:" + std::to_string(*port) + "/metrics");
    }
    return mint_stock();
  }

  /// Cards of this run alone; or, for a platform that has its stock already, those that were minted for it before.
  Status mint_stock() {
    const std::string dir = request_.mint_dir.empty() ? secrets_->path() + "/mint" : request_.mint_dir;
    if (request_.mint_dir.empty()) {
      const std::string key = random_token(32);
      mint_.emplace(key);
      std::vector<MintSku> skus;
      for (const SkuStock& stock : plan_.stock)
        skus.push_back(
            {stock.sku, stock.goods, static_cast<std::uint32_t>(skus.size() + 1), stock.cards, stock.price_cents});
      if (Status s = write_mint(dir, key, skus); !s) return s;
    } else {
      auto mint = load_mint(dir);
      if (!mint) return std::move(mint).error().in("--mint");
      mint_.emplace(std::move(*mint));
    }
    const TargetSpec& target = request_.loaded.target;
    const auto shadow = target.options.find("shadow");
    if (target.kind == "reference" && shadow != target.options.end() && shadow->second == "on" &&
        !target.mark_header.empty())
      mint_->expect_prefix("SHADOW-");
    auto manifest = read_file(dir + "/manifest.json");
    if (!manifest) return manifest.error();
    return write_file(path("minted.json"), *manifest);
  }

  Status start_parts() {
    auto journal = UndoJournal::create(request_.out, request_.loaded.target.allow);
    if (!journal) return journal.error();
    journal_ = std::move(*journal);
    if (Status s = journal_->folder(secrets_->path()); !s) return s;
    auto guardian = Guardian::start(request_.self, request_.out);
    if (!guardian) return std::move(guardian).error();
    guardian_.emplace(std::move(*guardian));

    if (Status s = start_partners(); !s) return s;

    progress_.say("starting " + request_.loaded.target.name);
    const Nanos before = monotonic_now();
    if (Status s = make_target(); !s) return s;
    if (Status s = target_->start(request_.loaded.target.kind == "external" ? kExternalStart : kTargetStart, stop_); !s)
      return s;
    if (const pid_t pid = target_->supervisor_pid(); pid > 0) {
      const auto id = identify(pid);
      if (!id) return id.error();
      if (Status s = journal_->tree("target", *id, target_->supervisor_mark()); !s) return s;
    }
    target_version_ = target_->version();
    target_facts_ = target_->facts();
    if (const std::string& link = request_.loaded.target.trace_link; !link.empty())
      target_facts_.set("trace_link", link);
    progress_.say("ready after " + fixed(seconds(monotonic_now() - before), 1) + " s at " + target_->url());
    return look_before();
  }

  /// A reference platform pays at partners of this very run; any other one at those that its file names, or at none.
  Status start_partners() {
    const TargetSpec& spec = request_.loaded.target;
    if (spec.kind != "reference" && spec.partners.url.empty()) return ok();
    auto partners = spec.kind == "reference"
                        ? PartnersLink::start({request_.self, request_.out, secrets_->path(), plan_.seed, spec.allow})
                        : PartnersLink::attach(spec.partners, allow_);
    if (!partners) return std::move(partners).error();
    partners_.emplace(std::move(*partners));
    if (const Process* process = partners_->process())
      return journal_->tree("partners", process->id(), process->mark());
    return ok();
  }

  Status make_target() {
    const auto& registry = target_registry();
    const auto entry = std::find_if(registry.begin(), registry.end(),
                                    [&](const TargetEntry& e) { return e.name == request_.loaded.target.kind; });
    if (entry == registry.end())
      return Error{Errc::not_found, "no kind of target is called '" + request_.loaded.target.kind + "'",
                   "see: cardstorm list targets"};
    TargetSetup setup;
    setup.run_dir = request_.out;
    setup.binary_dir = request_.binary_dir;
    if (partners_) {
      setup.channels_url = partners_->url();
      setup.channels_token = partners_->token();
    }
    setup.channels_key_file = secrets_->path() + "/partners.key";
    setup.mint_dir = request_.mint_dir.empty() ? secrets_->path() + "/mint" : request_.mint_dir;
    setup.plan = &plan_;
    setup.keep_stores = request_.keep_stores;
    setup.postgres_url = request_.postgres_url;
    setup.redis_url = request_.redis_url;
    target_ = entry->make(request_.loaded.target, setup);
    return ok();
  }

  /// How connections to the target are made, by all who make them.
  [[nodiscard]] HttpClientLimits with_transport(HttpClientLimits limits) const {
    const TargetSpec& spec = request_.loaded.target;
    limits.body_max = 1 << 20;
    limits.unix_socket = spec.unix_socket;
    limits.http2 = spec.http2;
    limits.tls_verify = spec.tls_verify;
    limits.tls_ca = spec.tls_ca;
    return limits;
  }

  [[nodiscard]] bool has_books() const {
    const AuditSpec& audit = request_.loaded.target.audit;
    return !audit.path.empty() || !audit.database.empty();
  }

  /// A platform that we did not start has orders of its own past.
  void read_books_before() {
    if (request_.loaded.target.kind == "reference" || !has_books()) return;
    auto rows = target_->audit();
    books_known_ = rows.has_value();
    if (rows)
      books_before_ = std::move(*rows);
    else
      note(std::move(rows).error().in("the audit before the run"));
  }

  Status look_before() {
    const TargetSpec& spec = request_.loaded.target;
    read_books_before();
    auto settings = client_settings(spec, plan_);
    if (!settings) return std::move(settings).error();
    clients_ = std::move(*settings);
    return preflight({.plan = plan_,
                      .target = spec,
                      .mint = *mint_,
                      .allow = allow_,
                      .limits = with_transport(limits_of_shard(plan_, 0, 1)),
                      .url = target_->url(),
                      .mark = mark_,
                      .clients = clients_,
                      .journal = spec.partners.journal});
  }

  /// The platform's own metrics may end the run at any time.
  [[nodiscard]] GuardSetup guard_setup() {
    const TargetSpec& spec = request_.loaded.target;
    GuardSetup setup{.prometheus = spec.guard_prometheus,
                     .every = spec.guard_every,
                     .queries = {},
                     .allow = allow_,
                     .on_stop = [this](const std::string& why) { abort_run(why, "", clock_.now(), "guard"); }};
    for (const GuardRule& rule : spec.guard) setup.queries.push_back({rule.name, rule.query, rule.absent_is_bad});
    return setup;
  }

  void run_lanes() {
    DriveLanes drive_lanes(path("history"), metrics_, plan_.traffic.shards);
    auto fault_log = HistoryWriter::open(path("history"), "fault");
    auto sample_log = HistoryWriter::open(path("history"), "sample");
    auto run_log = HistoryWriter::open(path("history"), "run");
    if (Status s = drive_lanes.opened(); !s) return note(s.error());
    for (auto* log : {&fault_log, &sample_log, &run_log}) {
      if (!*log) return note(log->error());
    }
    MeteredSink fault_sink(**fault_log, metrics_), run_sink(**run_log, metrics_);
    DriveLive live;

    // Time zero lies a little ahead, so that every lane is there when it comes.
    clock_ = MonotonicClock(monotonic_now() + 500ms);
    if (Status s = write_run_file(); !s) note(s.error());
    std::atomic<bool> driven{false};
    std::stop_source halt;  // ends the load: on the user's stop, and when nothing can be recorded any more
    const std::stop_callback relay(stop_, [&halt] { halt.request_stop(); });
    std::jthread driver([&] {
      drive({.plan = plan_,
             .trace = request_.loaded.trace,
             .clock = clock_,
             .client = [&](HttpClientLimits share) { return make_http_client(clock_, allow_, with_transport(share)); },
             .history = [&](const std::string& lane) -> EventSink& { return drive_lanes.sink(lane); },
             .mint = *mint_,
             .url = target_->url(),
             .mark = mark_,
             .live = live,
             .clients = clients_,
             .phase_at = [&](Nanos at) { return moment_at(plan_, at).phase; },
             .on_abort = [&](const AbortBreach& breach) { abort_run(breach.rule, fixed(breach.value, 4), breach.at); }},
            halt.get_token());
      driven = true;
      wake_.notify_all();
    });
    FaultLane faults(
        {.segments = plan_.segments, .target = *target_, .clock = clock_, .history = fault_sink, .journal = *journal_});
    const auto guard = start_guard(guard_setup());
    std::jthread sampler(
        [&](const std::stop_token& stop) { sample_nodes(*target_, clock_, **sample_log, 500ms, stop); });

    watch(live, faults, run_sink, driven,
          [&] { return drive_lanes.failed() || (*fault_log)->failed() || (*run_log)->failed(); });
    if (stop_.stop_requested() || disk_full_ || aborted()) {
      halt.request_stop();
      faults.stop();
    }
    driver.join();
    if (!halt.stop_requested())
      wait_until(plan_.load_end + std::min(plan_.drain, kLateEffects), std::atomic<bool>(false));
    for (const FaultResult& result : faults.wait()) {
      if (!result.residue) continue;
      ++end_.residue;
      note({Errc::internal, result.fault + " on " + result.on + " could not be reverted: " + result.note,
            "run: cardstorm recover"});
    }
    sampler.request_stop();
    sampler.join();
    run_sink.write(PhaseMarked{clock_.now(), Phase::done, 0});
    end_.interrupted = stop_.stop_requested();
    drained_ = !end_.interrupted && !disk_full_;
    if (Status s = drive_lanes.close(); !s) note(s.error());
    for (auto* log : {&fault_log, &sample_log, &run_log}) {
      if (Status s = (**log)->close(); !s) note(s.error());
    }
    if (Status s = write_file(path("metrics.prom"), metrics_.text()); !s) note(s.error());
  }

  /// The main lane: marks phases, restarts a target that did not come back, shows what happens, until the driver has
  /// ended.
  void watch(DriveLive& live, FaultLane& faults, EventSink& history, const std::atomic<bool>& driven,
             const std::function<bool()>& log_failed) {
    RecoveryWatch recovery(plan_.slo);
    std::optional<Nanos> change = Nanos(0);
    Moment moment;
    Nanos second = 1s;
    while (!driven && !stop_.stop_requested() && !aborted()) {
      while (change && clock_.now() >= *change) {
        moment = moment_at(plan_, *change);
        history.write(PhaseMarked{*change, moment.phase, moment.segment});
        if (moment.phase == Phase::gap && !recovery.healthy()) restart_target(moment.segment, history);
        change = next_change(plan_, *change);
      }
      if (clock_.now() >= second) {
        recovery.second(live.steps_ok, live.steps_bad);
        show(live, faults, recovery, moment);
        second += 1s;
      }
      if (log_failed()) {
        disk_full_ = true;
        note({Errc::unavailable, "the history cannot be written (is the disk full?); the run stops here",
              "free some space"});
        return;
      }
      wait_until(change ? std::min(*change, second) : second, driven);
    }
  }

  void wait_until(Nanos at, const std::atomic<bool>& driven) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop_, std::max(at - clock_.now(), Nanos(0)),
                   [&] { return driven.load() || abort_.has_value(); });
  }

  /// A stop condition of the scenario or of the target's guard: ends the load, heals, and stands in the record. Any
  /// thread; the first one counts.
  void abort_run(const std::string& rule, const std::string& value, Nanos at, const std::string& by = "scenario") {
    {
      const std::lock_guard lock(mutex_);
      if (abort_.has_value()) return;
      abort_ = EarlyStop{by, rule, value, seconds(at)};
    }
    progress_.say("stopping: " + rule + (value.empty() ? "" : " (found " + value + ")"));
    wake_.notify_all();
  }
  [[nodiscard]] bool aborted() {
    const std::lock_guard lock(mutex_);
    return abort_.has_value();
  }

  void restart_target(std::uint32_t segment, EventSink& history) {
    if (target_->supervisor_pid() <= 0) return;  // it is not ours to restart
    progress_.say("the target has not recovered: restarting it before the next fault");
    const Status restarted = target_->restart(30s);
    if (!restarted) {
      if (restarted.error().code != Errc::unavailable) note(restarted.error());
      return;
    }
    history.write(TargetRestarted{clock_.now(), segment, "not recovered by its horizon"});
  }

  void show(const DriveLive& live, const FaultLane& faults, const RecoveryWatch& recovery, const Moment& moment) {
    ProgressRow row;
    row.at = clock_.now();
    row.end = plan_.load_end + plan_.drain;
    row.phase = to_text(moment.phase);
    if (const int on = faults.on(); on >= 0) {
      const FaultSpec& fault = plan_.segments[static_cast<std::size_t>(on)].fault;
      row.fault = fault.fault + " on " + fault.on;
    }
    if (recovery.recent_share() >= 0) row.success = recovery.recent_share();
    row.p99_ms = static_cast<double>(live.p99_us.load()) / 1000;
    row.trades_ok = live.trades_ok;
    row.trades_bad = live.trades_bad;
    row.open = live.trades_open;
    progress_.show(row);
  }

  void final_audit() {
    if (end_.interrupted) return;
    progress_.say("final audit");
    if (!books_known_) return;  // what was there before could not be told from what is there now
    const auto rows = target_->audit();
    if (!rows) {
      if (request_.loaded.target.kind == "reference" || has_books()) note(rows.error());
      return;
    }
    if (Status s = write_file(path("audit.jsonl"), audit_lines(audit_since(books_before_, *rows), *mint_)); !s)
      note(s.error());
  }

  /// Ends what was started, last first. The guardian goes home only when everything is mended.
  void stop_parts() {
    if (target_) {
      assumed_restart_s_ = target_->assumed_restart_s();
      if (Status s = target_->stop(); !s) note(s.error());
      target_.reset();
    }
    if (partners_) {
      if (const std::string problem = partners_->problem(allow_); !problem.empty())
        note({Errc::io, "the partners cannot keep their journals: " + problem,
              "see logs/partners.log; is the disk full?"});
      if (Status s = partners_->end(request_.out, begun_); !s) note(s.error());
      partners_.reset();
    }
    secrets_.reset();
    if (journal_ && end_.residue == 0) {
      if (Status s = journal_->close(); !s) note(s.error());
    }
    if (guardian_) {
      if (Status s = guardian_->end(); !s) note(s.error());
      guardian_.reset();
    }
  }

  /// Stopped before the load began: a record that says so, and can be judged.
  Result<SessionEnd> interrupted_early() {
    end_.interrupted = true;
    auto log = HistoryWriter::open(path("history"), "run");
    if (!log) return log.error();
    (*log)->write(PhaseMarked{0s, Phase::done, 0});
    if (Status s = (*log)->close(); !s) return s.error();
    if (Status s = write_run_file(); !s) return s.error();
    return end_;
  }

  Status write_run_file() const {
    RunInfo run;
    run.start = clock_.start();
    run.wall = wall_;
    run.target = request_.loaded.target.name;
    run.target_version = target_version_;
    run.target_facts = target_facts_;
    run.environment = request_.loaded.target.environment;
    run.partners = request_.loaded.target.kind == "reference" || !request_.loaded.target.partners.url.empty();
    run.seed = plan_.seed;
    run.command = request_.command;
    run.drained = drained_;
    run.interrupted = end_.interrupted;
    run.assumed_restart_s = assumed_restart_s_;
    run.aborted = abort_;
    run.errors = errors_;
    return write_file(path("run.json"), json_of_run_info(run).dump(1) + "\n");
  }

  const SessionRequest& request_;
  const Plan& plan_;
  Progress& progress_;
  std::stop_token stop_;
  SessionEnd end_;
  AllowList allow_;
  MonotonicClock clock_;
  std::optional<SecretFolder> secrets_;
  std::optional<Mint> mint_;
  std::unique_ptr<UndoJournal> journal_;
  std::optional<Guardian> guardian_;
  std::optional<PartnersLink> partners_;
  std::unique_ptr<Target> target_;
  const std::string mark_ = "cardstorm-" + random_token(6), wall_ = wall_clock_text();
  const Nanos begun_ = monotonic_now();  // from here on the partners' journals are of this run
  std::string target_version_;
  Json target_facts_;
  Metrics metrics_;
  std::vector<std::string> errors_;
  double assumed_restart_s_ = -1;
  bool drained_ = false, disk_full_ = false;
  ClientSettings clients_;
  std::vector<Json> books_before_;  // of a platform that lived before
  bool books_known_ = true;
  std::optional<EarlyStop> abort_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
};

}  // namespace

Result<SessionEnd> run_session(const SessionRequest& request, Progress& progress, const std::stop_token& stop) {
  return Session(request, progress, stop).run();
}

}  // namespace cardstorm
