// metrics: see metrics.hpp. The platform's door of prometheus-cpp. Family::Add costs more than all else, so a series is made once and kept.
#include "reference_platform/observe/metrics.hpp"

#include <algorithm>
#include <cassert>
#include <cctype>
#include <mutex>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "reference_platform/observe/log.hpp"

namespace platform::observe {
namespace {

constexpr std::size_t kSeriesMax = 2000;   // per process and kind: beyond it new series are not made
constexpr double kSlowQuerySeconds = 0.2;

const prometheus::Histogram::BucketBoundaries kBuckets{.001, .005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10};

/// name{a="x",b="y"} taken apart.
struct Name { std::string family; prometheus::Labels labels; };

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
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c == '"' || c == '\\' || c == '}' || c < 0x20; }, '_');
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
  mutable std::mutex mutex;   // of the maps; the metrics themselves bear several threads
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
    } catch (const std::invalid_argument&) {   // no name for Prometheus, or of another kind already
      assert(false && "not a metric's name");
      return nullptr;
    }
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::add(const std::string& name, double by) {
  auto* c = impl_->series(impl_->counters, name, [this](const Name& n) { return &prometheus::BuildCounter().Name(n.family).Register(impl_->registry).Add(n.labels); });
  if (c != nullptr) c->Increment(by);
}

void Metrics::set(const std::string& name, double value) {
  auto* g = impl_->series(impl_->gauges, name, [this](const Name& n) { return &prometheus::BuildGauge().Name(n.family).Register(impl_->registry).Add(n.labels); });
  if (g != nullptr) g->Set(value);
}

void Metrics::observe(const std::string& name, double seconds) {
  auto* h = impl_->series(impl_->histograms, name, [this](const Name& n) { return &prometheus::BuildHistogram().Name(n.family).Register(impl_->registry).Add(n.labels, kBuckets); });
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
  process_metrics().observe("http_server_request_duration_seconds{http_request_method=\"" + clean(method) + "\",http_route=\"" + (status == 404 ? "{unknown}" : clean(route)) +
                                "\",http_response_status_code=\"" + std::to_string(status) + "\"}", seconds);
}

void client_request(const std::string& peer, const std::string& method, int status, double seconds) {
  process_metrics().observe("http_client_request_duration_seconds{server_address=\"" + clean(peer) + "\",http_request_method=\"" + clean(method) +
                                "\",http_response_status_code=\"" + std::to_string(status) + "\"}", seconds);
}

void query(const std::string& summary, double seconds, bool good) {
  process_metrics().observe("db_client_operation_duration_seconds{db_query_summary=\"" + summary + "\"" + (good ? "" : ",error_type=\"sql\"") + "}", seconds);
  if (seconds < kSlowQuerySeconds) return;
  process_metrics().add("db_client_slow_queries_total{db_query_summary=\"" + summary + "\"}");
  slow_query(summary, seconds);
}

void pool_wait(double seconds, bool got) {
  process_metrics().observe("db_client_connection_wait_time_seconds", seconds);
  if (!got) process_metrics().add("db_client_connection_timeouts_total");
}

std::string route_of(const std::string& path) {
  static constexpr std::string_view kNamed[] = {"orders", "goods", "sessions", "wallets", "coupons", "products"};   // the next part names one of them
  std::string out;
  bool id = false;
  std::size_t parts = 0;
  for (std::size_t at = 1; at <= path.size() && parts < 6; ++parts) {
    const auto end = std::min(path.find('/', at), path.size());
    const std::string part = path.substr(at, end - at);
    const bool digits = part.size() > 6 && std::any_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    out += id || digits ? "/{id}" : "/" + part.substr(0, 32);
    id = std::find(std::begin(kNamed), std::end(kNamed), part) != std::end(kNamed);
    at = end + 1;
  }
  return out.empty() ? "/" : out;
}

std::string summary_of(const char* sql) {
  std::vector<std::string> words;
  std::string word;
  std::size_t looked = 0;
  for (const char* c = sql; *c != '\0' && looked < 600; ++c, ++looked) {
    const auto u = static_cast<unsigned char>(*c);
    if (std::isalnum(u) != 0 || u == '_') {
      word += *c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(word);
  static constexpr std::string_view kVerbs[] = {"INSERT", "UPDATE", "DELETE"};
  const auto verb = std::find_if(words.begin(), words.end(), [](const std::string& w) { return std::find(std::begin(kVerbs), std::end(kVerbs), w) != std::end(kVerbs); });
  if (verb == words.end()) {
    const auto from = std::find(words.begin(), words.end(), "FROM");
    if (words.empty()) return "";
    return from == words.end() || from + 1 == words.end() ? words.front() : "SELECT " + *(from + 1);
  }
  auto table = verb + 1;
  while (table != words.end() && (*table == "INTO" || *table == "FROM")) ++table;
  return table == words.end() ? *verb : *verb + " " + *table;
}

}  // namespace platform::observe
