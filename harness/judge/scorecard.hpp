// scorecard: what the judge says about one run (or several repeats of one side, pooled). Plain values; the JSON form is
// the contract "cardstorm.scorecard/1"; its members stand in scorecard_fields.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/events.hpp"
#include "harness/core/histogram.hpp"
#include "harness/core/json.hpp"

namespace cardstorm {

enum class Verdict : std::uint8_t { pass, fail, unknown };
std::string_view to_text(Verdict v);

// text and remedy in English; reports translate by code
struct Reason {
  std::string code, text, remedy;
};

/// A step whose distributed trace is worth opening; `id` goes into Scorecard::trace_link.
/// cause: "" or "none" where nothing failed
struct TracedStep {
  std::string step, id, cause = {};
  double at_s = 0, took_s = 0;
};

struct Witness {
  std::string order;
  std::string what;
  double at_s = 0;
  std::int64_t amount_cents = 0;
  std::vector<TracedStep> traces = {};
};

struct Finding {
  std::string name;  // as check_registry() has it
  Verdict verdict = Verdict::unknown;
  std::string why;  // one sentence
  std::uint64_t examined = 0, violations = 0;
  std::vector<Witness> witnesses;  // first, last, worst and examples, at most 48
  std::int64_t amount_cents = 0;   // money at stake in all violations together
};

struct Episode {
  std::string fault, on;
  int repeat = 1;
  bool verified = false, reverted = false;
  double inject_s = 0, clear_s = 0;
  std::optional<double> onset_s, detect_s, locate_s, mitigate_s, recover_s, ttd_s, ttm_s, ttr_s, lag_s;
  double horizon_s = 0;  // H: from inject to the end of observation
  bool steady = true;    // steady state was reached before the fault
  bool judged = true;    // false: too few windows held enough samples to say anything
  bool absorbed = false, censored = false, metastable = false;
  std::uint64_t lost = 0;         // trades planned within [inject, horizon] that were not good
  bool bypassed = false;          // the fault was in force and nothing came its way: neither absorbed nor recovered
  std::vector<TracedStep> worst;  // lost steps first, then the slowest; only with a trace_link
};

struct MttrRow {
  double mean_s = 0, p50_s = 0, p90_s = 0;
  int n = 0, absorbed = 0, censored = 0;
  double ci95_lo_s = 0, ci95_hi_s = 0;
};

struct Rate {
  std::uint64_t planned = 0, good = 0;
  [[nodiscard]] double share() const { return planned ? double(good) / double(planned) : 0; }
};

/// One second of the run, for pictures; steps by planned time.
struct WindowRow {
  double at_s = 0;
  std::uint32_t planned = 0, good = 0;
  double p50_ms = 0, p99_ms = 0;
  std::uint32_t trades = 0;
};
/// How bursty the starts of trades were, per width of window: as planned, and as they really left (core/burst.hpp).
struct BurstRow {
  double window_s = 0;
  std::uint64_t planned_peak = 0, sent_peak = 0;
  std::optional<double> planned_index, sent_index;
};
/// When a fault was in force, for pictures ("shades" in the JSON).
struct FaultBand {
  std::string fault, on;
  double from_s = 0, to_s = 0;
};

struct Scorecard {
  std::string scenario, why_text, target, version, environment = "lab";
  std::uint64_t seed = 1;
  int repeats = 1;
  Verdict verdict = Verdict::unknown;
  std::vector<Reason> why;
  struct {
    std::string trace;
    double scale = 1.5;
    double peak_window_s = 1, peak_rate = 0;
    std::uint64_t planned = 0, sent = 0, resends = 0;
    std::map<TradeOutcome, std::uint64_t> outcomes;
    std::map<std::string, std::uint64_t> causes;
  } traffic;
  double success_rate = 0;
  std::map<std::string, Rate> by_phase, by_flow, by_goods;
  struct {
    std::int64_t lost_trades_cents = 0, paid_overdue_cents = 0, double_delivered_cents = 0;
  } money;
  struct {
    double p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0;
  } latency_ms;
  struct {
    double lateness_p50_us = 0, lateness_p99_us = 0, cpu_seconds = 0;
    std::string scheduling;
    bool trusted = true;
  } generator;
  std::vector<Episode> episodes;
  std::map<std::string, MttrRow> mttr;
  std::vector<Finding> checks;
  std::vector<std::string> not_exercised;
  double assumed_restart_s = -1;  // the fragile variant's operator; < 0: none
  std::string trace_link;         // template with ${trace_id}, of the target's `tracing:`; "" = none
  // Not part of the contract's JSON: for pictures, under "timeline".
  std::vector<WindowRow> timeline;
  std::vector<FaultBand> fault_bands;
  std::vector<BurstRow> bursts;
  std::string repeat_command;                  // the command that repeats this run
  std::shared_ptr<const Histogram> latencies;  // not in the JSON: lets repeats be pooled into one set of percentiles
};

/// "cardstorm.scorecard/1"; members in the contract's order, then timeline, shades, command.
Json json_of_scorecard(const Scorecard& card);
Result<Scorecard> scorecard_of_json(const Json& json);

/// Both sides of a drill: contract "cardstorm.drill/1".
struct DrillCard {
  Scorecard baseline, candidate;
  struct Run {
    std::string side;
    int repeat = 1;
    std::string dir;
  };
  std::vector<Run> runs;
  std::optional<double> mttr_reduction;
  std::map<std::string, std::optional<double>> mttr_reduction_by_fault;
  std::map<std::string, std::optional<double>> mttr_reduction_assumed_restart;  // "5", "20", "120"
  std::optional<double> mttr_reduction_without_restart;
  std::string repeat_command;
};
Json json_of_drill(const DrillCard& card);
Result<DrillCard> drill_of_json(const Json& json);

}  // namespace cardstorm
