// metrics: prometheus-cpp behind a door. Family::Add costs more than all else, so every series is made once and kept.
#include "harness/observe/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <exception>
#include <map>
#include <mutex>

#include "harness/core/clock.hpp"

namespace cardstorm {
namespace {

using prometheus::Counter;
using prometheus::Gauge;

constexpr std::size_t kOutcomes = 3, kTradeOutcomes = 5, kPhases = 7;
constexpr std::size_t kFaultSeriesMax = 256;  // names come from scenarios; series must not grow without end

/// OpenTelemetry's buckets for HTTP durations; 1 s, the usual limit of a step, is an edge.
const prometheus::Histogram::BucketBoundaries kBuckets{.005, .01, .025, .05, .075, .1, .25, .5,
                                                       .75,  1,   2.5,  5,   7.5,  10, 30};

template <std::size_t N, class Enum, class Family>
auto series_of(Family& family, const char* label) {
  std::array<std::remove_reference_t<decltype(family.Add({}))>*, N> out{};
  for (std::size_t i = 0; i < N; ++i) out[i] = &family.Add({{label, std::string(to_text(static_cast<Enum>(i)))}});
  return out;
}

}  // namespace

struct Metrics::Impl {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  prometheus::Family<Counter>& trades_family = prometheus::BuildCounter()
                                                   .Name("cardstorm_trades_total")
                                                   .Help("Trades that ended, by outcome.")
                                                   .Register(*registry);
  prometheus::Family<Counter>& steps_family = prometheus::BuildCounter()
                                                  .Name("cardstorm_steps_total")
                                                  .Help("Steps that ended, by outcome.")
                                                  .Register(*registry);
  prometheus::Family<Counter>& cards_family = prometheus::BuildCounter()
                                                  .Name("cardstorm_cards_seen_total")
                                                  .Help("Card secrets disclosed to buyers.")
                                                  .Register(*registry);
  prometheus::Family<Gauge>& phase_family =
      prometheus::BuildGauge().Name("cardstorm_phase").Help("1 for the phase of the run at hand.").Register(*registry);
  prometheus::Family<Gauge>& fault_family = prometheus::BuildGauge()
                                                .Name("cardstorm_fault_active")
                                                .Help("1 while the fault is in force.")
                                                .Register(*registry);
  std::array<Counter*, kTradeOutcomes> trades = series_of<kTradeOutcomes, TradeOutcome>(trades_family, "outcome");
  std::array<Counter*, kOutcomes> steps = series_of<kOutcomes, Outcome>(steps_family, "outcome");
  std::array<Gauge*, kPhases> phases = series_of<kPhases, Phase>(phase_family, "phase");
  Counter& genuine = cards_family.Add({{"genuine", "true"}});
  Counter& foreign = cards_family.Add({{"genuine", "false"}});
  Counter& resends = prometheus::BuildCounter()
                         .Name("cardstorm_resends_total")
                         .Help("Steps that a buyer sent again.")
                         .Register(*registry)
                         .Add({});
  prometheus::Histogram& duration = prometheus::BuildHistogram()
                                        .Name("cardstorm_step_duration_seconds")
                                        .Help("From the planned time of a step to its end.")
                                        .Register(*registry)
                                        .Add({}, kBuckets);
  std::mutex mutex;  // of the two below
  std::map<std::pair<std::string, std::string>, Gauge*> faults;
  std::unique_ptr<prometheus::Exposer> exposer;

  void seen(const TradeEnded& e) { trades.at(static_cast<std::size_t>(e.outcome))->Increment(); }
  void seen(const StepEnded& e) {
    steps.at(static_cast<std::size_t>(e.outcome))->Increment();
    if (e.requests > 0) duration.Observe(seconds(e.done - e.planned));
    if (e.resends > 0) resends.Increment(e.resends);
  }
  void seen(const CardSeen& e) { (e.genuine ? genuine : foreign).Increment(); }
  void seen(const PhaseMarked& e) {
    for (std::size_t i = 0; i < kPhases; ++i) phases[i]->Set(i == static_cast<std::size_t>(e.phase) ? 1 : 0);
  }
  void seen(const FaultChanged& e) {
    Gauge* active = fault(e.fault, e.on);
    if (active == nullptr) return;
    // Between healing and cleared it may still be there: it ends when a probe saw normal.
    if (e.edge == FaultEdge::injected || e.edge == FaultEdge::verified || e.edge == FaultEdge::not_cleared)
      active->Set(1);
    if (e.edge == FaultEdge::cleared) active->Set(0);
  }
  template <class Other>
  void seen(const Other&) {}

  Gauge* fault(const std::string& name, const std::string& on) {
    const std::lock_guard lock(mutex);
    const auto found = faults.find({name, on});
    if (found != faults.end()) return found->second;
    if (faults.size() >= kFaultSeriesMax) return nullptr;
    return faults.emplace(std::pair(name, on), &fault_family.Add({{"fault", name}, {"on", on}})).first->second;
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::observe(const Event& e) {
  std::visit([this](const auto& event) { impl_->seen(event); }, e);
}

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(impl_->registry->Collect()); }

Result<int> Metrics::expose(int port) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->exposer) return Error{Errc::internal, "metrics are served already"};
  const std::string address = "127.0.0.1:" + std::to_string(port);
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(address);
    exposer->RegisterCollectable(impl_->registry);
    const auto ports = exposer->GetListeningPorts();
    if (ports.empty()) return Error{Errc::unavailable, "cannot serve metrics on " + address};
    impl_->exposer = std::move(exposer);
    return ports.front();
  } catch (const std::exception& e) {
    return Error{Errc::unavailable, "cannot serve metrics on " + address + ": " + e.what(),
                 "choose another port, or 0 for a free one"};
  }
}

}  // namespace cardstorm
