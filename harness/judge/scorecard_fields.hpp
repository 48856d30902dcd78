// scorecard_fields: what a Scorecard consists of, said once: in the contract's order, ours after it. The JSON form is
// written and read by it, and what `expect:` may name is marked in it.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "harness/core/json_fields.hpp"
#include "harness/judge/scorecard.hpp"

namespace cardstorm {

/// A number that `expect:` may name, by its place in the JSON ("latency_ms.p99").
struct FigureHere {};
inline constexpr FigureHere as_figure{};
/// As above, and the whole object goes by the name: "by_flow.buy" for its "share".
struct FigureOfAll {};
inline constexpr FigureOfAll as_figure_of_all{};

template <>
inline constexpr std::array<std::string_view, 3> kTexts<Verdict>{"pass", "fail", "unknown"};

template <Is<Reason> S, class V>
void fields(S& s, V& v) {
  v("code", s.code);
  v("text", s.text);
  v("remedy", s.remedy);
}

template <Is<TracedStep> S, class V>
void fields(S& s, V& v) {
  const auto broken = only_if(!s.cause.empty());
  v("step", s.step);
  v("id", s.id);
  v("cause", s.cause, broken);
  v("at_s", s.at_s, broken);
  v("took_s", s.took_s, broken);
}

template <Is<Witness> S, class V>
void fields(S& s, V& v) {
  v("order", s.order);
  v("what", s.what);
  v("at_s", s.at_s);
  v("amount_cents", s.amount_cents);
  v("traces", s.traces, if_any);
}

template <Is<Finding> S, class V>
void fields(S& s, V& v) {
  v("name", s.name);
  v("verdict", s.verdict, required);
  v("examined", s.examined);
  v("violations", s.violations);
  v("witnesses", s.witnesses);
  v("why", s.why);
  v("amount_cents", s.amount_cents);
}
inline std::string place_in_error(const Finding& f) { return "check " + f.name; }

template <Is<Episode> S, class V>
void fields(S& s, V& v) {
  v("fault", s.fault);
  v("on", s.on);
  v("repeat", s.repeat);
  v("verified", s.verified);
  v("reverted", s.reverted);
  v("inject_s", s.inject_s);
  v("clear_s", s.clear_s);
  v("onset_s", s.onset_s);
  v("detect_s", s.detect_s);
  v("locate_s", s.locate_s);
  v("mitigate_s", s.mitigate_s);
  v("recover_s", s.recover_s);
  v("ttd_s", s.ttd_s);
  v("ttm_s", s.ttm_s);
  v("ttr_s", s.ttr_s);
  v("lag_s", s.lag_s);
  v("horizon_s", s.horizon_s);
  v("absorbed", s.absorbed);
  v("censored", s.censored);
  v("metastable", s.metastable);
  v("lost", s.lost);
  v("steady", s.steady);
  v("judged", s.judged);
  v("bypassed", s.bypassed, if_any);
  v("worst", s.worst, if_any);
}

template <Is<MttrRow> S, class V>
void fields(S& s, V& v) {
  v("mean_s", s.mean_s, as_figure);
  v("p50_s", s.p50_s, as_figure);
  v("p90_s", s.p90_s, as_figure);
  v("n", s.n);
  v("absorbed", s.absorbed);
  v("censored", s.censored);
  v.both("ci95_s", s.ci95_lo_s, s.ci95_hi_s);
}

template <Is<Rate> S, class V>
void fields(S& s, V& v) {
  v("planned", s.planned);
  v("good", s.good);
  v.derived("share", s.share(), as_figure_of_all);
}

template <Is<WindowRow> S, class V>
void fields(S& s, V& v) {
  v("at_s", s.at_s);
  v("planned", s.planned);
  v("good", s.good);
  v("p50_ms", s.p50_ms);
  v("p99_ms", s.p99_ms);
  v("trades", s.trades);
}

template <Is<BurstRow> S, class V>
void fields(S& s, V& v) {
  v("window_s", s.window_s);
  v("planned_peak", s.planned_peak);
  v("sent_peak", s.sent_peak);
  v("planned_index", s.planned_index);
  v("sent_index", s.sent_index);
}

template <Is<FaultBand> S, class V>
void fields(S& s, V& v) {
  v("fault", s.fault);
  v("on", s.on);
  v("from_s", s.from_s);
  v("to_s", s.to_s);
}

template <Is<Scorecard> S, class V>
void fields(S& s, V& v) {
  v.schema("cardstorm.scorecard/1", "judge the run folder again with this version");
  v("scenario", s.scenario);
  v("target", s.target);
  v("version", s.version);
  v("environment", s.environment);
  v("seed", s.seed);
  v("verdict", s.verdict, required);
  v("why", s.why);
  v.group("traffic", [&t = s.traffic](auto& in) {
    in("trace", t.trace);
    in("scale", t.scale);
    in("peak_window_s", t.peak_window_s);
    in("planned", t.planned);
    in("sent", t.sent);
    in("resends", t.resends, as_figure);
    in.group("outcomes", [&t](auto& each) {
      for (const TradeOutcome o : {TradeOutcome::ok, TradeOutcome::failed, TradeOutcome::unknown,
                                   TradeOutcome::not_sent, TradeOutcome::unfinished})
        each(to_text(o), slot(t.outcomes, o));
    });
    in("causes", t.causes);
    in("peak_rate", t.peak_rate);
  });
  v("success_rate", s.success_rate, as_figure);
  v("by_phase", s.by_phase);
  v("by_flow", s.by_flow);
  v("by_goods", s.by_goods);
  v.group("money", [&m = s.money](auto& in) {
    in("lost_trades_cents", m.lost_trades_cents, as_figure);
    in("paid_overdue_cents", m.paid_overdue_cents, as_figure);
    in("double_delivered_cents", m.double_delivered_cents, as_figure);
  });
  v.group("latency_ms", [&l = s.latency_ms](auto& in) {
    in("p50", l.p50, as_figure);
    in("p90", l.p90, as_figure);
    in("p99", l.p99, as_figure);
    in("p999", l.p999, as_figure);
    in("max", l.max, as_figure);
  });
  v.group("generator", [&g = s.generator](auto& in) {
    in.group("lateness_us", [&g](auto& lateness) {
      lateness("p50", g.lateness_p50_us);
      lateness("p99", g.lateness_p99_us, as_figure);
    });
    in("cpu_seconds", g.cpu_seconds);
    in("scheduling", g.scheduling);
    in("trusted", g.trusted, required);
  });
  v("episodes", s.episodes);
  v.group("mttr", [&s](auto& in) { in("by_fault", s.mttr); });
  v("checks", s.checks);
  v("not_exercised", s.not_exercised);
  v("timeline", s.timeline);
  v("bursts", s.bursts);
  v("shades", s.fault_bands);
  v("repeats", s.repeats);
  v("assumed_restart_s", s.assumed_restart_s);
  v("command", s.repeat_command);
  v("why_text", s.why_text);
  v("trace_link", s.trace_link, if_any);
}

template <Is<DrillCard::Run> S, class V>
void fields(S& s, V& v) {
  v("side", s.side);
  v("repeat", s.repeat);
  v("dir", s.dir);
}

template <Is<DrillCard> S, class V>
void fields(S& s, V& v) {
  v.schema("cardstorm.drill/1", "judge the drill's folder again with this version");
  v("baseline", s.baseline, required);
  v("candidate", s.candidate, required);
  v("runs", s.runs);
  v("mttr_reduction", s.mttr_reduction);
  v("mttr_reduction_by_fault", s.mttr_reduction_by_fault);
  // The contract's three delays in rising order, whatever a map of strings would say.
  v.group("mttr_reduction_assumed_restart", [&s](auto& in) {
    for (const char* delay : {"5", "20", "120"}) in(delay, slot(s.mttr_reduction_assumed_restart, delay));
  });
  v("mttr_reduction_without_restart", s.mttr_reduction_without_restart);
  v("command", s.repeat_command);
}

}  // namespace cardstorm
