// selling: the node where other shops buy; see selling.hpp.
#include "reference_platform/services/selling.hpp"

#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "reference_platform/domain/trade.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/roles.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Json;
using domain::JsonObject;
using edge::Request;
using edge::Response;

constexpr int kSellingWorkers = 8, kSellingPoolSize = 2;
constexpr int kTellers = 6, kTellersEach = 2;  // of callbacks, per database; and of those for one merchant

/// Tells merchants of their orders. One who takes his time over an answer keeps two workers, and those of the other
/// merchants are told meanwhile.
class Callbacks {
 public:
  Callbacks(SellingDesk& desk, store::Pool& pool)
      : desk_(desk),
        pool_(pool),
        workers_("callback", kTellers),
        loop_("callbacks", 200ms, [this] { return round(); }) {}

 private:
  bool round() {
    const int free = workers_.free();
    if (free == 0) return false;
    std::vector<std::string> busy;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [app_id, count] : told_now_) busy.push_back(app_id);
    }
    const auto due = desk_.due(pool_, busy, kTellersEach, free);
    for (const auto& d : due) start(d);
    return !due.empty();
  }

  void start(const SellingDesk::Due& d) {
    const std::string app_id = d.merchant.app_id;
    {
      const std::lock_guard lock(mutex_);
      ++told_now_[app_id];
    }
    const auto ended = std::shared_ptr<void>(nullptr, [this, app_id](void*) {  // however it ends
      const std::lock_guard lock(mutex_);
      if (--told_now_[app_id] == 0) told_now_.erase(app_id);
    });
    workers_.submit([this, d, ended] { tell_callback(desk_, pool_, d); });
  }

  SellingDesk& desk_;
  store::Pool& pool_;
  std::mutex mutex_;
  std::map<std::string, int> told_now_;  // by app_id
  Workers workers_;
  Loop loop_;  // last: ends first
};

class Selling {
 public:
  explicit Selling(const ops::NodeConfig& config)
      : config_(config),
        callback_prefix_(config.options.contains("callback_prefix") ? config.options.at("callback_prefix")
                                                                    : "http://127.0.0.1:"),
        shards_(config.database_urls, config.shadow_urls, {"", kSellingPoolSize, 1000ms, 2000ms}),
        desk_(config_, shards_) {
    for (const auto& each : shards_.each()) callbacks_.emplace_back(desk_, *each.pool);
  }

  Response handle(const Request& r) {
    const Response answer = route(r);
    metrics_.add("merchant_requests_total{status=\"" + std::to_string(answer.status) + "\"}");
    return answer;
  }
  store::Shards& shards() { return shards_; }
  [[nodiscard]] std::string metrics() const { return metrics_.text(); }

 private:
  Response route(const Request& r) {
    if (r.path.starts_with("/shared/")) return sharedstock_answer(desk_, r);
    if (r.path.starts_with("/api/v1/upstream/")) return upstream_answer(desk_, callback_prefix_, r);
    if (r.method == "POST" && r.path == "/operator/merchants") return make_merchant(r);
    return error_answer(404, "not_found");
  }

  /// On this node's own address only; the gateway leads no one here.
  Response make_merchant(const Request& r) {
    const auto body = Json::parse(r.body);
    if (!body || !domain::valid_buyer((*body)["app_id"].text()) || !domain::valid_buyer((*body)["account"].text())) {
      return error_answer(400, "bad_merchant", "app_id and account: up to 32 letters, digits, dashes");
    }
    const auto m = desk_.make_merchant(r, (*body)["app_id"].text(), (*body)["account"].text());
    if (!m) return error_answer(409, "taken", "this app_id belongs to another account");
    return json_answer(
        200, JsonObject().add("app_id", m->app_id).add("secret", m->secret).add("account", m->account).done());
  }

  const ops::NodeConfig config_;
  const std::string
      callback_prefix_;  // where callbacks may go: a merchant must not make us call what it cannot reach itself
  Metrics metrics_;
  store::Shards shards_;
  SellingDesk desk_;
  std::deque<Callbacks> callbacks_;  // last: end first
};

}  // namespace

ops::Service make_selling(const ops::NodeConfig& config) {
  return backend_service(config, kSellingWorkers, std::make_shared<Selling>(config));
}

}  // namespace platform::services
