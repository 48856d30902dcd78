// external: a platform that somebody else runs; we know a URL and nothing more. We never start or stop it.
#include <thread>

#include "harness/target/audit.hpp"
#include "harness/target/control.hpp"
#include "harness/target/target.hpp"
#include "harness/target/touch.hpp"

namespace cardstorm {
namespace {

class ExternalTarget final : public Target {
 public:
  explicit ExternalTarget(const TargetSpec& spec) : spec_(spec), allow_(AllowList::parse(spec.allow)) {}

  Status start(Nanos wait, const std::stop_token& stop) override {
    if (!allow_) return allow_.error();
    const Nanos end = monotonic_now() + wait;
    std::string last = "nothing was tried";
    while (monotonic_now() < end) {
      const auto left = std::min(end - monotonic_now(), Nanos(2s));
      const auto answer = fetch(get(spec_.url, left), *allow_);
      if (answer.status > 0) return stays_inside(answer);  // any answer will do: what a healthy one looks like is not known
      if (answer.cause == Cause::address) return Error{Errc::refused, spec_.url + ": " + answer.error, "add the address to `allow:`"};
      last = answer.error;
      if (stop.stop_requested()) return Error{Errc::cancelled, "stopped while waiting for " + spec_.url};
      std::this_thread::sleep_for(std::min(end - monotonic_now(), Nanos(100ms)));
    }
    return Error{Errc::unavailable, spec_.url + " does not answer: " + last, "start the platform, or correct `url:` in the target file"};
  }
  Status stop() override { return ok(); }
  [[nodiscard]] std::string url() const override { return spec_.url; }
  [[nodiscard]] std::string version() const override { return "unknown"; }
  [[nodiscard]] std::string resolve(const std::string& node) const override { return node_of_alias(spec_, node); }
  Result<std::vector<Json>> audit() override {
    if (spec_.audit_path.empty()) return Target::audit();
    if (!allow_) return allow_.error();
    return audit_by_api(spec_.url + spec_.audit_path, *allow_, 60s);
  }

 private:
  /// We follow no redirect; one that leads out of the allow-list means that the load is meant for somewhere else.
  Status stays_inside(const HttpResponse& answer) const {
    if (answer.status < 300 || answer.status > 399) return ok();
    for (const auto& [name, value] : answer.headers) {
      if (name != "location" || !(value.starts_with("http://") || value.starts_with("https://"))) continue;
      if (auto admitted = allow_->admits_url(value); !admitted)
        return Error{Errc::refused, spec_.url + " redirects out of the allow-list: " + admitted.error().what,
                     "write the address that really serves into `url:`, and its block into `allow:` if it may be loaded and broken"};
    }
    return ok();
  }

  TargetSpec spec_;
  Result<AllowList> allow_;
};

}  // namespace

TargetEntry external_target() {
  // No abilities: the channels of a run are new ones on a free port, which a platform that runs already cannot know. Slowing them
  // down would be seen by the probe and by nobody else.
  return {"external", "a platform that runs already: its address is all we know, we never start or stop it", {},
          [](const TargetSpec& spec, const TargetSetup&) -> std::unique_ptr<Target> { return std::make_unique<ExternalTarget>(spec); },
          {}};
}

}  // namespace cardstorm
