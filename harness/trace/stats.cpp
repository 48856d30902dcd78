// stats: one pass for counts, a second one for the funnel and the latencies of the routes that matter.
#include "harness/trace/stats.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <unordered_map>

#include "harness/core/histogram.hpp"
#include "harness/core/text.hpp"
#include "harness/stats/stats.hpp"
#include "harness/trace/picture.hpp"
#include "harness/trace/recording.hpp"
#include "harness/trace/stamp.hpp"
#include "harness/trace/starts.hpp"

namespace cardstorm {

void WindowCounter::close(std::uint64_t count, std::uint64_t times) {
  windows_ += times;
  squares_ += static_cast<double>(times) * static_cast<double>(count) * static_cast<double>(count);
}

void WindowCounter::add(std::int64_t since_first) {
  const std::int64_t window = since_first / window_;
  if (window != now_) {
    close(count_, 1);
    close(0, static_cast<std::uint64_t>(window - now_ - 1));
    now_ = window;
    count_ = 0;
  }
  ++count_, ++total_;
  last_ = since_first;
  if (count_ > peak_) peak_ = count_, peak_at_ = now_ * window_;
}

WindowStats WindowCounter::result() const {
  WindowStats out;
  out.window = Nanos(window_);
  out.windows = windows_ + 1;
  out.peak = peak_;
  out.peak_at = Nanos(peak_at_);
  // A last window that the recording covers in part only looks like a lull: it is no part of the variance, and of the
  // mean's time only what is covered.
  const bool whole = windows_ == 0 || last_ - now_ * window_ >= window_ / 10 * 9;
  const double covered = static_cast<double>(windows_) +
                         (whole ? 1 : static_cast<double>(last_ - now_ * window_) / static_cast<double>(window_));
  const double mean = static_cast<double>(total_) / covered;
  const double last = static_cast<double>(count_), n = static_cast<double>(windows_) + (whole ? 1 : 0);
  const double full_mean = (static_cast<double>(total_) - (whole ? 0 : last)) / n;
  const double variance = (squares_ + (whole ? last * last : 0)) / n - full_mean * full_mean;
  const double length = seconds(out.window);
  out.mean_per_s = mean / length;
  out.peak_per_s = static_cast<double>(peak_) / length;
  out.peak_over_mean = mean > 0 ? static_cast<double>(peak_) / mean : 0;
  out.dispersion = full_mean > 0 ? std::max(0.0, variance) / full_mean : 0;
  return out;
}

namespace {

constexpr std::size_t kRoutesKept = 100'000, kRoutesShown = 20, kFunnelMax = 10, kColumns = 72;

/// Requests over time in at most twice kColumns bins; when the time outgrows them, neighbours are put together.
class Strip {
 public:
  void add(std::int64_t since_first) {
    while (since_first / bin_ >= static_cast<std::int64_t>(2 * kColumns)) {
      for (std::size_t i = 0; i < kColumns; ++i) bins_[i] = bins_[2 * i] + bins_[2 * i + 1];
      std::fill(bins_.begin() + kColumns, bins_.end(), 0.0);
      bin_ *= 2;
    }
    const auto i = static_cast<std::size_t>(since_first / bin_);
    bins_[i] += 1;
    used_ = std::max(since_first / bin_ + 1, std::int64_t{1});
  }
  /// Requests per second, at most kColumns values.
  [[nodiscard]] std::vector<double> rates(Nanos* bin) const {
    const std::int64_t step = used_ > static_cast<std::int64_t>(kColumns) ? 2 : 1;
    *bin = Nanos(bin_ * step);
    std::vector<double> out;
    for (std::int64_t i = 0; i < used_; i += step) {
      const auto at = static_cast<std::size_t>(i);
      out.push_back((bins_[at] + (step == 2 ? bins_[at + 1] : 0)) / seconds(*bin));
    }
    return out;
  }

 private:
  std::int64_t bin_ = 1'000'000, used_ = 0;
  std::array<double, 2 * kColumns> bins_{};
};

/// What both kinds of input have.
class Rates {
 public:
  void add(std::int64_t ts) {
    if (requests_++ == 0) first_ = ts;
    last_ = ts;
    for (WindowCounter& counter : counters_) counter.add(ts - first_);
    strip_.add(ts - first_);
  }
  void put(TraceStats& out) const {
    out.requests = requests_;
    out.first_ns = first_;
    out.span = Nanos(last_ - first_);
    for (const WindowCounter& counter : counters_) out.windows.push_back(counter.result());
    out.picture = strip_.rates(&out.bin);
  }

 private:
  std::array<WindowCounter, 4> counters_{WindowCounter(100ms), WindowCounter(1s), WindowCounter(10s),
                                         WindowCounter(60s)};
  Strip strip_;
  std::uint64_t requests_ = 0;
  std::int64_t first_ = 0, last_ = 0;
};

struct RouteHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using RouteIndex = std::unordered_map<std::string, std::uint64_t, RouteHash, std::equal_to<>>;

struct Session {
  std::int64_t first = 0, last = 0;
  std::uint32_t requests = 0, reached = 0;
};

void put_sessions(const std::vector<Session>& sessions, TraceStats& out) {
  if (sessions.empty()) return;
  std::vector<std::uint32_t> counts;
  Histogram lengths;
  for (const Session& s : sessions) {
    counts.push_back(s.requests);
    lengths.record(Nanos(s.last - s.first));
  }
  std::sort(counts.begin(), counts.end());
  out.sessions = sessions.size();
  out.session_requests_p50 = nearest_rank<std::uint32_t>(counts, 0.5);
  out.session_requests_max = counts.back();
  out.session_length_p50 = lengths.quantile(0.5);
  out.session_length_p99 = lengths.quantile(0.99);
}

/// The second pass: latencies of the routes shown, and how far sessions come.
Status second_pass(const std::string& path, std::vector<Session>& sessions, TraceStats& out) {
  RouteIndex index;
  for (std::size_t i = 0; i < out.routes.size(); ++i) index.emplace(out.routes[i].route, i);
  std::vector<std::unique_ptr<Histogram>> latencies;
  for (std::size_t i = 0; i < out.routes.size(); ++i) latencies.push_back(std::make_unique<Histogram>());
  const std::size_t steps = std::min(kFunnelMax, out.routes.size());
  std::vector<FunnelStep> funnel(steps);
  for (Session& s : sessions) s.requests = 0;
  const Status read = each_row(path, [&](const RecordingRow& row) {
    const auto found = index.find(row.route);
    Session& session = sessions[row.session];
    const std::uint32_t place = session.requests++;
    if (found == index.end()) return;
    if (row.latency_ns > 0) latencies[found->second]->record(Nanos(row.latency_ns));
    if (found->second >= steps || (session.reached >> found->second & 1U) != 0) return;
    session.reached |= 1U << found->second;
    ++funnel[found->second].sessions;
    funnel[found->second].mean_place += place;
  });
  if (!read) return read;
  for (std::size_t i = 0; i < out.routes.size(); ++i) {
    out.routes[i].latency_known = latencies[i]->count() > 0;
    out.routes[i].p50 = latencies[i]->quantile(0.5);
    out.routes[i].p99 = latencies[i]->quantile(0.99);
  }
  for (std::size_t i = 0; i < steps; ++i) {
    FunnelStep& step = funnel[i];
    step.route = out.routes[i].route;
    step.share = static_cast<double>(step.sessions) / static_cast<double>(sessions.size());
    step.mean_place = step.sessions == 0 ? 0 : step.mean_place / static_cast<double>(step.sessions) + 1;
  }
  std::stable_sort(funnel.begin(), funnel.end(),
                   [](const auto& a, const auto& b) { return a.mean_place < b.mean_place; });
  out.funnel = std::move(funnel);
  return ok();
}

Status recording_stats(const std::string& path, TraceStats& out) {
  Rates rates;
  RouteIndex routes;
  std::vector<Session> sessions;
  Histogram thinks;
  bool dense = true;
  const Status read = each_row(path, [&](const RecordingRow& row) {
    rates.add(row.ts_ns);
    if (row.session > sessions.size()) dense = false;  // never a table as large as a wrong number
    if (!dense) return;
    if (row.session == sessions.size()) sessions.push_back({row.ts_ns, row.ts_ns, 0, 0});
    Session& session = sessions[row.session];
    if (session.requests++ > 0) thinks.record(Nanos(row.think_ns));
    session.last = row.ts_ns;
    const auto found = routes.find(row.route);
    if (found != routes.end())
      ++found->second;
    else if (routes.size() < kRoutesKept)
      routes.emplace(std::string(row.route), 1);
  });
  if (!read) return read;
  rates.put(out);
  if (out.requests == 0)
    return Error{Errc::invalid, path + ":2:1: the recording has no rows", "import a log that has requests in it"};
  if (!dense)
    return Error{Errc::invalid, path + ": the session numbers do not count up from 0",
                 "make the recording again with: cardstorm trace import"};
  out.has_rows = true;
  out.route_count = routes.size();
  put_sessions(sessions, out);
  out.think_p50 = thinks.quantile(0.5);
  out.think_p90 = thinks.quantile(0.9);
  for (const auto& [route, count] : routes)
    out.routes.push_back({route, count, static_cast<double>(count) / static_cast<double>(out.requests)});
  std::sort(out.routes.begin(), out.routes.end(), [](const auto& a, const auto& b) {
    return a.requests != b.requests ? a.requests > b.requests : a.route < b.route;
  });
  if (out.routes.size() > kRoutesShown) out.routes.resize(kRoutesShown);
  if (out.route_count == kRoutesKept)
    out.notes.push_back("more than " + std::to_string(kRoutesKept) +
                        " different routes: the later ones are not in the table");
  return second_pass(path, sessions, out);
}

std::string time_of(Nanos t) {
  const double s = seconds(t);
  return s >= 7200  ? fixed(s / 3600, 1) + " h"
         : s >= 120 ? fixed(s / 60, 1) + " min"
         : s >= 1   ? fixed(s, 2) + " s"
                    : fixed(s * 1000, 1) + " ms";
}

std::string padded(std::string text, std::size_t width, bool left = false) {
  const std::string blank(text.size() < width ? width - text.size() : 0, ' ');
  return left ? text + blank : blank + text;
}

}  // namespace

Result<TraceStats> trace_stats(const std::string& path) {
  TraceStats out;
  out.file = path;
  if (is_recording(path)) {
    if (const Status done = recording_stats(path, out); !done) return done.error();
    return out;
  }
  Rates rates;
  if (const Status read = each_start(
          path, [&](std::int64_t at) { rates.add(at); }, out.notes);
      !read)
    return read.error();
  rates.put(out);
  out.notes.emplace_back("only arrival times are known: no sessions, routes and latencies");
  return out;
}

std::string stats_text(const TraceStats& s) {
  std::string out = s.file + "\n  " + std::to_string(s.requests) + " requests in " + time_of(s.span) + ", from " +
                    utc_text(s.first_ns) + " on\n\n" + block_chart(s.picture, 6, "/s") + std::string(13, ' ') +
                    "one column is " + time_of(s.bin) + "\n\n";
  out += "  window      mean /s     peak /s    peak/mean   dispersion   peak at (1 = Poisson for dispersion)\n";
  for (const WindowStats& w : s.windows)
    out += "  " + padded(duration_text(w.window), 6) + padded(fixed(w.mean_per_s, 2), 13) +
           padded(fixed(w.peak_per_s, 1), 12) + padded(fixed(w.peak_over_mean, 1), 13) +
           padded(fixed(w.dispersion, 2), 13) + "   +" + time_of(w.peak_at) + "\n";
  if (s.has_rows) {
    out += "\n  sessions    " + std::to_string(s.sessions) + "; requests: half have up to " +
           std::to_string(s.session_requests_p50) + ", the longest " + std::to_string(s.session_requests_max) +
           "; length p50 " + time_of(s.session_length_p50) + ", p99 " + time_of(s.session_length_p99) +
           "; think time p50 " + time_of(s.think_p50) + ", p90 " + time_of(s.think_p90) + "\n";
    out += "\n  routes (" + std::to_string(s.route_count) +
           ")                              requests   share      p50        p99\n";
    for (const RouteStats& r : s.routes)
      out += "  " + padded(r.route.empty() ? "(no path)" : r.route, 38, true) + padded(std::to_string(r.requests), 10) +
             padded(fixed(100 * r.share, 1), 6) + " %" +
             (r.latency_known ? padded(time_of(r.p50), 11) + padded(time_of(r.p99), 11) : "  not known") + "\n";
    out += "\n  funnel: share of sessions that reach a route, in the order in which they first do\n";
    for (const FunnelStep& f : s.funnel) {
      std::string bar;
      for (int i = 0; i < static_cast<int>(std::lround(f.share * 30)); ++i) bar += "█";
      out += "  " + padded(f.route.empty() ? "(no path)" : f.route, 38, true) + padded(fixed(100 * f.share, 1), 6) +
             " % " + bar + "\n";
    }
  }
  for (const std::string& note : s.notes) out += "  note: " + note + "\n";
  out +=
      "next: name it under traffic: trace: in a scenario; the peak that counts is the one of the scenario's window\n";
  return out;
}

Json stats_json(const TraceStats& s) {
  Json windows = Json::array(), routes = Json::array(), funnel = Json::array(), picture = Json::array(),
       notes = Json::array();
  for (const WindowStats& w : s.windows)
    windows.push(Json::object({{"window_s", seconds(w.window)},
                               {"windows", w.windows},
                               {"mean_per_s", w.mean_per_s},
                               {"peak", w.peak},
                               {"peak_per_s", w.peak_per_s},
                               {"peak_over_mean", w.peak_over_mean},
                               {"dispersion", w.dispersion},
                               {"peak_at_s", seconds(w.peak_at)}}));
  for (const RouteStats& r : s.routes)
    routes.push(Json::object({{"route", r.route},
                              {"requests", r.requests},
                              {"share", r.share},
                              {"p50_ms", r.latency_known ? Json(seconds(r.p50) * 1e3) : Json()},
                              {"p99_ms", r.latency_known ? Json(seconds(r.p99) * 1e3) : Json()}}));
  for (const FunnelStep& f : s.funnel)
    funnel.push(
        Json::object({{"route", f.route}, {"sessions", f.sessions}, {"share", f.share}, {"mean_place", f.mean_place}}));
  for (const double v : s.picture) picture.push(v);
  for (const std::string& note : s.notes) notes.push(note);
  Json out = Json::object({{"schema", "cardstorm.trace_stats/1"},
                           {"file", s.file},
                           {"requests", s.requests},
                           {"first", utc_text(s.first_ns)},
                           {"span_s", seconds(s.span)},
                           {"windows", windows}});
  out.set("sessions", s.has_rows ? Json::object({{"count", s.sessions},
                                                 {"requests_p50", s.session_requests_p50},
                                                 {"requests_max", s.session_requests_max},
                                                 {"length_p50_s", seconds(s.session_length_p50)},
                                                 {"length_p99_s", seconds(s.session_length_p99)},
                                                 {"think_p50_s", seconds(s.think_p50)},
                                                 {"think_p90_s", seconds(s.think_p90)}})
                                 : Json());
  return out.set("route_count", s.route_count)
      .set("routes", routes)
      .set("funnel", funnel)
      .set("picture", Json::object({{"bin_s", seconds(s.bin)}, {"per_s", picture}}))
      .set("notes", notes);
}

}  // namespace cardstorm
