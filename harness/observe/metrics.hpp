// metrics: the live run as Prometheus sees it, for dashboards and alerts beside the run. Nothing is judged from it. The
// only door of prometheus-cpp.
#pragma once

#include <memory>
#include <string>

#include "harness/core/events.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

/// cardstorm_trades_total{outcome}, cardstorm_steps_total{outcome}, cardstorm_step_duration_seconds (planned to done,
/// of steps that were sent), cardstorm_resends_total, cardstorm_cards_seen_total{genuine},
/// cardstorm_fault_active{fault,on} (1 from injected until a probe saw normal), cardstorm_phase{phase} (1 for the one
/// at hand). All methods: any thread.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void observe(const Event& e);
  /// Prometheus text format.
  [[nodiscard]] std::string text() const;
  /// Serves GET /metrics on 127.0.0.1 until the end; port 0 takes a free one. Returns the port. Once at most.
  Result<int> expose(int port);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A tee: what goes to `next` updates `metrics` first. One per lane; the thread rule is that of `next`.
class MeteredSink final : public EventSink {
 public:
  MeteredSink(EventSink& next, Metrics& metrics) : next_(next), metrics_(metrics) {}
  void write(const Event& e) override {
    metrics_.observe(e);
    next_.write(e);
  }
  void flush() override { next_.flush(); }

 private:
  EventSink& next_;
  Metrics& metrics_;
};

}  // namespace cardstorm
