// reference: the platform that ships with CardStorm, run by its own supervisor (reference_platform/api.md, "The
// supervisor"). We start the supervisor, hold its stdin as the lifeline and speak HTTP; no source is shared.
#include <filesystem>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/lease/process.hpp"
#include "harness/net/control.hpp"
#include "harness/target/audit.hpp"
#include "harness/target/channels.hpp"
#include "harness/target/supervised.hpp"
#include "harness/target/touch.hpp"

namespace cardstorm {
namespace {

namespace fs = std::filesystem;

class ReferenceTarget final : public Target {
 public:
  ReferenceTarget(const TargetSpec& spec, const TargetSetup& setup) : spec_(spec), setup_(setup) {}
  ~ReferenceTarget() override { (void)stop(); }

  Status start(Nanos wait, const std::stop_token& halt) override {
    if (process_) return ok();
    auto allow = AllowList::parse(spec_.allow);
    if (!allow) return std::move(allow).error();
    allow_ = std::move(*allow);
    if (const std::string program = supervisor().program; !fs::exists(program))
      return Error{Errc::unavailable, "the reference platform is not built: there is no " + program,
                   "run: cardstorm build"};
    auto process = Process::spawn(supervisor());
    if (!process) return std::move(process).error();
    process_ = std::make_unique<Process>(std::move(*process));
    auto ready = await_ready(wait, halt);
    if (!ready) (void)stop();
    return ready;
  }

  Status stop() override {
    if (!process_) return ok();
    keep_logs();
    pool_.reset();
    nodes_.reset();
    channels_.reset();
    const auto code = process_->terminate(15s, 5s);  // PostgreSQL takes a checkpoint when it is shut down
    process_.reset();
    if (!code) return code.error();
    return ok();
  }

  Status restart(Nanos wait) override {
    if (!process_) return Error{Errc::unavailable, spec_.name + " does not run"};
    auto answer = control_call(post(facts_["control_url"].string() + "/restart", "{}", wait), allow_);
    if (!answer) return std::move(answer).error();
    return ok();
  }

  [[nodiscard]] std::string url() const override { return facts_["url"].string(); }
  [[nodiscard]] std::string version() const override { return facts_["version"].string(); }
  [[nodiscard]] pid_t supervisor_pid() const override { return process_ ? process_->id().pid : 0; }
  [[nodiscard]] std::string supervisor_mark() const override { return process_ ? process_->mark() : ""; }
  [[nodiscard]] std::string resolve(const std::string& node) const override { return node_of_alias(spec_, node); }
  NodeControl* nodes() override { return may_touch(spec_, "nodes") ? nodes_.get() : nullptr; }
  PoolControl* pool() override { return may_touch(spec_, "pool") ? pool_.get() : nullptr; }
  ChannelControl* channels() override { return may_touch(spec_, "channels") ? channels_.get() : nullptr; }

  Result<std::vector<Json>> audit() override {
    if (!process_) return Error{Errc::unavailable, "the target does not run: no audit"};
    const std::string path = spec_.audit.path.empty() ? "/audit" : spec_.audit.path;
    // Every request of ours is marked: with shadow tables the books of the run are the shadow's, which only the API
    // shows.
    const auto shadow = spec_.options.find("shadow");
    const bool in_shadow = shadow != spec_.options.end() && shadow->second == "on" && !spec_.mark_header.empty();
    HttpRequest way;
    if (in_shadow) way.headers = {{spec_.mark_header, "audit"}};
    auto by_api = audit_by_api(facts_["audit_url"].string() + path, allow_, 60s, way);
    if (by_api || in_shadow) return by_api;
    auto by_sql = audit_by_sql(facts_["auditor_url"].string(), allow_, 120s);
    if (by_sql) return by_sql;
    return Error{Errc::unavailable, "no audit: API: " + by_api.error().what + "; SQL: " + by_sql.error().what,
                 by_sql.error().remedy};
  }

  [[nodiscard]] Json facts() const override {
    Json out = Json::object();
    for (const char* name : {"url", "control_url", "redis_url", "dir", "variant"}) out.set(name, facts_[name]);
    return out.set("database_url", split_password(facts_["database_url"].string()).url);
  }
  [[nodiscard]] double assumed_restart_s() const override {
    const double delay = facts_["restart_delay_s"].number(-1);
    return delay > 0 ? delay : -1;
  }

 private:
  ProcessSpec supervisor() const {
    ProcessSpec spec;
    spec.program = (fs::path(setup_.binary_dir) / "cardstorm-platform").string();
    spec.args = {"up", spec_.variant};
    const auto add = [&](const char* flag, const std::string& value) {
      if (value.empty()) return;
      spec.args.emplace_back(flag);
      spec.args.push_back(value);
    };
    add("--partners", setup_.channels_url);
    add("--partners-key-file", setup_.channels_key_file);
    // A run's own partners are all there; a user's file may name fewer.
    if (!setup_.channels_url.empty() && spec_.variant == "hardened" && !spec_.options.contains("suppliers"))
      add("--suppliers", "topup,topup2,members,truck");
    add("--mint", setup_.mint_dir);
    add("--postgres", setup_.postgres_url);
    add("--redis", setup_.redis_url);
    if (setup_.keep_stores) spec.args.emplace_back("--keep");
    for (const auto& [key, value] : spec_.options) {
      std::string flag = "--" + key;
      std::replace(flag.begin(), flag.end(), '_', '-');
      spec.args.push_back(flag + "=" + value);
    }
    std::error_code ignored;
    fs::create_directories(log_dir(), ignored);
    spec.stderr_path = (log_dir() / "supervisor.log").string();
    return spec;
  }

  Status await_ready(Nanos wait, const std::stop_token& stop) {
    const Nanos end = monotonic_now() + wait;
    auto line = process_->read_line(kLook);
    while (!line && line.error().code == Errc::timeout && monotonic_now() < end) {
      if (stop.stop_requested()) return Error{Errc::cancelled, "stopped while starting " + spec_.name};
      line = process_->read_line(std::min(kLook, end - monotonic_now()));
    }
    if (!line) return std::move(line).error().in("starting " + spec_.name);
    if (!line->has_value())
      return Error{Errc::unavailable, "the supervisor of " + spec_.name + " ended: " + last_words(),
                   "see " + log_dir().string() + "/supervisor.log"};
    auto facts = Json::parse(**line);
    if (!facts) return std::move(facts).error().in("the supervisor's line");
    for (const char* name : {"url", "control_url", "audit_url"}) {
      if ((*facts)[name].string().empty())
        return Error{Errc::invalid, "the supervisor's line lacks '" + std::string(name) + "'"};
      if (auto admitted = allow_.admits_url((*facts)[name].string()); !admitted) return admitted;
    }
    facts_ = std::move(*facts);
    nodes_ = make_supervisor_nodes(facts_["control_url"].string(), allow_);
    pool_ = make_admin_pool(*nodes_, spec_.nodes, allow_);
    if (!setup_.channels_url.empty())
      channels_ = make_channel_control(setup_.channels_url, setup_.channels_token, allow_);
    return ok();
  }

  fs::path log_dir() const { return fs::path(setup_.run_dir) / "logs"; }

  /// The last line of its stderr: by contract the one that says what is wrong.
  std::string last_words() const {
    const auto text = read_file((log_dir() / "supervisor.log").string());
    if (!text) return "no log";
    const auto lines = split(std::string(trim(*text)), '\n');
    return lines.empty() ? "it said nothing" : lines.back().substr(0, 500);
  }

  /// The supervisor removes its folder at the end; the nodes' logs are wanted after that.
  void keep_logs() const {
    const fs::path from = fs::path(facts_["dir"].string()) / "logs";
    std::error_code error;
    if (facts_["dir"].string().empty() || !fs::is_directory(from, error)) return;
    fs::create_directories(log_dir() / "target", error);
    for (const auto& entry : fs::directory_iterator(from, error))
      if (entry.is_regular_file(error) && entry.file_size(error) <= kLogMax)
        fs::copy_file(entry.path(), log_dir() / "target" / entry.path().filename(),
                      fs::copy_options::overwrite_existing, error);
  }
  static constexpr Nanos kLook = 200ms;  // how soon a stop request is heard while starting
  static constexpr std::uintmax_t kLogMax = 64u << 20;

  const TargetSpec spec_;
  const TargetSetup setup_;
  AllowList allow_;
  Json facts_ = Json::object();
  std::unique_ptr<Process> process_;
  std::unique_ptr<NodeControl> nodes_;
  std::unique_ptr<PoolControl> pool_;
  std::unique_ptr<ChannelControl> channels_;
};

}  // namespace

TargetEntry reference_target() {
  return {
      "reference",
      "the card-trading platform that ships with CardStorm, fragile or hardened, with stores of its own",
      {"pool", "channels", "nodes"},
      [](const TargetSpec& spec, const TargetSetup& setup) -> std::unique_ptr<Target> {
        return std::make_unique<ReferenceTarget>(spec, setup);
      },
      {{"restart_delay", "number", "20",
        "seconds until the operator of the fragile variant restarts a dead node: an assumption, named in every report"},
       {"trait", "string", "", "weaknesses to switch, as in A06=on,A09=on (cardstorm platform traits lists them)"},
       {"bug", "string", "", "planted bugs of hardened, as in B01,B07"},
       {"queue", "string", "",
        "how hardened takes orders in: none, redis, kafka, redis://HOST:PORT or kafka://HOST:PORT"},
       {"shadow", "string", "", "on: marked traffic works on shadow tables of hardened"},
       {"databases", "integer", "", "1 or 2: over how many hardened deals its rows"},
       {"suppliers", "string", "", "which suppliers to buy from, as in topup,topup2"},
       {"channels", "string", "", "which payment channels to use, as in alpha,beta"},
       {"orders", "integer", "", "old orders that are there from the start"}}};
}

}  // namespace cardstorm
