// session: the order in which the parts meet. What is started is entered in the undo journal first, so that the guardian can end
// it; what is broken is mended before anything is stopped.
#include "harness/run/session.hpp"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <sys/stat.h>
#include <thread>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/drive/driver.hpp"
#include "harness/fault/guardian.hpp"
#include "harness/fault/journal.hpp"
#include "harness/fault/lane.hpp"
#include "harness/history/history.hpp"
#include "harness/mint/mint.hpp"
#include "harness/net/crypto.hpp"
#include "harness/net/http_client.hpp"
#include "harness/observe/metrics.hpp"
#include "harness/run/audit_file.hpp"
#include "harness/run/recovery_watch.hpp"
#include "harness/run/run_folder.hpp"
#include "harness/run/sampler.hpp"
#include "harness/run/timeline.hpp"
#include "harness/target/process.hpp"
#include "harness/target/target.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kTargetStart = 60s;    // a private PostgreSQL on a busy machine, and card stock to load
constexpr Nanos kExternalStart = 10s;  // it should run already
constexpr Nanos kLateEffects = 5s;     // after the load, even when every trade has ended: notifies still come
constexpr Nanos kPartnersStart = 10s;

Status write_secret(const std::string& path, const std::string& text) {
  const mode_t old = ::umask(077);
  Status written = write_file(path, text);
  ::umask(old);
  return written;
}

/// The payment channels and the supplier: a process of their own, which no fault kills.
class PartnersProcess {
 public:
  static Result<PartnersProcess> start(const SessionRequest& request, const std::string& secrets, const Plan& plan) {
    PartnersProcess out;
    out.token_ = random_token(32);
    if (Status s = write_secret(secrets + "/partners.key", random_token(32)); !s) return s.error();
    if (Status s = write_secret(secrets + "/partners.token", out.token_); !s) return s.error();
    ProcessSpec spec;
    spec.program = request.self;
    spec.args = {"partners", "up", "--journal", request.out + "/partners", "--key-file", secrets + "/partners.key",
                 "--token-file", secrets + "/partners.token", "--seed", std::to_string(plan.seed)};
    for (const auto& block : request.loaded.target.allow) {
      spec.args.emplace_back("--allow");
      spec.args.push_back(block);
    }
    spec.stderr_path = request.out + "/logs/partners.log";
    auto process = Process::spawn(spec);
    if (!process) return std::move(process).error();
    out.process_.emplace(std::move(*process));
    auto line = out.process_->read_line(kPartnersStart);
    if (!line) return std::move(line).error().in("starting the partners");
    if (!line->has_value()) return Error{Errc::unavailable, "the partners did not start", "see " + spec.stderr_path};
    const auto facts = Json::parse(**line);
    if (!facts || (*facts)["url"].string().empty()) return Error{Errc::internal, "the partners' first line is not understood: " + **line, ""};
    out.url_ = (*facts)["url"].string();
    return out;
  }
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::string& token() const { return token_; }
  [[nodiscard]] const Process& process() const { return *process_; }
  /// Closes the journals in an orderly way.
  Status end() {
    if (!process_) return ok();
    const auto code = process_->terminate(10s, 3s);
    process_.reset();
    if (!code) return code.error();
    return ok();
  }

 private:
  std::optional<Process> process_;
  std::string url_, token_;
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
    if (disk_full_) return Error{Errc::unavailable, "the record of this run is not whole: its folder could not be written", "free some space and run it again"};
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

  Status mint_stock() {
    const std::string key = random_token(32), dir = secrets_->path() + "/mint";
    mint_.emplace(key);
    std::vector<MintSku> skus;
    for (const SkuStock& stock : plan_.stock)
      skus.push_back({stock.sku, stock.goods, static_cast<std::uint32_t>(skus.size() + 1), stock.cards, stock.price_cents});
    if (Status s = write_mint(dir, key, skus); !s) return s;
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

    auto partners = PartnersProcess::start(request_, secrets_->path(), plan_);
    if (!partners) return std::move(partners).error();
    partners_.emplace(std::move(*partners));
    if (Status s = journal_->tree("partners", partners_->process().id(), partners_->process().mark()); !s) return s;

    progress_.say("starting " + request_.loaded.target.name);
    const Nanos before = monotonic_now();
    if (Status s = make_target(); !s) return s;
    if (Status s = target_->start(request_.loaded.target.kind == "external" ? kExternalStart : kTargetStart, stop_); !s) return s;
    if (const pid_t pid = target_->supervisor_pid(); pid > 0) {
      const auto id = identify(pid);
      if (!id) return id.error();
      if (Status s = journal_->tree("target", *id, target_->supervisor_mark()); !s) return s;
    }
    target_version_ = target_->version();
    target_facts_ = target_->facts();
    progress_.say("ready after " + fixed(seconds(monotonic_now() - before), 1) + " s at " + target_->url());
    return preflight();
  }

  Status make_target() {
    const auto& registry = target_registry();
    const auto entry = std::find_if(registry.begin(), registry.end(), [&](const TargetEntry& e) { return e.name == request_.loaded.target.kind; });
    if (entry == registry.end()) return Error{Errc::not_found, "no kind of target is called '" + request_.loaded.target.kind + "'", "see: cardstorm list targets"};
    TargetSetup setup;
    setup.run_dir = request_.out;
    setup.binary_dir = request_.binary_dir;
    setup.channels_url = partners_->url();
    setup.channels_token = partners_->token();
    setup.channels_key_file = secrets_->path() + "/partners.key";
    setup.mint_dir = secrets_->path() + "/mint";
    setup.plan = &plan_;
    setup.keep_stores = request_.keep_stores;
    setup.postgres_url = request_.postgres_url;
    setup.redis_url = request_.redis_url;
    target_ = entry->make(request_.loaded.target, setup);
    return ok();
  }

  /// One request before the first planned arrival: an address that cannot be reached is our problem, not an outage.
  Status preflight() {
    if (Status s = allow_.admits_url(target_->url()); !s) return s;
    HttpRequest request;
    request.url = target_->url() + "/";
    request.timeout = 5s;
    const HttpResponse answer = fetch(request, allow_);
    if (answer.status == 0) return Error{Errc::unavailable, "preflight: " + target_->url() + " does not answer: " + answer.error, "start the platform, or correct its url"};
    return ok();
  }

  void run_lanes() {
    auto drive_log = HistoryWriter::open(path("history"), "drive");
    auto fault_log = HistoryWriter::open(path("history"), "fault");
    auto sample_log = HistoryWriter::open(path("history"), "sample");
    auto run_log = HistoryWriter::open(path("history"), "run");
    for (auto* log : {&drive_log, &fault_log, &sample_log, &run_log}) {
      if (!*log) return note(log->error());
    }
    MeteredSink drive_sink(**drive_log, metrics_), fault_sink(**fault_log, metrics_), run_sink(**run_log, metrics_);
    auto client = make_http_client(clock_, allow_, {plan_.connections_max, 1 << 20});
    DriveLive live;

    // Time zero lies a little ahead, so that every lane is there when it comes.
    clock_ = MonotonicClock(monotonic_now() + 500ms);
    if (Status s = write_run_file(); !s) note(s.error());
    std::atomic<bool> driven{false};
    std::stop_source halt;   // ends the load: on the user's stop, and when nothing can be recorded any more
    const std::stop_callback relay(stop_, [&halt] { halt.request_stop(); });
    std::jthread driver([&] {
      drive({plan_, request_.loaded.trace, clock_, *client, drive_sink, *mint_, target_->url(), mark_, live}, halt.get_token());
      driven = true;
      wake_.notify_all();
    });
    FaultLane faults({.segments = plan_.segments, .target = *target_, .clock = clock_, .history = fault_sink, .journal = *journal_});
    std::jthread sampler([&](const std::stop_token& stop) { sample_nodes(*target_, clock_, **sample_log, 500ms, stop); });

    watch(live, faults, run_sink, driven, [&] { return (*drive_log)->failed() || (*fault_log)->failed() || (*run_log)->failed(); });
    if (stop_.stop_requested() || disk_full_) {
      halt.request_stop();
      faults.stop();
    }
    driver.join();
    if (!halt.stop_requested()) wait_until(plan_.load_end + std::min(plan_.drain, kLateEffects), std::atomic<bool>(false));
    for (const FaultResult& result : faults.wait()) {
      if (!result.residue) continue;
      ++end_.residue;
      note({Errc::internal, result.fault + " on " + result.on + " could not be reverted: " + result.note, "run: cardstorm recover"});
    }
    sampler.request_stop();
    sampler.join();
    run_sink.write(PhaseMarked{clock_.now(), Phase::done, 0});
    end_.interrupted = stop_.stop_requested();
    drained_ = !end_.interrupted && !disk_full_;
    for (auto* log : {&drive_log, &fault_log, &sample_log, &run_log}) {
      if (Status s = (**log)->close(); !s) note(s.error());
    }
    if (Status s = write_file(path("metrics.prom"), metrics_.text()); !s) note(s.error());
  }

  /// The main lane: marks phases, restarts a target that did not come back, shows what happens, until the driver has ended.
  void watch(DriveLive& live, FaultLane& faults, EventSink& history, const std::atomic<bool>& driven, const std::function<bool()>& log_failed) {
    RecoveryWatch recovery(plan_.slo);
    std::optional<Nanos> change = Nanos(0);
    Moment moment;
    Nanos second = 1s;
    while (!driven && !stop_.stop_requested()) {
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
        note({Errc::unavailable, "the history cannot be written (is the disk full?); the run stops here", "free some space"});
        return;
      }
      wait_until(change ? std::min(*change, second) : second, driven);
    }
  }

  void wait_until(Nanos at, const std::atomic<bool>& driven) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop_, std::max(at - clock_.now(), Nanos(0)), [&] { return driven.load(); });
  }

  void restart_target(std::uint32_t segment, EventSink& history) {
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
    const auto rows = target_->audit();
    if (!rows) {
      if (request_.loaded.target.kind == "reference" || !request_.loaded.target.audit_path.empty()) note(rows.error());
      return;
    }
    if (Status s = write_file(path("audit.jsonl"), audit_lines(*rows, *mint_)); !s) note(s.error());
  }

  /// Ends what was started, last first. The guardian goes home only when everything is mended.
  void stop_parts() {
    if (target_) {
      assumed_restart_s_ = target_->assumed_restart_s();
      if (Status s = target_->stop(); !s) note(s.error());
      target_.reset();
    }
    if (partners_) {
      if (const HttpResponse ready = fetch({.method = "GET", .url = partners_->url() + "/ready", .body = "", .headers = {}, .timeout = 2s}); ready.status != 200)
        note({Errc::io, "the partners cannot keep their journals: " + ready.error + ready.body, "see logs/partners.log; is the disk full?"});
      if (Status s = partners_->end(); !s) note(s.error());
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
    Json errors = Json::array();
    for (const auto& text : errors_) errors.push(text);
    const Json run = Json::object({{"schema", "cardstorm.run/1"},
                                   {"start_mono_ns", static_cast<std::int64_t>(clock_.start().count())},
                                   {"wall", wall_},
                                   {"target", request_.loaded.target.name},
                                   {"target_version", target_version_},
                                   {"target_facts", target_facts_},
                                   {"environment", request_.loaded.target.environment},
                                   {"seed", plan_.seed},
                                   {"command", request_.command},
                                   {"drained", drained_},
                                   {"interrupted", end_.interrupted},
                                   {"assumed_restart_s", assumed_restart_s_},
                                   {"errors", errors}});
    return write_file(path("run.json"), run.dump(1) + "\n");
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
  std::optional<PartnersProcess> partners_;
  std::unique_ptr<Target> target_;
  const std::string mark_ = "cardstorm-" + random_token(6), wall_ = wall_clock_text();
  std::string target_version_;
  Json target_facts_;
  Metrics metrics_;
  std::vector<std::string> errors_;
  double assumed_restart_s_ = -1;
  bool drained_ = false, disk_full_ = false;
  std::mutex mutex_;
  std::condition_variable_any wake_;
};

}  // namespace

Result<SessionEnd> run_session(const SessionRequest& request, Progress& progress, const std::stop_token& stop) {
  return Session(request, progress, stop).run();
}

}  // namespace cardstorm
