// external: a platform that somebody else runs. We never start or stop it; what else we can do with it, its target file
// says.
#include <thread>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/net/control.hpp"
#include "harness/target/audit.hpp"
#include "harness/target/channels.hpp"
#include "harness/target/db_pool.hpp"
#include "harness/target/nodes.hpp"
#include "harness/target/target.hpp"
#include "harness/target/touch.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kLook{2s}, kVersionWait{5s};
constexpr std::size_t kVersionMax = 200;
constexpr const char* kUnknown = "unknown";

class ExternalTarget final : public Target {
 public:
  ExternalTarget(const TargetSpec& spec, const TargetSetup& setup) : spec_(spec), allow_(AllowList::parse(spec.allow)) {
    if (!allow_) return;  // start() says so
    if (may_touch(spec_, "nodes") && !spec_.nodes.empty())
      nodes_ = make_nodes(spec_.nodes, setup.run_dir.empty() ? "" : setup.run_dir + "/logs/nodes.log");
    if (may_touch(spec_, "pool") && !spec_.databases.empty()) pool_ = make_db_pool(spec_.databases, *allow_);
  }

  Status start(Nanos wait, const std::stop_token& stop) override {
    if (!allow_) return allow_.error();
    if (Status s = open_channels(); !s) return s;
    const Nanos end = monotonic_now() + wait;
    HttpResponse last;
    while (monotonic_now() < end) {
      auto answer = ask("", std::min(end - monotonic_now(), kLook));
      if (answer.status > 0) return ready(answer);  // any answer will do: what a healthy one looks like is not known
      if (answer.cause == Cause::address)
        return Error{Errc::refused, spec_.url + ": " + answer.error, "add the address to `allow:`"};
      last = std::move(answer);
      if (stop.stop_requested()) return Error{Errc::cancelled, "stopped while waiting for " + spec_.url};
      std::this_thread::sleep_for(std::min(end - monotonic_now(), Nanos(100ms)));
    }
    return no_answer(last);
  }
  Status stop() override { return ok(); }
  [[nodiscard]] std::string url() const override { return spec_.url; }
  [[nodiscard]] std::string version() const override { return version_; }
  /// Nodes go by their alias here; who names the container means the same.
  [[nodiscard]] std::string resolve(const std::string& node) const override {
    if (spec_.nodes.contains(node) || spec_.databases.contains(node)) return node;
    for (const auto& [alias, spec] : spec_.nodes)
      if (!spec.node.empty() && spec.node == node) return alias;
    return node;
  }
  NodeControl* nodes() override { return nodes_.get(); }
  PoolControl* pool() override { return pool_.get(); }
  ChannelControl* channels() override { return channels_.get(); }

  Result<std::vector<Json>> audit() override {
    if (!allow_) return allow_.error();
    if (!spec_.audit.path.empty())
      return audit_by_api(spec_.url + spec_.audit.path, *allow_, 60s, get_of(spec_, "", kLook));
    if (spec_.audit.database.empty()) return Target::audit();
    const auto database = spec_.databases.find(spec_.audit.database);
    if (database == spec_.databases.end())
      return Error{Errc::not_found, "the audit's database '" + spec_.audit.database + "' is not among `databases:`"};
    return audit_by_queries(spec_.audit, database->second, *allow_);
  }

  [[nodiscard]] Json facts() const override {
    Json out = Json::object({{"url", spec_.url}, {"mark_header", spec_.mark_header}});
    if (!spec_.partners.url.empty()) out.set("partners_url", spec_.partners.url);
    return out;
  }

 private:
  HttpResponse ask(const std::string& path, Nanos wait) const { return fetch(get_of(spec_, path, wait), *allow_); }

  Error no_answer(const HttpResponse& last) const {
    const std::string who = spec_.unix_socket.empty() ? spec_.url : "unix_socket " + spec_.unix_socket;
    const std::string error = last.error.empty() ? "nothing was tried" : last.error;
    const char* remedy = last.cause == Cause::tls ? "name the certificate that signed the platform's as `tls: { ca: "
                                                    "FILE }`, or correct `url:` in the target file"
                         : spec_.unix_socket.empty()
                             ? "start the platform, or correct `url:` in the target file"
                             : "start the platform, or correct `unix_socket:` in the target file";
    return {Errc::unavailable, who + " does not answer: " + error, remedy};
  }

  Status ready(const HttpResponse& answer) {
    if (Status inside = stays_inside(answer); !inside) return inside;
    version_ = read_version();
    return ok();
  }

  /// The simulators that this platform pays through. Those of a run itself would be of no use: it cannot know them.
  Status open_channels() {
    if (channels_ || !may_touch(spec_, "channels") || spec_.partners.url.empty()) return ok();
    const auto token = read_file(spec_.partners.token_file);
    if (!token)
      return Error{Errc::unavailable, "the token of the partners cannot be read: " + token.error().what,
                   "`cardstorm partners up` writes it; correct partners.token_file in the target file"};
    channels_ = make_channel_control(spec_.partners.url, std::string(trim(*token)), *allow_);
    return ok();
  }

  /// "unknown" when the target file does not say where it stands, or it does not stand there.
  std::string read_version() const {
    if (spec_.version_path.empty()) return kUnknown;
    const auto answer = ask(spec_.version_path, kVersionWait);
    if (answer.status < 200 || answer.status > 299) return kUnknown;
    std::string found;
    if (!spec_.version_header.empty()) {
      for (const auto& [name, value] : answer.headers)
        if (name == lower(spec_.version_header)) found = value;
    } else if (const auto body = Json::parse(answer.body)) {
      const Json* value = body->at_pointer(spec_.version_pointer);
      if (value != nullptr && !value->is_null()) found = value->text();
    }
    return found.empty() ? kUnknown : found.substr(0, kVersionMax);
  }

  /// We follow no redirect; one that leads out of the allow-list means that the load is meant for somewhere else.
  Status stays_inside(const HttpResponse& answer) const {
    if (answer.status < 300 || answer.status > 399) return ok();
    for (const auto& [name, value] : answer.headers) {
      if (name != "location" || !(value.starts_with("http://") || value.starts_with("https://"))) continue;
      if (auto admitted = allow_->admits_url(value); !admitted)
        return Error{Errc::refused, spec_.url + " redirects out of the allow-list: " + admitted.error().what,
                     "write the address that really serves into `url:`, and its block into `allow:` if it may be "
                     "loaded and broken"};
    }
    return ok();
  }

  TargetSpec spec_;
  Result<AllowList> allow_;
  std::string version_ = kUnknown;
  std::unique_ptr<NodeControl> nodes_;
  std::unique_ptr<PoolControl> pool_;
  std::unique_ptr<ChannelControl> channels_;
};

}  // namespace

TargetEntry external_target() {
  return {"external",
          "a platform that runs already: we never start or stop it; what may be broken, and how, its target file says",
          {"pool", "channels", "nodes"},
          [](const TargetSpec& spec, const TargetSetup& setup) -> std::unique_ptr<Target> {
            return std::make_unique<ExternalTarget>(spec, setup);
          },
          {}};
}

}  // namespace cardstorm
