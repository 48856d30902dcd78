// metrics: counters, gauges and histograms by their full Prometheus name, on prometheus-cpp. Names and buckets follow
// the OpenTelemetry semantic conventions for HTTP and database metrics: base units, `_total`, `_seconds`; no user or
// order in a label, and a bound on the series all the same.
#pragma once

#include <memory>
#include <string>

namespace platform::observe {

/// Any thread. The first use of a name makes its series; afterwards a lookup under a lock and one atomic addition.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// add("orders_total{outcome=\"ok\"}"): a counter. A name that was a gauge before is a bug of the caller.
  void add(const std::string& name, double by = 1);
  /// A counter whose value is counted elsewhere: it becomes at least `value`.
  void raise(const std::string& name, double value);
  /// A gauge.
  void set(const std::string& name, double value);
  /// A histogram of seconds.
  void observe(const std::string& name, double seconds);
  /// The Prometheus text format.
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// This process's own: what edge and store report (requests, calls, queries, waits), whatever the role.
Metrics& process_metrics();

/// CPU, memory, descriptors, threads and start of this process, by the names that every Prometheus client uses; read
/// when asked for.
void measure_process(Metrics& metrics);

/// What the rooms below the services report of themselves. `route` is a template ("/orders/{id}"), see route_of.
void server_request(const std::string& method, const std::string& route, int status, double seconds);
void client_request(const std::string& peer, const std::string& method, int status,
                    double seconds);  // status 0: no answer
void query(const std::string& summary, double seconds, bool good);
void pool_wait(double seconds, bool got);

/// What came in as a template: only the words of our own routes stay, whatever anybody asks for: "/orders/H7ab../pay" →
/// "/orders/{id}/pay".
std::string route_of(const std::string& path);
/// What we ask of others as a template: "/channel/alpha/query/H7ab.." → "/channel/alpha/query/{id}".
std::string target_of(const std::string& path);
/// db.query.summary: what a statement changes, else what it reads: "DELETE outbox UPDATE orders", "SELECT goods".
std::string summary_of(const char* sql);

}  // namespace platform::observe
