// cross_checks: see cross_checks.hpp.
#include "harness/scenario/cross_checks.hpp"

#include <algorithm>
#include <cmath>

#include "harness/core/text.hpp"
#include "harness/plan/replay.hpp"
#include "harness/plan/shapes.hpp"

namespace cardstorm {
namespace {

constexpr double kTradesMax = 5e6;    // memory holds every start time; a day at 50 a second
constexpr double kRecordedMax = 2e7;  // arrivals that the slices of a recording may hold

/// Every name that one with "{word}" in it stands for.
void add_each(const std::string& name, const std::string& word, const std::vector<std::string>& values,
              std::vector<std::string>& out) {
  const auto at = name.find(word);
  for (const std::string& value : values) out.push_back(std::string(name).replace(at, word.size(), value));
}

/// What `expect:` may name in this scenario.
std::vector<std::string> metrics_of(const Known& known, const ScenarioFile& scenario, const JourneyFile* buyers) {
  std::vector<std::string> flows, goods, faults, out;
  const auto add = [](std::vector<std::string>& to, const std::string& one) {
    if (std::count(to.begin(), to.end(), one) == 0) to.push_back(one);
  };
  for (const PlacedJourney& j : buyers == nullptr ? std::vector<PlacedJourney>{} : buyers->journeys) {
    add(flows, j.journey.flow);
    add(goods, j.journey.goods);
  }
  for (const Entry& entry : scenario.entries)
    if (!entry.fault.fault.empty()) add(faults, entry.fault.fault);
  for (const std::string& metric : known.metrics) {
    if (metric.find("{flow}") != std::string::npos)
      add_each(metric, "{flow}", flows, out);
    else if (metric.find("{goods}") != std::string::npos)
      add_each(metric, "{goods}", goods, out);
    else if (metric.find("{fault}") != std::string::npos)
      add_each(metric, "{fault}", faults, out);
    else
      out.push_back(metric);
  }
  return out;
}

}  // namespace

void check_faults(const ScenarioFile& scenario, const TargetSpec& target, const JourneyFile& buyers,
                  const Known& known_names, Mistakes& mistakes) {
  std::vector<std::string> channels, nodes, databases;
  for (const auto& [name, database] : target.databases) databases.push_back(name);
  for (const PlacedJourney& j : buyers.journeys)
    for (const std::string& c : j.journey.channels)
      if (c != "wallet" && std::count(channels.begin(), channels.end(), c) == 0) channels.push_back(c);
  for (const auto& [alias, spec] : target.nodes) {
    const std::string& node = spec.node;
    nodes.push_back(alias);
    if (!node.empty() && node != alias && target.nodes.count(node) == 0) nodes.push_back(node);
  }
  for (const Entry& entry : scenario.entries) {
    const auto kind = std::find_if(known_names.faults.begin(), known_names.faults.end(),
                                   [&](const KnownFault& f) { return f.name == entry.fault.fault; });
    if (kind == known_names.faults.end()) continue;
    if (std::count(target.touch.begin(), target.touch.end(), kind->needs) == 0) {
      const auto entry_of = std::find_if(known_names.targets.begin(), known_names.targets.end(),
                                         [&](const KnownTarget& t) { return t.name == target.kind; });
      const bool could = entry_of == known_names.targets.end() ||
                         std::count(entry_of->abilities.begin(), entry_of->abilities.end(), kind->needs) > 0;
      add_mistake(mistakes, entry.fault_at,
                  "target '" + target.name + "' cannot carry '" + kind->name + "': it does not let '" + kind->needs +
                      "' be touched",
                  could ? "add " + kind->needs +
                              " to 'touch' in the target's file if it may be broken, or choose another target"
                        : "a target of kind '" + target.kind +
                              "' never can: choose another target, or leave the fault out (--set faults=[])");
    }
    const bool by_database =
        kind->needs == "pool" && target.kind == "external";  // its nodes' own pools are out of our reach
    const std::vector<std::string>& known = kind->needs == "channels" ? channels : by_database ? databases : nodes;
    if (!known.empty() && !entry.fault.on.empty() && std::count(known.begin(), known.end(), entry.fault.on) == 0)
      add_mistake(mistakes, entry.on_at,
                  "'" + entry.fault.on + "' is not a " +
                      (kind->needs == "channels"
                           ? "channel of the journeys"
                           : (by_database ? "database of target '" : "node of target '") + target.name + "'"),
                  remedy_among(entry.fault.on, known));
  }
}

void check_preflight(const TargetFile& target, const JourneyFile& buyers, Mistakes& mistakes) {
  std::vector<std::string> names;
  for (const PlacedJourney& j : buyers.journeys) names.push_back(j.journey.name);
  const std::string& name = target.spec.preflight_journey;
  if (!name.empty() && std::count(names.begin(), names.end(), name) == 0)
    add_mistake(mistakes, target.preflight_at, "the preflight journey '" + name + "' is not among the journeys",
                remedy_among(name, names));
}

void check_goods(const TargetSpec& target, const JourneyFile& buyers, Mistakes& mistakes) {
  if (target.kind != "reference") return;  // the goods of other platforms are their own affair
  std::vector<std::string> skus;
  for (const SkuStock& s : buyers.stock) skus.push_back(s.sku);
  for (const PlacedJourney& j : buyers.journeys) {
    for (std::size_t i = 0; i < j.journey.skus.size(); ++i) {
      const std::string& sku = j.journey.skus[i];
      const Place& at = i < j.sku_places.size() ? j.sku_places[i] : j.at;
      const auto found =
          std::find_if(buyers.stock.begin(), buyers.stock.end(), [&](const SkuStock& s) { return s.sku == sku; });
      if (found == buyers.stock.end())
        add_mistake(mistakes, at, "SKU '" + sku + "' is not in the stock", remedy_among(sku, skus));
      else if (j.journey.goods != "catalogue" && j.journey.goods != found->goods)
        add_mistake(mistakes, at,
                    "SKU '" + sku + "' is of class '" + found->goods + "', the journey buys '" + j.journey.goods + "'",
                    "correct one of them");
    }
  }
}

void check_expectations(const ScenarioFile& scenario, const JourneyFile* buyers, const Known& known_names,
                        Mistakes& mistakes) {
  const std::vector<std::string> known = metrics_of(known_names, scenario, buyers);
  const auto unclear = [&](const std::string& metric) {
    return buyers == nullptr && (metric.rfind("by_flow.", 0) == 0 || metric.rfind("by_goods.", 0) == 0);
  };
  for (const auto& [expectation, at] : scenario.expect)
    if (std::count(known.begin(), known.end(), expectation.metric) == 0 && !unclear(expectation.metric))
      add_mistake(mistakes, at, "metric '" + expectation.metric + "' is not known",
                  remedy_among(expectation.metric, known));
}

void check_rates(const ScenarioFile& scenario, const JourneyFile& buyers, Mistakes& mistakes) {
  const Traffic& t = scenario.traffic;
  if (t.mode != "shaped") return;  // how full the windows are, the plan itself tells: see check_windows()
  double weights = 0, weighted_steps = 0;
  for (const PlacedJourney& j : buyers.journeys) {
    weights += j.journey.weight;
    weighted_steps += j.journey.weight * static_cast<double>(j.journey.steps.size());
  }
  if (weights <= 0) return;
  const double steps = weighted_steps / weights, window = seconds(scenario.slo.window);
  for (const Entry& entry : scenario.entries) {
    const double base = t.base_rate * entry.load;
    if (base * steps * window < scenario.slo.samples_min)
      add_mistake(mistakes, entry.fault.fault.empty() ? entry.at : entry.fault_at,
                  "a window of " + duration_text(scenario.slo.window) + " holds " + fixed(base * steps * window, 1) +
                      " planned steps (" + fixed(base, 2) + " trades/s of " + fixed(steps, 2) +
                      " steps), the slo wants " + std::to_string(scenario.slo.samples_min),
                  "raise traffic.base_rate to " +
                      fixed(std::ceil(10 * scenario.slo.samples_min / (steps * window * entry.load)) / 10, 1) +
                      ", or lower slo.samples_min, or widen slo.window");
    // A window that slides over evenly filled slots may hold up to two more than the rate says.
    const double peak_window = seconds(t.peak_window);
    if (!t.trace.empty() && t.scale * t.peak_rate * entry.load * peak_window < base * peak_window + 2)
      add_mistake(mistakes, scenario.peak_at,
                  "the base load of " + fixed(base, 2) + " trades/s leaves no room below the scaled peak of " +
                      fixed(t.scale * t.peak_rate * entry.load, 2),
                  "raise peak_rate or scale, or lower base_rate");
  }
}

void check_abort(const ScenarioFile& scenario, Mistakes& mistakes) {
  if (is_replay(scenario.traffic.mode)) return;  // how long the phases are is up to the recording
  for (const AbortRule& rule : scenario.abort) {
    Nanos longest{0};
    for (const Entry& e : scenario.entries) {
      if (rule.phase.empty() || rule.phase == "steady") longest = std::max(longest, e.steady);
      if (rule.phase.empty() || rule.phase == "fault") longest = std::max(longest, e.fault.duration);
      if (rule.phase.empty() || rule.phase == "observe") longest = std::max(longest, e.observe);
      if (rule.phase.empty()) longest = std::max(longest, e.steady + e.fault.duration + e.observe);
    }
    if (rule.window > longest)
      add_mistake(mistakes, scenario.at,
                  "abort on " + rule.metric + ": no " +
                      (rule.phase.empty() ? "stretch" : "phase '" + rule.phase + "'") +
                      " is as long as its window of " + duration_text(rule.window),
                  "shorten the window, or it never decides");
  }
}

void check_times(const ScenarioFile& scenario, Mistakes& mistakes) {
  const Traffic& t = scenario.traffic;
  const Slo& slo = scenario.slo;
  const bool shaped = t.mode == "shaped";
  double most = 0;
  for (const Entry& entry : scenario.entries) {
    const bool quiet = entry.fault.fault.empty();
    struct Stretch {
      const char* name;
      Nanos length;
    };
    const Stretch phases[]{
        {quiet ? "for" : "steady", entry.steady}, {"duration", entry.fault.duration}, {"observe", entry.observe}};
    Nanos sum{0};
    for (const Stretch& phase : phases) {
      sum += phase.length;
      if (phase.length == 0s) continue;
      if (shaped && !t.trace.empty() && phase.length < 3 * t.peak_window)
        add_mistake(mistakes, entry.at,
                    "'" + std::string(phase.name) + "' is " + duration_text(phase.length) +
                        ", shorter than three peak windows of " + duration_text(t.peak_window),
                    "each phase holds one whole peak window: make it longer, or the window shorter");
    }
    const bool unread = quiet && entry.steady == 0s;  // `for` is at least 1 s: its own mistake has been told
    if (!unread && entry.steady < slo.window * slo.breach_of)
      add_mistake(mistakes, entry.at,
                  "the steady time of " + duration_text(entry.steady) + " is shorter than " +
                      std::to_string(slo.breach_of) + " windows",
                  "steady state could not be seen: make it longer");
    if (!quiet && entry.observe < slo.window * slo.recover_good)
      add_mistake(mistakes, entry.at,
                  "'observe' is " + duration_text(entry.observe) + ", but recovery needs " +
                      std::to_string(slo.recover_good) + " good windows of " + duration_text(slo.window),
                  "no recovery could be seen: make it longer");
    if (shaped)
      most += seconds(sum) * entry.load * std::max(t.base_rate, t.scale * t.peak_rate);
    else if (entry.load != 1)
      add_mistake(mistakes, entry.at, "'load' belongs to mode shaped; the mode is '" + t.mode + "'",
                  "leave it out, or take mode step or ramp to climb");
  }
  if (most > kTradesMax)
    add_mistake(mistakes, scenario.traffic_at,
                "up to " + fixed(most, 0) + " trades are planned, more than " + fixed(kTradesMax, 0),
                "shorten the phases or lower the rates");
}

void check_trace(const ScenarioFile& scenario, const Trace& trace, Mistakes& mistakes) {
  if (scenario.traffic.mode != "shaped") return;
  const bool faults = std::any_of(scenario.entries.begin(), scenario.entries.end(),
                                  [](const Entry& e) { return !e.fault.fault.empty(); });
  if (scenario.traffic.trace.empty() && faults)
    add_mistake(mistakes, scenario.traffic_at, "faults without a trace: no second would reach the stated peak",
                "add trace: traces/azure_llm_code_2023.csv, or choose another mode");
  if (trace.at.size() < 2) return;
  if (trace.at.back() == trace.at.front())
    return add_mistake(mistakes, scenario.trace_at, "all arrivals of the recording have the same time stamp",
                       "a shape needs a time span");
  const double recorded =
      static_cast<double>(trace.at.size()) / seconds(trace.at.back() - trace.at.front()) * loaded_seconds(scenario);
  if (recorded > kRecordedMax)
    add_mistake(mistakes, scenario.trace_at,
                "the recording is too dense: " + fixed(recorded, 0) + " arrivals in the time of this scenario",
                "use a thinner recording or shorter phases");
}

void check_total(const ScenarioFile& scenario, double most, Mistakes& mistakes) {
  if (most > kTradesMax)
    add_mistake(mistakes, scenario.traffic_at,
                "up to " + fixed(most, 0) + " trades are planned, more than " + fixed(kTradesMax, 0),
                "shorten the load or lower the rates");
}

void check_shape(const ScenarioFile& scenario, Mistakes& mistakes) {
  const Traffic& t = scenario.traffic;
  const double loaded = loaded_seconds(scenario);
  check_total(scenario,
              std::max(t.rate, t.rate_to) * loaded > kTradesMax ? shape_total(t, nanos_of_seconds(loaded)) : 0,
              mistakes);
  if ((t.mode == "spike" || t.mode == "promotion") && loaded <= seconds(t.every))
    add_mistake(mistakes, scenario.mode_at,
                "the first burst comes after " + duration_text(t.every) + ", the load ends after " +
                    duration_text(nanos_of_seconds(loaded)),
                "make 'every' shorter or the load longer");
}

void check_windows(const ScenarioFile& scenario, const Plan& plan, const PlannedTrades& trades, Mistakes& mistakes) {
  const Nanos window = plan.slo.window, loaded = loaded_time(plan.segments);
  std::vector<std::uint64_t> steps(static_cast<std::size_t>(std::max<std::int64_t>(1, loaded / window)));
  for (TradeId i = 0; i < trades.size(); ++i)
    if (const auto w = static_cast<std::size_t>(load_time(plan.segments, trades.times()[i]) / window); w < steps.size())
      steps[w] += plan.journeys[trades.journey(i)].steps.size();
  const auto thin = std::count_if(steps.begin(), steps.end(), [&](std::uint64_t n) {
    return n < static_cast<std::uint64_t>(plan.slo.samples_min);
  });
  if (static_cast<std::size_t>(thin) * 2 <= steps.size()) return;
  add_mistake(mistakes, scenario.traffic_at,
              std::to_string(thin) + " of " + std::to_string(steps.size()) + " windows of " + duration_text(window) +
                  " hold fewer than the " + std::to_string(plan.slo.samples_min) +
                  " planned steps that the slo wants: no steady state could be seen",
              "widen slo.window, lower slo.samples_min, or send more");
}

double loaded_seconds(const ScenarioFile& scenario) {
  double out = 0;
  for (const Entry& e : scenario.entries) out += seconds(e.steady + e.fault.duration + e.observe);
  return out;
}

}  // namespace cardstorm
