// node: the frame around a service: business server, admin server on its own threads, and an orderly end.
#include "reference_platform/ops/node.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "reference_platform/observe/log.hpp"
#include "reference_platform/observe/metrics.hpp"
#include "reference_platform/observe/spans.hpp"
#include "reference_platform/ops/signals.hpp"
#include "reference_platform/ops/telemetry.hpp"

namespace platform::ops {
namespace {

namespace json = boost::json;

constexpr int kDrainSeconds = 4;  // then the process ends whatever still runs
constexpr std::int64_t kLeaseMax = 10 * 60 * 1000;
constexpr int kAskingMax = 2;  // A13: questions to the business workers at a time, and how long one waits
constexpr std::chrono::milliseconds kAskLimit{2000};
constexpr const char* kMetricsType = "text/plain; version=0.0.4";

edge::Response answer(int status, const json::object& body) {
  return {status, json::serialize(body), "application/json", {}};
}
edge::Response error(int status, const char* code, const std::string& message) {
  return answer(status, {{"error", code}, {"message", message}});
}

class Admin {
 public:
  Admin(const NodeConfig& config, const Service& service, const edge::Server& business)
      : config_(config), service_(service), business_(business) {}

  edge::Response handle(const edge::Request& r) {
    return service_.watched_by_workers && watches(r) ? ask_workers(r.path) : handle_here(r);
  }
  static bool watches(const edge::Request& r) {
    return r.method == "GET" && (r.path == "/health" || r.path == "/ready" || r.path == "/metrics");
  }
  edge::Response handle_here(const edge::Request& r) {
    const bool get = r.method == "GET";
    if (get && r.path == "/health") return answer(200, {{"node", config_.name}});
    if (get && r.path == "/ready") return ready();
    if (get && r.path == "/metrics") return {200, metrics(), kMetricsType, {}};
    if (get && r.path == "/admin/pool" && service_.pool != nullptr) return pool();
    if (r.method == "POST" && r.path == "/admin/pool/hold" && service_.pool != nullptr) return hold(r.body);
    if (service_.admin && r.path.starts_with("/admin/")) return service_.admin(r);
    return error(404, "not_found", config_.name + " has no " + r.method + " " + r.path);
  }
  void drain() { draining_ = true; }

 private:
  // Through the queue, like every buyer. A few at a time: the pool's calls keep a thread.
  edge::Response ask_workers(const std::string& path) {
    edge::CallResult answer;
    if (asking_.fetch_add(1) < kAskingMax)
      answer = edge::call("GET", "http://127.0.0.1:" + std::to_string(business_.port()) + path, "", {},
                          {kAskLimit, kAskLimit});
    asking_.fetch_sub(1);
    if (answer.status == 0) return error(503, "no_answer", "the business workers do not answer");
    return {answer.status, answer.body, path == "/metrics" ? kMetricsType : "application/json", {}};
  }
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
    if (ms == nullptr || *ms < 0 || *ms > kLeaseMax)
      return error(400, "bad_lease", R"(wanted {"lease_ms": 0 to 600000})");
    service_.pool->hold(std::chrono::milliseconds(*ms));
    return pool();
  }
  std::string metrics() const {
    auto& mine = observe::process_metrics();
    mine.set("http_server_active_requests", business_.busy());
    mine.set("platform_requests_queued", static_cast<double>(business_.queued()));
    mine.set("platform_workers_busy", business_.busy());
    mine.raise("platform_log_lines_dropped_total", static_cast<double>(observe::log_dropped()));
    mine.raise("platform_spans_dropped_total", static_cast<double>(observe::spans_dropped()));
    if (service_.pool != nullptr) {
      const auto s = service_.pool->state();
      mine.set("db_client_connection_count{state=\"idle\"}", s.idle);
      mine.set("db_client_connection_count{state=\"held\"}", s.held);
      mine.set("db_client_connection_count{state=\"used\"}", s.used);
      mine.set("db_client_connection_max", s.max);
      mine.set("db_client_connection_pending_requests", s.waiting);
    }
    observe::measure_process(mine);
    return (service_.metrics ? service_.metrics() : "") + mine.text();
  }

  const NodeConfig& config_;
  const Service& service_;
  const edge::Server& business_;
  std::atomic<bool> draining_{false};
  std::atomic<int> asking_{0};
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
  while (::poll(wait, 2, -1) <= 0) {
  }
}

/// What is here already is served; who still sends after a second is turned away.
void finish(const edge::Server& business) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while ((business.queued() > 0 || business.busy() > 0) && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

}  // namespace

int run_node(const NodeConfig& config, const Service& service) {
  const StopSignals signals;
  raise_file_limit();
  try {
    start_telemetry(config);
    auto options = service.server;
    options.port = config.port;
    std::atomic<Admin*> watched{nullptr};
    auto business = edge::serve(
        options, !service.watched_by_workers ? service.business : [&](const edge::Request& r) {
          Admin* const a = watched;
          return a != nullptr && Admin::watches(r) ? a->handle_here(r) : service.business(r);
        });
    Admin admin(config, service, *business);
    edge::ServerOptions admin_options;
    admin_options.name = "admin";
    admin_options.port = config.admin_port;
    admin_options.threads = 2 + (service.watched_by_workers ? kAskingMax : 0);
    admin_options.queue_max = 64;
    auto admin_server = edge::serve(admin_options, [&admin](const edge::Request& r) { return admin.handle(r); });
    watched = &admin;

    wait_for_end(signals, config);
    ::alarm(static_cast<unsigned>(option(
        config, "drain_s", kDrainSeconds)));  // a handler that never returns must not keep the node: SIGALRM ends it
    admin.drain();
    finish(*business);
    admin_server.reset();  // it looks at the business server
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
