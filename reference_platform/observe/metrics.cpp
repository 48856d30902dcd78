// metrics: see metrics.hpp. The platform's door of prometheus-cpp. Family::Add costs more than all else, so a series is
// made once and kept.
#include "reference_platform/observe/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cassert>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <unordered_map>

#include "reference_platform/observe/families.hpp"
#include "reference_platform/observe/log.hpp"

namespace platform::observe {
namespace {

constexpr std::size_t kSeriesMax = 2000;  // per process and kind: beyond it new series are not made
constexpr double kSlowQuerySeconds = 0.2;

using Buckets = prometheus::Histogram::BucketBoundaries;

/// As the semantic conventions say for HTTP and for databases; a trade may take minutes.
const Buckets& buckets_of(std::string_view family) {
  static const Buckets http{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10},
      database{.001, .005, .01, .05, .1, .5, 1, 5, 10}, trade{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300};
  return family.starts_with("db_") ? database : family.starts_with("trade_") ? trade : http;
}

/// name{a="x",b="y"} taken apart.
struct Name {
  std::string family;
  prometheus::Labels labels;
};

Name parse(const std::string& full) {
  Name out;
  const auto brace = full.find('{');
  out.family = full.substr(0, brace);
  for (std::size_t at = brace; at != std::string::npos && full[at] != '}';) {
    const auto equals = full.find("=\"", at + 1);
    if (equals == std::string::npos) break;
    const auto end = full.find('"', equals + 2);
    if (end == std::string::npos) break;
    out.labels[full.substr(at + 1, equals - at - 1)] = full.substr(equals + 2, end - equals - 2);
    at = end + 1;
  }
  return out;
}

/// A label's value as the full name can carry it.
std::string clean(std::string text) {
  if (text.size() > 64) text.resize(64);
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c == '"' || c == '\\' || c < 0x20 || c > 0x7e; }, '_');
  return text;
}

template <typename Metric>
using Series = std::unordered_map<std::string, Metric*>;

template <typename Metric>
Metric* find(const Series<Metric>& series, const std::string& name) {
  const auto it = series.find(name);
  return it == series.end() ? nullptr : it->second;
}

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  mutable std::mutex mutex;  // of the maps; the metrics themselves bear several threads
  Series<prometheus::Counter> counters;
  Series<prometheus::Gauge> gauges;
  Series<prometheus::Histogram> histograms;

  /// nullptr when there are too many.
  template <typename Metric, typename Make>
  Metric* series(Series<Metric>& all, const std::string& name, Make make) {
    const std::lock_guard lock(mutex);
    if (Metric* known = find(all, name)) return known;
    if (all.size() >= kSeriesMax) return nullptr;
    try {
      return all.emplace(name, make(parse(name))).first->second;
    } catch (const std::invalid_argument&) {  // no name for Prometheus, or of another kind already
      assert(false && "not a metric's name");
      return nullptr;
    }
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::add(const std::string& name, double by) {
  auto* c = impl_->series(impl_->counters, name, [this](const Name& n) {
    return &prometheus::BuildCounter().Name(n.family).Help(help_of(n.family)).Register(impl_->registry).Add(n.labels);
  });
  if (c != nullptr) c->Increment(by);
}

void Metrics::raise(const std::string& name, double value) {
  add(name, 0);
  const std::lock_guard lock(impl_->mutex);
  if (auto* c = find(impl_->counters, name)) c->Increment(std::max(0.0, value - c->Value()));
}

void Metrics::set(const std::string& name, double value) {
  auto* g = impl_->series(impl_->gauges, name, [this](const Name& n) {
    return &prometheus::BuildGauge().Name(n.family).Help(help_of(n.family)).Register(impl_->registry).Add(n.labels);
  });
  if (g != nullptr) g->Set(value);
}

void Metrics::observe(const std::string& name, double seconds) {
  auto* h = impl_->series(impl_->histograms, name, [this](const Name& n) {
    return &prometheus::BuildHistogram()
                .Name(n.family)
                .Help(help_of(n.family))
                .Register(impl_->registry)
                .Add(n.labels, buckets_of(n.family));
  });
  if (h != nullptr) h->Observe(seconds);
}

std::string Metrics::text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, impl_->registry.Collect());
  return out.str();
}

Metrics& process_metrics() {
  static Metrics metrics;
  return metrics;
}

// What was not found was named by whoever asked: it must not become a series.
void server_request(const std::string& method, const std::string& route, int status, double seconds) {
  static constexpr std::string_view kMethods[] = {"GET",     "POST",  "PUT",   "DELETE", "HEAD",
                                                  "OPTIONS", "PATCH", "TRACE", "CONNECT"};
  const bool known = std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
  process_metrics().observe("http_server_request_duration_seconds{http_request_method=\"" +
                                (known ? method : "_OTHER") + "\",http_route=\"" +
                                (status == 404 ? "{unknown}" : clean(route)) + "\",http_response_status_code=\"" +
                                std::to_string(status) + "\"}",
                            seconds);
}

void client_request(const std::string& peer, const std::string& method, int status, double seconds) {
  const auto colon = peer.rfind(':');
  process_metrics().observe("http_client_request_duration_seconds{server_address=\"" + clean(peer.substr(0, colon)) +
                                "\",server_port=\"" + clean(colon == std::string::npos ? "" : peer.substr(colon + 1)) +
                                "\",http_request_method=\"" + clean(method) +
                                (status == 0 ? std::string("\",error_type=\"no_answer")
                                             : "\",http_response_status_code=\"" + std::to_string(status)) +
                                "\"}",
                            seconds);
}

void query(const std::string& summary, double seconds, bool good) {
  process_metrics().observe("db_client_operation_duration_seconds{db_query_summary=\"" + clean(summary) + "\"" +
                                (good ? "" : ",error_type=\"sql\"") + "}",
                            seconds);
  if (seconds < kSlowQuerySeconds) return;
  process_metrics().add("db_client_slow_queries_total{db_query_summary=\"" + clean(summary) + "\"}");
  slow_query(summary, seconds);
}

void pool_wait(double seconds, bool got) {
  process_metrics().observe("db_client_connection_wait_time_seconds", seconds);
  if (!got) process_metrics().add("db_client_connection_timeouts_total");
}

}  // namespace platform::observe
