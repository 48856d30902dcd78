// overview: see overview.hpp.
#include "reference_platform/ops/overview.hpp"

#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <future>
#include <map>
#include <string_view>
#include <utility>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/ops/version.hpp"

namespace platform::ops {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr edge::CallOptions kAsk{100ms, 300ms};
constexpr std::size_t kMetricsMax = 200;

json::value parsed(const std::string& text) {
  json::error_code error;
  auto value = json::parse(text, error);
  return error ? json::value(nullptr) : value;
}

/// Whole numbers without an exponent, which Boost.JSON would print.
json::value number(double v) {
  constexpr double kExact = 9007199254740992;  // 2^53
  if (std::trunc(v) == v && std::abs(v) < kExact) return static_cast<std::int64_t>(v);
  return v;
}

std::string label_of(std::string_view series, const std::string& name) {
  const auto at = series.find(name + "=\"");
  if (at == std::string_view::npos) return "";
  const auto from = at + name.size() + 2;
  return std::string(series.substr(from, series.find('"', from) - from));
}

/// Calls `each` with the series and the value of every line that is one.
template <typename Each>
void each_series(std::string_view text, Each each) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto space = line.rfind(' ');
    if (line.empty() || line[0] == '#' || space == std::string_view::npos) continue;
    each(line.substr(0, space), std::strtod(std::string(line.substr(space + 1)).c_str(), nullptr));
  }
}

/// How long it took to serve, all routes together (upper bound in seconds, null for any, and how many up to it), and
/// how many got which status.
json::value served_of(const std::string& text) {
  constexpr std::string_view kServed = "http_server_request_duration_seconds";
  std::map<double, double> buckets;
  json::object status;
  each_series(text, [&](std::string_view series, double value) {
    if (series.starts_with(std::string(kServed) + "_bucket{"))
      buckets[std::strtod(label_of(series, "le").c_str(), nullptr)] += value;
    if (!series.starts_with(std::string(kServed) + "_count{")) return;
    auto& all = status[label_of(series, "http_response_status_code")];
    all = static_cast<std::int64_t>(value) + (all.is_int64() ? all.as_int64() : 0);
  });
  if (buckets.empty()) return nullptr;
  json::array bounds;
  for (const auto& [bound, count] : buckets)
    bounds.push_back(json::array{std::isfinite(bound) ? json::value(bound) : json::value(nullptr), number(count)});
  return json::object{{"buckets", std::move(bounds)}, {"status", std::move(status)}};
}

json::object look_at(const NodeSeen& node) {
  json::object out{{"name", node.name}, {"role", node.role},        {"alive", node.alive},       {"ready", false},
                   {"reason", ""},      {"pid", node.pid},          {"restarts", node.restarts}, {"pool", nullptr},
                   {"served", nullptr}, {"metrics", json::object()}};
  if (!node.alive) return out;
  const auto ready = edge::call("GET", node.admin_url + "/ready", "", {}, kAsk);
  out["ready"] = ready.status == 200;
  if (ready.status != 200) {
    const auto said = parsed(ready.body);
    const auto* reason = said.is_object() ? said.as_object().if_contains("reason") : nullptr;
    out["reason"] = reason != nullptr && reason->is_string() ? reason->as_string() : json::string("does not answer");
  }
  if (const auto pool = edge::call("GET", node.admin_url + "/admin/pool", "", {}, kAsk); pool.status == 200)
    out["pool"] = parsed(pool.body);
  const std::string text = edge::call("GET", node.admin_url + "/metrics", "", {}, kAsk).body;
  out["served"] = served_of(text);
  json::object metrics;
  for (const auto& [name, value] : plain_metrics(text, kMetricsMax)) metrics[name] = number(value);
  out["metrics"] = std::move(metrics);
  return out;
}

}  // namespace

std::vector<std::pair<std::string, double>> plain_metrics(const std::string& text, std::size_t max) {
  std::vector<std::pair<std::string, double>> out;
  each_series(text, [&](std::string_view series, double value) {
    const std::string_view family = series.substr(0, series.find('{'));
    if (out.size() >= max || family.ends_with("_bucket") || family.ends_with("_sum") || family.ends_with("_count") ||
        !std::isfinite(value))
      return;
    out.emplace_back(series, value);
  });
  return out;
}

std::string overview_json(const std::string& variant, const std::vector<NodeSeen>& nodes) {
  std::vector<std::future<json::object>> looks;
  looks.reserve(nodes.size());
  for (const NodeSeen& node : nodes) looks.push_back(std::async(std::launch::async, [&node] { return look_at(node); }));
  json::array seen;
  for (auto& look : looks) seen.push_back(look.get());
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  return json::serialize(
      json::object{{"at_ms", now}, {"variant", variant}, {"version", build_version()}, {"nodes", seen}});
}

}  // namespace platform::ops
