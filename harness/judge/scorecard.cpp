// scorecard: the JSON forms of Scorecard and DrillCard. Members stand in the contract's order; ours come after them.
#include "harness/judge/scorecard.hpp"

#include <algorithm>
#include <array>

namespace cardstorm {
namespace {

constexpr std::array kOutcomes{TradeOutcome::ok, TradeOutcome::failed, TradeOutcome::unknown, TradeOutcome::not_sent,
                               TradeOutcome::unfinished};

Json json_of(const std::optional<double>& v) { return v ? Json(*v) : Json(); }

std::optional<double> optional_of(const Json& j) {
  return j.is_number() ? std::optional<double>(j.number()) : std::nullopt;
}

Json json_of(const std::map<std::string, Rate>& rates) {
  Json j = Json::object();
  for (const auto& [name, r] : rates)
    j.set(name, Json::object({{"planned", r.planned}, {"good", r.good}, {"share", r.share()}}));
  return j;
}

std::map<std::string, Rate> rates_of(const Json& j) {
  std::map<std::string, Rate> out;
  for (const auto& [name, r] : j.members())
    out[name] = {static_cast<std::uint64_t>(r["planned"].integer()), static_cast<std::uint64_t>(r["good"].integer())};
  return out;
}

Json json_of(const std::vector<TracedStep>& steps) {
  Json out = Json::array();
  for (const auto& s : steps) {
    Json j = Json::object({{"step", s.step}, {"id", s.id}});
    if (!s.cause.empty()) {
      j.set("cause", s.cause);
      j.set("at_s", s.at_s);
      j.set("took_s", s.took_s);
    }
    out.push(std::move(j));
  }
  return out;
}

std::vector<TracedStep> traced_steps_of(const Json& j) {
  std::vector<TracedStep> out;
  for (const auto& s : j.items())
    out.push_back(
        {s["step"].string(), s["id"].string(), s["cause"].string(), s["at_s"].number(), s["took_s"].number()});
  return out;
}

/// Members that most episodes have no use for stand only where they say something.
Json json_of(const Episode& e) {
  Json out = Json::object({{"fault", e.fault},
                           {"on", e.on},
                           {"repeat", e.repeat},
                           {"verified", e.verified},
                           {"reverted", e.reverted},
                           {"inject_s", e.inject_s},
                           {"clear_s", e.clear_s},
                           {"onset_s", json_of(e.onset_s)},
                           {"detect_s", json_of(e.detect_s)},
                           {"locate_s", json_of(e.locate_s)},
                           {"mitigate_s", json_of(e.mitigate_s)},
                           {"recover_s", json_of(e.recover_s)},
                           {"ttd_s", json_of(e.ttd_s)},
                           {"ttm_s", json_of(e.ttm_s)},
                           {"ttr_s", json_of(e.ttr_s)},
                           {"lag_s", json_of(e.lag_s)},
                           {"horizon_s", e.horizon_s},
                           {"absorbed", e.absorbed},
                           {"censored", e.censored},
                           {"metastable", e.metastable},
                           {"lost", e.lost},
                           {"steady", e.steady},
                           {"judged", e.judged}});
  if (e.bypassed) out.set("bypassed", true);
  if (!e.worst.empty()) out.set("worst", json_of(e.worst));
  return out;
}

Episode episode_of(const Json& j) {
  Episode e;
  e.fault = j["fault"].string();
  e.on = j["on"].string();
  e.repeat = static_cast<int>(j["repeat"].integer(1));
  e.verified = j["verified"].boolean();
  e.reverted = j["reverted"].boolean();
  e.inject_s = j["inject_s"].number();
  e.clear_s = j["clear_s"].number();
  e.onset_s = optional_of(j["onset_s"]);
  e.detect_s = optional_of(j["detect_s"]);
  e.locate_s = optional_of(j["locate_s"]);
  e.mitigate_s = optional_of(j["mitigate_s"]);
  e.recover_s = optional_of(j["recover_s"]);
  e.ttd_s = optional_of(j["ttd_s"]);
  e.ttm_s = optional_of(j["ttm_s"]);
  e.ttr_s = optional_of(j["ttr_s"]);
  e.lag_s = optional_of(j["lag_s"]);
  e.horizon_s = j["horizon_s"].number();
  e.absorbed = j["absorbed"].boolean();
  e.censored = j["censored"].boolean();
  e.metastable = j["metastable"].boolean();
  e.lost = static_cast<std::uint64_t>(j["lost"].integer());
  e.steady = j["steady"].boolean(true);
  e.judged = j["judged"].boolean(true);
  e.bypassed = j["bypassed"].boolean();
  e.worst = traced_steps_of(j["worst"]);
  return e;
}

Json json_of(const MttrRow& r) {
  return Json::object({{"mean_s", r.mean_s},
                       {"p50_s", r.p50_s},
                       {"p90_s", r.p90_s},
                       {"n", r.n},
                       {"absorbed", r.absorbed},
                       {"censored", r.censored},
                       {"ci95_s", Json(Json::Array{r.ci95_lo_s, r.ci95_hi_s})}});
}

MttrRow mttr_row_of(const Json& j) {
  MttrRow r;
  r.mean_s = j["mean_s"].number();
  r.p50_s = j["p50_s"].number();
  r.p90_s = j["p90_s"].number();
  r.n = static_cast<int>(j["n"].integer());
  r.absorbed = static_cast<int>(j["absorbed"].integer());
  r.censored = static_cast<int>(j["censored"].integer());
  if (const auto& ci = j["ci95_s"].items(); ci.size() == 2) {
    r.ci95_lo_s = ci[0].number();
    r.ci95_hi_s = ci[1].number();
  }
  return r;
}

Json json_of(const Finding& f) {
  Json witnesses = Json::array();
  for (const auto& w : f.witnesses) {
    Json one = Json::object({{"order", w.order}, {"what", w.what}, {"at_s", w.at_s}, {"amount_cents", w.amount_cents}});
    if (!w.traces.empty()) one.set("traces", json_of(w.traces));
    witnesses.push(std::move(one));
  }
  return Json::object({{"name", f.name},
                       {"verdict", to_text(f.verdict)},
                       {"examined", f.examined},
                       {"violations", f.violations},
                       {"witnesses", std::move(witnesses)},
                       {"why", f.why},
                       {"amount_cents", f.amount_cents}});
}

Result<Verdict> verdict_of(const Json& j) {
  for (const Verdict v : {Verdict::pass, Verdict::fail, Verdict::unknown})
    if (j.string() == to_text(v)) return v;
  return Error{Errc::invalid, "verdict is '" + j.text() + "', wanted pass, fail or unknown"};
}

Result<Finding> finding_of(const Json& j) {
  Finding f;
  f.name = j["name"].string();
  auto verdict = verdict_of(j["verdict"]);
  if (!verdict) return std::move(verdict).error().in("check " + f.name);
  f.verdict = *verdict;
  f.examined = static_cast<std::uint64_t>(j["examined"].integer());
  f.violations = static_cast<std::uint64_t>(j["violations"].integer());
  for (const auto& w : j["witnesses"].items())
    f.witnesses.push_back({w["order"].string(), w["what"].string(), w["at_s"].number(), w["amount_cents"].integer(),
                           traced_steps_of(w["traces"])});
  f.why = j["why"].string();
  f.amount_cents = j["amount_cents"].integer();
  return f;
}

Json json_of_traffic(const Scorecard& c) {
  Json outcomes = Json::object(), causes = Json::object();
  for (const TradeOutcome o : kOutcomes) {
    const auto it = c.traffic.outcomes.find(o);
    outcomes.set(to_text(o), it == c.traffic.outcomes.end() ? std::uint64_t{0} : it->second);
  }
  for (const auto& [name, n] : c.traffic.causes) causes.set(name, n);
  return Json::object({{"trace", c.traffic.trace},
                       {"scale", c.traffic.scale},
                       {"peak_window_s", c.traffic.peak_window_s},
                       {"planned", c.traffic.planned},
                       {"sent", c.traffic.sent},
                       {"resends", c.traffic.resends},
                       {"outcomes", std::move(outcomes)},
                       {"causes", std::move(causes)},
                       {"peak_rate", c.traffic.peak_rate}});
}

Json json_of_bursts(const std::vector<BurstRow>& rows) {
  const auto index = [](const std::optional<double>& v) { return v ? Json(*v) : Json(); };
  Json out = Json::array();
  for (const auto& r : rows)
    out.push(Json::object({{"window_s", r.window_s},
                           {"planned_peak", r.planned_peak},
                           {"sent_peak", r.sent_peak},
                           {"planned_index", index(r.planned_index)},
                           {"sent_index", index(r.sent_index)}}));
  return out;
}

Json json_of_timeline(const std::vector<WindowRow>& rows) {
  Json out = Json::array();
  for (const auto& r : rows)
    out.push(Json::object({{"at_s", r.at_s},
                           {"planned", r.planned},
                           {"good", r.good},
                           {"p50_ms", r.p50_ms},
                           {"p99_ms", r.p99_ms},
                           {"trades", r.trades}}));
  return out;
}

Json json_of_fault_bands(const std::vector<FaultBand>& bands) {
  Json out = Json::array();
  for (const auto& s : bands)
    out.push(Json::object({{"fault", s.fault}, {"on", s.on}, {"from_s", s.from_s}, {"to_s", s.to_s}}));
  return out;
}

void read_traffic(const Json& j, Scorecard& c) {
  c.traffic.trace = j["trace"].string();
  c.traffic.scale = j["scale"].number();
  c.traffic.peak_window_s = j["peak_window_s"].number();
  c.traffic.peak_rate = j["peak_rate"].number();
  c.traffic.planned = static_cast<std::uint64_t>(j["planned"].integer());
  c.traffic.sent = static_cast<std::uint64_t>(j["sent"].integer());
  c.traffic.resends = static_cast<std::uint64_t>(j["resends"].integer());
  for (const TradeOutcome o : kOutcomes)
    c.traffic.outcomes[o] = static_cast<std::uint64_t>(j["outcomes"][to_text(o)].integer());
  for (const auto& [name, n] : j["causes"].members()) c.traffic.causes[name] = static_cast<std::uint64_t>(n.integer());
}

void read_pictures(const Json& json, Scorecard& c) {
  const auto index = [](const Json& v) { return v.is_number() ? std::optional(v.number()) : std::nullopt; };
  for (const auto& r : json["bursts"].items())
    c.bursts.push_back({r["window_s"].number(), static_cast<std::uint64_t>(r["planned_peak"].integer()),
                        static_cast<std::uint64_t>(r["sent_peak"].integer()), index(r["planned_index"]),
                        index(r["sent_index"])});
  for (const auto& r : json["timeline"].items())
    c.timeline.push_back({r["at_s"].number(), static_cast<std::uint32_t>(r["planned"].integer()),
                          static_cast<std::uint32_t>(r["good"].integer()), r["p50_ms"].number(), r["p99_ms"].number(),
                          static_cast<std::uint32_t>(r["trades"].integer())});
  for (const auto& s : json["shades"].items())
    c.fault_bands.push_back({s["fault"].string(), s["on"].string(), s["from_s"].number(), s["to_s"].number()});
}

Json json_of(const std::map<std::string, std::optional<double>>& values) {
  Json out = Json::object();
  for (const auto& [name, v] : values) out.set(name, json_of(v));
  return out;
}

std::map<std::string, std::optional<double>> optionals_of(const Json& j) {
  std::map<std::string, std::optional<double>> out;
  for (const auto& [name, v] : j.members()) out[name] = optional_of(v);
  return out;
}

/// The contract's three delays in rising order ("5", "20", "120"), whatever a map of strings would say.
Json json_of_assumed(const std::map<std::string, std::optional<double>>& values) {
  Json out = Json::object();
  for (const char* delay : {"5", "20", "120"}) {
    const auto it = values.find(delay);
    out.set(delay, it == values.end() ? Json() : json_of(it->second));
  }
  return out;
}

}  // namespace

std::string_view to_text(Verdict v) {
  switch (v) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::unknown:
      return "unknown";
  }
  return "unknown";
}

Json json_of_scorecard(const Scorecard& c) {
  Json why = Json::array(), episodes = Json::array(), by_fault = Json::object(), checks = Json::array(),
       not_exercised = Json::array();
  for (const auto& r : c.why) why.push(Json::object({{"code", r.code}, {"text", r.text}, {"remedy", r.remedy}}));
  for (const auto& e : c.episodes) episodes.push(json_of(e));
  for (const auto& [fault, row] : c.mttr) by_fault.set(fault, json_of(row));
  for (const auto& f : c.checks) checks.push(json_of(f));
  for (const auto& n : c.not_exercised) not_exercised.push(n);
  Json out =
      Json::object({{"schema", "cardstorm.scorecard/1"},
                    {"scenario", c.scenario},
                    {"target", c.target},
                    {"version", c.version},
                    {"environment", c.environment},
                    {"seed", c.seed},
                    {"verdict", to_text(c.verdict)},
                    {"why", std::move(why)},
                    {"traffic", json_of_traffic(c)},
                    {"success_rate", c.success_rate},
                    {"by_phase", json_of(c.by_phase)},
                    {"by_flow", json_of(c.by_flow)},
                    {"by_goods", json_of(c.by_goods)},
                    {"money", Json::object({{"lost_trades_cents", c.money.lost_trades_cents},
                                            {"paid_overdue_cents", c.money.paid_overdue_cents},
                                            {"double_delivered_cents", c.money.double_delivered_cents}})},
                    {"latency_ms", Json::object({{"p50", c.latency_ms.p50},
                                                 {"p90", c.latency_ms.p90},
                                                 {"p99", c.latency_ms.p99},
                                                 {"p999", c.latency_ms.p999},
                                                 {"max", c.latency_ms.max}})},
                    {"generator", Json::object({{"lateness_us", Json::object({{"p50", c.generator.lateness_p50_us},
                                                                              {"p99", c.generator.lateness_p99_us}})},
                                                {"cpu_seconds", c.generator.cpu_seconds},
                                                {"scheduling", c.generator.scheduling},
                                                {"trusted", c.generator.trusted}})},
                    {"episodes", std::move(episodes)},
                    {"mttr", Json::object({{"by_fault", std::move(by_fault)}})},
                    {"checks", std::move(checks)},
                    {"not_exercised", std::move(not_exercised)},
                    {"timeline", json_of_timeline(c.timeline)},
                    {"bursts", json_of_bursts(c.bursts)},
                    {"shades", json_of_fault_bands(c.fault_bands)},
                    {"repeats", c.repeats},
                    {"assumed_restart_s", c.assumed_restart_s},
                    {"command", c.repeat_command},
                    {"why_text", c.why_text}});
  if (!c.trace_link.empty()) out.set("trace_link", c.trace_link);
  return out;
}

Result<Scorecard> scorecard_of_json(const Json& json) {
  if (json["schema"].string() != "cardstorm.scorecard/1")
    return Error{Errc::invalid, "schema is '" + json["schema"].text() + "', wanted cardstorm.scorecard/1",
                 "judge the run folder again with this version"};
  Scorecard c;
  c.scenario = json["scenario"].string();
  c.why_text = json["why_text"].string();
  c.target = json["target"].string();
  c.version = json["version"].string();
  c.environment = json["environment"].string();
  c.trace_link = json["trace_link"].string();
  c.seed = static_cast<std::uint64_t>(json["seed"].integer());
  c.repeats = static_cast<int>(json["repeats"].integer(1));
  auto verdict = verdict_of(json["verdict"]);
  if (!verdict) return std::move(verdict).error();
  c.verdict = *verdict;
  for (const auto& r : json["why"].items())
    c.why.push_back({r["code"].string(), r["text"].string(), r["remedy"].string()});
  read_traffic(json["traffic"], c);
  c.success_rate = json["success_rate"].number();
  c.by_phase = rates_of(json["by_phase"]);
  c.by_flow = rates_of(json["by_flow"]);
  c.by_goods = rates_of(json["by_goods"]);
  c.money = {json["money"]["lost_trades_cents"].integer(), json["money"]["paid_overdue_cents"].integer(),
             json["money"]["double_delivered_cents"].integer()};
  const Json& l = json["latency_ms"];
  c.latency_ms = {l["p50"].number(), l["p90"].number(), l["p99"].number(), l["p999"].number(), l["max"].number()};
  const Json& g = json["generator"];
  c.generator = {g["lateness_us"]["p50"].number(), g["lateness_us"]["p99"].number(), g["cpu_seconds"].number(),
                 g["scheduling"].string(), g["trusted"].boolean()};
  for (const auto& e : json["episodes"].items()) c.episodes.push_back(episode_of(e));
  for (const auto& [fault, row] : json["mttr"]["by_fault"].members()) c.mttr[fault] = mttr_row_of(row);
  for (const auto& f : json["checks"].items()) {
    auto finding = finding_of(f);
    if (!finding) return std::move(finding).error();
    c.checks.push_back(*std::move(finding));
  }
  for (const auto& n : json["not_exercised"].items()) c.not_exercised.push_back(n.string());
  read_pictures(json, c);
  c.assumed_restart_s = json["assumed_restart_s"].number(-1);
  c.repeat_command = json["command"].string();
  return c;
}

Json json_of_drill(const DrillCard& d) {
  Json runs = Json::array();
  for (const auto& r : d.runs) runs.push(Json::object({{"side", r.side}, {"repeat", r.repeat}, {"dir", r.dir}}));
  return Json::object({{"schema", "cardstorm.drill/1"},
                       {"baseline", json_of_scorecard(d.baseline)},
                       {"candidate", json_of_scorecard(d.candidate)},
                       {"runs", std::move(runs)},
                       {"mttr_reduction", json_of(d.mttr_reduction)},
                       {"mttr_reduction_by_fault", json_of(d.mttr_reduction_by_fault)},
                       {"mttr_reduction_assumed_restart", json_of_assumed(d.mttr_reduction_assumed_restart)},
                       {"mttr_reduction_without_restart", json_of(d.mttr_reduction_without_restart)},
                       {"command", d.repeat_command}});
}

Result<DrillCard> drill_of_json(const Json& json) {
  if (json["schema"].string() != "cardstorm.drill/1")
    return Error{Errc::invalid, "schema is '" + json["schema"].text() + "', wanted cardstorm.drill/1",
                 "judge the drill's folder again with this version"};
  DrillCard d;
  auto baseline = scorecard_of_json(json["baseline"]);
  if (!baseline) return std::move(baseline).error().in("baseline");
  auto candidate = scorecard_of_json(json["candidate"]);
  if (!candidate) return std::move(candidate).error().in("candidate");
  d.baseline = *std::move(baseline);
  d.candidate = *std::move(candidate);
  for (const auto& r : json["runs"].items())
    d.runs.push_back({r["side"].string(), static_cast<int>(r["repeat"].integer(1)), r["dir"].string()});
  d.mttr_reduction = optional_of(json["mttr_reduction"]);
  d.mttr_reduction_by_fault = optionals_of(json["mttr_reduction_by_fault"]);
  d.mttr_reduction_assumed_restart = optionals_of(json["mttr_reduction_assumed_restart"]);
  d.mttr_reduction_without_restart = optional_of(json["mttr_reduction_without_restart"]);
  d.repeat_command = json["command"].string();
  return d;
}

}  // namespace cardstorm
