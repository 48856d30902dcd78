// telemetry: see telemetry.hpp.
#include "reference_platform/ops/telemetry.hpp"

#include <cstdlib>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/observe/log.hpp"
#include "reference_platform/observe/metrics.hpp"
#include "reference_platform/observe/spans.hpp"

namespace platform::ops {
namespace {

double seconds(std::chrono::steady_clock::duration d) { return std::chrono::duration<double>(d).count(); }

/// "http://127.0.0.1:8080/x?y" → "127.0.0.1:8080".
std::string_view host_of(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?"));
}

std::string_view path_of(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  const auto slash = url.find('/');
  return slash == std::string_view::npos ? "/" : url.substr(slash, url.find('?', slash) - slash);
}

/// The monitoring does not count itself.
bool watching(std::string_view path) {
  return path == "/internal/ready" || path == "/ready" || path == "/health" || path == "/metrics";
}

/// OpenTelemetry: 5xx is a server's error; every 4xx and 5xx, and no answer, a client's.
bool failed(const edge::Observed& o, bool server) { return o.status == 0 || o.status >= (server ? 500 : 400); }

void span_of(const edge::Observed& o, const std::string& route, bool server) {
  if (!observe::kept(o.context, failed(o, server), o.took)) return;
  observe::SpanRecord span;
  span.name = std::string(o.method) + " " + route;
  span.kind = server ? observe::SpanKind::server : observe::SpanKind::client;
  span.context = o.context;
  span.parent_span = o.parent_span;
  span.took = o.took;
  span.began = std::chrono::system_clock::now() - std::chrono::duration_cast<std::chrono::system_clock::duration>(
                                                      std::chrono::steady_clock::now() - o.began);
  span.attributes = {{"http.request.method", std::string(o.method), false},
                     {server ? "http.route" : "url.template", route, false}};
  if (!server) span.attributes.push_back({"server.address", std::string(host_of(o.target)), false});
  if (o.status != 0) span.attributes.push_back({"http.response.status_code", std::to_string(o.status), true});
  if (failed(o, server)) span.error = o.status == 0 ? "no answer" : std::to_string(o.status);
  observe::record(span);
}

class EdgeObserver final : public edge::Observer {
 public:
  void on_request(const edge::Observed& o) override {
    if (o.name == "admin" || watching(o.target)) return;
    const std::string route = observe::route_of(std::string(o.target.substr(0, o.target.find('?'))));
    observe::server_request(std::string(o.method), route, o.status, seconds(o.took));
    span_of(o, route, true);
  }
  void on_call(const edge::Observed& o) override {
    if (watching(path_of(o.target))) return;
    observe::client_request(std::string(host_of(o.target)), std::string(o.method), o.status, seconds(o.took));
    span_of(o, observe::target_of(std::string(path_of(o.target))), false);
  }
};

std::string option(const NodeConfig& config, const char* name) {
  const auto found = config.options.find(name);
  return found == config.options.end() ? "" : found->second;
}

EdgeObserver& the_observer() {
  static EdgeObserver o;
  return o;
}

}  // namespace

void start_telemetry(const NodeConfig& config) {
  observe::SpanOptions o;
  o.service = config.role;
  o.instance = config.name;
  o.file = option(config, "spans_file");
  o.endpoint = option(config, "otlp_url");
  if (const std::string share = option(config, "span_share"); !share.empty())
    o.share = std::strtod(share.c_str(), nullptr);
  if (!o.file.empty() || !o.endpoint.empty()) observe::start_spans(o);
  edge::set_observer(&the_observer());
  observe::name_log(config.name);
  // There from the start: a rate over a series that is not there is no 0.
  observe::process_metrics().add("db_client_connection_timeouts_total", 0);
}

}  // namespace platform::ops
