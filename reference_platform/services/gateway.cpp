// gateway: the one address of the hardened variant. A table says which role a path belongs to and how important it is;
// a limiter lets in as much as the machine bears, the important first; each role has its own limit of requests in
// flight, so that a slow one takes no workers from the others.
#include <algorithm>
#include <memory>
#include <stdexcept>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/gateway_admin.hpp"
#include "reference_platform/services/gateway_routes.hpp"
#include "reference_platform/services/limiter.hpp"
#include "reference_platform/services/roles.hpp"
#include "reference_platform/services/stale_orders.hpp"
#include "reference_platform/services/upstream.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Bug;
using domain::Trait;
using edge::Request;
using edge::Response;

constexpr int kGatewayWorkers = 112;  // more than the limiter ever lets in, so that there is always one to refuse
constexpr auto kHealthEvery = 200ms;
constexpr auto kSlowRefusal = 500ms;  // a refusal that took so long says as much as an answer
constexpr int kCreatesAtOnce = 32, kNaiveLimit = 2000;

Response refused(const char* code, const std::string& message) {
  Response r = error_answer(429, code, message);
  r.headers.emplace_back("Retry-After", "1");
  return r;
}

/// What stays between the buyer and us, and what edge::call says by itself.
bool ours(const std::string& name) {
  static constexpr const char* kNames[] = {
      "host",        "connection",      "content-length", "transfer-encoding", "expect",          "te",
      "trailer",     "upgrade",         "keep-alive",     "proxy-connection",  "accept-encoding", "x-deadline-ms",
      "traceparent", "x-cardstorm-mark"};
  return std::any_of(std::begin(kNames), std::end(kNames), [&name](const char* n) { return name == n; });
}

/// What goes on to the backend. A create without a key gets one here, so that it may be sent twice.
edge::Headers headers_of(const Request& r) {
  edge::Headers out;
  for (const auto& h : r.headers) {
    if (!h.second.empty() && !ours(h.first)) out.push_back(h);
  }
  if (r.method == "POST" && r.header("idempotency-key").empty()) out.emplace_back("idempotency-key", random_id());
  return out;
}

/// A place in the limiter, given back whatever happens.
struct Admission {
  Limiter& limiter;
  const Priority priority;
  const std::chrono::steady_clock::time_point began;
  bool served = false;
  ~Admission() {
    const auto now = std::chrono::steady_clock::now();
    limiter.leave(priority, now - began, served || now - began > kSlowRefusal, now);
  }
};

/// A bulk order counts for several.
int weight_of(const Request& r) {
  const auto body = domain::Json::parse(r.body);
  return 1 + static_cast<int>(std::clamp<std::int64_t>(body ? (*body)["quantity"].integer() : 0, 0, 500) / 100);
}

class Gateway {
 public:
  explicit Gateway(const ops::NodeConfig& config)
      : switches_(config.switches),
        naive_(option(config, "limit_per_s", kNaiveLimit)),
        catalog_("catalog"),
        order_("order"),
        payment_("payment"),
        delivery_("delivery"),
        selling_("selling"),
        inventory_("inventory"),
        to_catalog_("catalog", catalog_, {32, 2000ms, 300ms}),
        to_order_("order", order_, {32, 2000ms, 300ms}),
        to_payment_("payment", payment_, {8, 4000ms, 300ms}),
        to_delivery_("delivery", delivery_, {4, 4000ms, 300ms}),
        to_audit_("order (audit)", order_, {2, 20000ms, 10000ms}),
        to_selling_("selling", selling_, {8, 2000ms, 300ms}) {
    for (Fleet* fleet : fleets()) fill(*fleet, config);
    health_ = std::make_unique<Loop>("health", kHealthEvery, [this] {
      for (Fleet* fleet : fleets()) fleet->check_health();
      return false;
    });
  }

  Response handle(const Request& r) {
    const Route* route = route_for(r.method, r.path);
    if (route == nullptr) return error_answer(404, "not_found");
    Upstream& backend = upstream(route->backend);
    const Response answer = limited(*route, backend, r);
    metrics_.add("gateway_requests_total{backend=\"" + backend.name() + "\",status=\"" + std::to_string(answer.status) +
                 "\"}");
    return answer;
  }
  Response admin(const Request& r) { return fleet_admin(fleets(), r); }
  [[nodiscard]] std::string not_ready() const { return order_.healthy() > 0 ? "" : "no order instance can serve"; }
  [[nodiscard]] std::string metrics() {
    metrics_.set("limiter_limit", limiter_.limit());
    metrics_.set("limiter_inflight", limiter_.in_flight());
    return metrics_.text();
  }

 private:
  [[nodiscard]] std::vector<Fleet*> fleets() {
    return {&catalog_, &order_, &payment_, &delivery_, &selling_, &inventory_};
  }

  /// peers["order"], peers["order@v2"], options["canary.order"] = "v2=10".
  static void fill(Fleet& fleet, const ops::NodeConfig& config) {
    std::vector<Fleet::Member> members;
    for (const auto& [role, urls] : config.peers) {
      const auto at = role.find('@');
      if (role.substr(0, at) != fleet.role()) continue;
      for (const auto& url : urls) members.push_back({url, at == std::string::npos ? "" : role.substr(at + 1)});
    }
    fleet.assign(members);
    const auto option = config.options.find("canary." + fleet.role());
    if (option == config.options.end()) return;
    std::string version;
    int percent = 0;
    if (!read_canary(option->second, version, percent))
      throw std::runtime_error("canary." + fleet.role() + ": wanted a version and a percentage, as in v2=10, not '" +
                               option->second + "'");
    fleet.set_canary(version, percent);
  }

  Upstream& upstream(Backend backend) {
    switch (backend) {
      case Backend::catalog:
        return to_catalog_;
      case Backend::order:
        return to_order_;
      case Backend::payment:
        return to_payment_;
      case Backend::delivery:
        return to_delivery_;
      case Backend::selling:
        return to_selling_;
      default:
        return to_audit_;
    }
  }

  Response limited(const Route& route, Upstream& backend, const Request& r) {
    if (switches_.on(Trait::A09))
      return naive_.enter(std::chrono::steady_clock::now()) ? fair(route, backend, r)
                                                            : shed(route, "too many requests this second");
    if (switches_.on(Trait::A10)) return fair(route, backend, r);
    if (!limiter_.enter(route.priority)) return shed(route, "the shop is full, what is more important goes first");
    Admission admission{limiter_, route.priority, r.arrived};
    Response answer = fair(route, backend, r);
    admission.served = answer.status < 429;
    return answer;
  }

  Response shed(const Route& route, const char* why) {
    metrics_.add(std::string("limiter_rejected_total{class=\"") + priority_name(route.priority) + "\"}");
    return refused("overloaded", why);
  }

  Response fair(const Route& route, Upstream& backend, const Request& r) {
    const std::string& buyer = r.header(r.header("x-session").empty() ? "x-buyer" : "x-session");
    if (route.priority != Priority::create || buyer.empty()) return forward(backend, r);
    const int weight = weight_of(r);
    if (!shares_.enter(buyer, weight)) {
      metrics_.add("limiter_rejected_total{class=\"buyer\"}");
      return refused("too_many", "others are waiting: one order after the other");
    }
    Response answer = forward(backend, r);
    shares_.leave(buyer, weight);
    return answer;
  }

  Response forward(Upstream& backend, const Request& r) {
    // How long it may take is said by us, per role: a buyer who allows a millisecond must not make an instance look
    // dead.
    observe::Context context = observe::current();
    context.deadline.reset();
    const observe::Scope scope(std::move(context));
    if (switches_.on(Bug::B23) && &backend == &to_order_)
      return stale_.answer(r, [&] { return backend.send(r, headers_of(r)); });
    return backend.send(r, headers_of(r));
  }

  const domain::Switches switches_;
  Metrics metrics_;
  Limiter limiter_;
  FixedWindow naive_;
  FairShare shares_{kCreatesAtOnce};
  StaleOrders stale_;
  Fleet catalog_, order_, payment_, delivery_, selling_,
      inventory_;  // nobody outside asks inventory: only its list is kept
  Upstream to_catalog_, to_order_, to_payment_, to_delivery_, to_audit_, to_selling_;
  std::unique_ptr<Loop> health_;  // last: ends first
};

}  // namespace

ops::Service make_gateway(const ops::NodeConfig& config) {
  auto gateway = std::make_shared<Gateway>(config);
  const bool unbounded = config.switches.on(Trait::A10);
  ops::Service service;
  service.server.port = config.port;
  service.server.threads = kGatewayWorkers;
  service.server.queue_max = unbounded ? 0 : 300;
  service.server.queue_age_max = unbounded ? 0ms : 1000ms;
  service.business = [gateway](const Request& r) { return gateway->handle(r); };
  service.admin = [gateway](const Request& r) { return gateway->admin(r); };
  service.not_ready = [gateway] { return gateway->not_ready(); };
  service.metrics = [gateway] { return gateway->metrics(); };
  service.stop = [] {};
  return service;
}

}  // namespace platform::services
