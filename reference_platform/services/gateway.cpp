// gateway: the one address of the hardened variant. Each path belongs to one backend; each backend has its own limit of requests in
// flight, so that a slow one takes no workers from the others.
#include <memory>

#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/roles.hpp"
#include "reference_platform/services/upstream.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using edge::Request;
using edge::Response;

constexpr int kWorkers = 40;   // more than all limits below together, so that none can starve another
constexpr auto kHealthEvery = 200ms;

std::vector<std::string> urls_of(const ops::NodeConfig& config, const std::string& role) {
  const auto it = config.peers.find(role);
  return it == config.peers.end() ? std::vector<std::string>() : it->second;
}

class Gateway {
 public:
  explicit Gateway(const ops::NodeConfig& config)
      : catalog_("catalog", urls_of(config, "catalog"), {8, 2000ms, 300ms}), order_("order", urls_of(config, "order"), {16, 2000ms, 300ms}),
        payment_("payment", urls_of(config, "payment"), {8, 4000ms, 300ms}), delivery_("delivery", urls_of(config, "delivery"), {4, 4000ms, 300ms}),
        audit_("order (audit)", urls_of(config, "order"), {2, 20000ms, 10000ms}), health_("health", kHealthEvery, [this] { return look_around(); }) {}

  Response handle(const Request& r) {
    Upstream* backend = backend_of(r);
    if (backend == nullptr) return error_answer(404, "not_found");
    const Response answer = backend->send(r, headers_of(r));
    metrics_.add("gateway_requests_total{backend=\"" + backend->name() + "\",status=\"" + std::to_string(answer.status) + "\"}");
    return answer;
  }
  [[nodiscard]] std::string not_ready() const { return order_.healthy() > 0 ? "" : "no order instance can serve"; }
  [[nodiscard]] std::string metrics() const { return metrics_.text(); }

 private:
  Upstream* backend_of(const Request& r) {
    const auto parts = path_parts(r.path);
    const std::string head = parts.empty() ? "" : parts[0];
    if (head == "goods") return &catalog_;
    if (head == "orders" || head == "wallet") return &order_;
    if (head == "audit") return &audit_;
    if (head == "notify" && parts.size() == 2) return parts[1] == "topup" ? &delivery_ : &payment_;
    return nullptr;
  }

  /// What goes on to the backend. A create without a key gets one here, so that it may be sent twice.
  static edge::Headers headers_of(const Request& r) {
    edge::Headers out;
    for (const char* name : {"x-buyer", "x-cardstorm-mark", "x-request-id", "x-timestamp", "x-sign", "idempotency-key", "content-type"}) {
      if (const std::string& value = r.header(name); !value.empty()) out.emplace_back(name, value);
    }
    if (r.method == "POST" && r.header("idempotency-key").empty()) out.emplace_back("idempotency-key", random_id());
    return out;
  }

  bool look_around() {
    order_.check_health();
    audit_.check_health();
    return false;
  }

  Metrics metrics_;
  Upstream catalog_, order_, payment_, delivery_, audit_;
  Loop health_;   // last: ends first
};

}  // namespace

ops::Service make_gateway(const ops::NodeConfig& config) {
  auto gateway = std::make_shared<Gateway>(config);
  ops::Service service;
  service.server.port = config.port;
  service.server.threads = kWorkers;
  service.server.queue_max = 300;
  service.server.queue_age_max = 1000ms;
  service.business = [gateway](const Request& r) { return gateway->handle(r); };
  service.not_ready = [gateway] { return gateway->not_ready(); };
  service.metrics = [gateway] { return gateway->metrics(); };
  service.stop = [] {};
  return service;
}

}  // namespace platform::services
