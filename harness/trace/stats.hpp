// stats: what a recording holds: rates and bursts by window, sessions, routes, funnel, a picture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/json.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

/// Counts of requests in windows of one length, laid from the first request on; empty windows count.
struct WindowStats {
  Nanos window{0};
  std::uint64_t windows = 0, peak = 0;
  double mean_per_s = 0, peak_per_s = 0, peak_over_mean = 0;
  double dispersion = 0;  // variance / mean of the counts: 1 is Poisson, more is bursty
  Nanos peak_at{0};       // start of the fullest window, from the first request
};

struct RouteStats {
  std::string route;
  std::uint64_t requests = 0;
  double share = 0;
  Nanos p50{0}, p99{0};
  bool latency_known = false;
};
struct FunnelStep {
  std::string route;
  std::uint64_t sessions = 0;
  double share = 0, mean_place = 0;
};

struct TraceStats {
  std::string file;
  std::uint64_t requests = 0;
  std::int64_t first_ns = 0;
  Nanos span{0};
  std::vector<WindowStats> windows;  // 100 ms, 1 s, 10 s, 60 s
  bool has_rows = false;             // the internal form; else only arrivals are known and what follows is empty
  std::uint64_t sessions = 0, session_requests_p50 = 0, session_requests_max = 0;
  Nanos session_length_p50{0}, session_length_p99{0}, think_p50{0}, think_p90{0};
  std::uint64_t route_count = 0;
  std::vector<RouteStats> routes;  // the most frequent ones
  std::vector<FunnelStep> funnel;  // in the order in which sessions first reach them
  Nanos bin{0};
  std::vector<double> picture;  // requests per second over time
  std::vector<std::string> notes;
};

/// Reads the file once, or twice where there are sessions. Memory: a few numbers per session, nothing per request.
Result<TraceStats> trace_stats(const std::string& path);
std::string stats_text(const TraceStats& stats);
Json stats_json(const TraceStats& stats);

/// Counts in windows, as the arrivals come in order. Memory does not grow.
class WindowCounter {
 public:
  explicit WindowCounter(Nanos window) : window_(window.count()) {}
  void add(std::int64_t since_first);
  [[nodiscard]] WindowStats result() const;

 private:
  void close(std::uint64_t count, std::uint64_t times);
  std::int64_t window_, now_ = 0, last_ = 0, peak_at_ = 0;
  std::uint64_t count_ = 0, windows_ = 0, peak_ = 0, total_ = 0;
  double squares_ = 0;
};

}  // namespace cardstorm
