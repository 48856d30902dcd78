// node: the frame around a service: business server, admin server on its own threads, and an orderly end.
#include "reference_platform/ops/node.hpp"

#include <atomic>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "reference_platform/ops/signals.hpp"

namespace platform::ops {
namespace {

namespace json = boost::json;

constexpr int kDrainSeconds = 4;                // then the process ends whatever still runs
constexpr std::int64_t kLeaseMax = 10 * 60 * 1000;

edge::Response answer(int status, const json::object& body) { return {status, json::serialize(body), "application/json", {}}; }
edge::Response error(int status, const char* code, const std::string& message) {
  return answer(status, {{"error", code}, {"message", message}});
}

class Admin {
 public:
  Admin(const NodeConfig& config, const Service& service, const edge::Server& business)
      : config_(config), service_(service), business_(business) {}

  edge::Response handle(const edge::Request& r) {
    const bool get = r.method == "GET";
    if (get && r.path == "/health") return answer(200, {{"node", config_.name}});
    if (get && r.path == "/ready") return ready();
    if (get && r.path == "/metrics") return {200, metrics(), "text/plain; version=0.0.4", {}};
    if (get && r.path == "/admin/pool" && service_.pool != nullptr) return pool();
    if (r.method == "POST" && r.path == "/admin/pool/hold" && service_.pool != nullptr) return hold(r.body);
    return error(404, "not_found", config_.name + " has no " + r.method + " " + r.path);
  }
  void drain() { draining_ = true; }

 private:
  edge::Response ready() const {
    const std::string reason = draining_ ? "the node is stopping" : service_.not_ready ? service_.not_ready() : "";
    if (reason.empty()) return answer(200, {{"ready", true}});
    return answer(503, {{"ready", false}, {"reason", reason}});
  }
  edge::Response pool() const {
    const auto s = service_.pool->state();
    return answer(200, {{"max", s.max}, {"idle", s.idle}, {"held", s.held}, {"used", s.used}, {"waiting", s.waiting}});
  }
  edge::Response hold(const std::string& body) const {
    json::error_code bad;
    const auto value = json::parse(body, bad);
    const auto* lease = !bad && value.is_object() ? value.as_object().if_contains("lease_ms") : nullptr;
    const auto* ms = lease == nullptr ? nullptr : lease->if_int64();
    if (ms == nullptr || *ms < 0 || *ms > kLeaseMax) return error(400, "bad_lease", R"(wanted {"lease_ms": 0 to 600000})");
    service_.pool->hold(std::chrono::milliseconds(*ms));
    return pool();
  }
  std::string metrics() const {
    std::string out = service_.metrics ? service_.metrics() : "";
    const auto gauge = [&out](const char* name, const char* labels, long long value) {
      out.append(name).append(labels).append(" ").append(std::to_string(value)).append("\n");
    };
    out.append("# TYPE platform_requests_queued gauge\n");
    gauge("platform_requests_queued", "", static_cast<long long>(business_.queued()));
    out.append("# TYPE platform_workers_busy gauge\n");
    gauge("platform_workers_busy", "", business_.busy());
    if (service_.pool != nullptr) {
      const auto s = service_.pool->state();
      out.append("# TYPE platform_pool_connections gauge\n");
      gauge("platform_pool_connections", "{state=\"idle\"}", s.idle);
      gauge("platform_pool_connections", "{state=\"held\"}", s.held);
      gauge("platform_pool_connections", "{state=\"used\"}", s.used);
      out.append("# TYPE platform_pool_waiting gauge\n");
      gauge("platform_pool_waiting", "", s.waiting);
    }
    return out;
  }

  const NodeConfig& config_;
  const Service& service_;
  const edge::Server& business_;
  std::atomic<bool> draining_{false};
};

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int option(const NodeConfig& config, const char* name, int otherwise) {
  const auto found = config.options.find(name);
  return found == config.options.end() ? otherwise : std::atoi(found->second.c_str());
}

/// Until SIGTERM or SIGINT, or until the supervisor's end of the pipe is closed.
void wait_for_end(const StopSignals& signals, const NodeConfig& config) {
  // poll ignores a descriptor of -1
  pollfd wait[2] = {{signals.fd(), POLLIN, 0}, {option(config, "supervisor_fd", -1), POLLIN, 0}};
  while (::poll(wait, 2, -1) <= 0) {}
}

}  // namespace

int run_node(const NodeConfig& config, const Service& service) {
  const StopSignals signals;
  raise_file_limit();
  try {
    auto options = service.server;
    options.port = config.port;
    auto business = edge::serve(options, service.business);
    Admin admin(config, service, *business);
    edge::ServerOptions admin_options;
    admin_options.port = config.admin_port;
    admin_options.threads = 2;
    admin_options.queue_max = 64;
    auto admin_server = edge::serve(admin_options, [&admin](const edge::Request& r) { return admin.handle(r); });

    wait_for_end(signals, config);
    ::alarm(static_cast<unsigned>(option(config, "drain_s", kDrainSeconds)));   // a handler that never returns must not keep the node: SIGALRM ends it
    admin.drain();
    admin_server.reset();     // it looks at the business server
    business.reset();
    if (service.stop) service.stop();
    ::alarm(0);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", config.name.c_str(), e.what());
    if (service.stop) service.stop();
    return 4;
  }
  return 0;
}

}  // namespace platform::ops
