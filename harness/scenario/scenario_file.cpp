// scenario_file: field by field, each mistake with its place.
#include "harness/scenario/scenario_file.hpp"

#include <algorithm>
#include <charconv>

#include "harness/core/text.hpp"
#include "harness/scenario/target_file.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kLongestScenario = std::chrono::hours(24);
constexpr Nanos kLongestRecording = std::chrono::hours(24 * 366);
constexpr double kRateMax = 100'000;

/// The keys of 'traffic' that only some modes heed, and those modes.
struct ModeKey {
  std::string_view key;
  std::vector<std::string_view> modes;
};

const std::vector<std::string> kModes{"shaped", "compress", "clone",   "resample", "constant",
                                      "ramp",   "step",     "poisson", "spike",    "promotion"};
const std::vector<ModeKey> kModeKeys{
    {"trace", {"shaped", "compress", "clone", "resample"}},
    {"base_rate", {"shaped"}},
    {"peak_rate", {"shaped"}},
    {"peak_window", {"shaped"}},
    {"scale", {"shaped", "compress", "clone", "resample"}},
    {"from", {"compress", "clone", "resample"}},
    {"length", {"compress", "clone", "resample"}},
    {"routes", {"compress", "clone", "resample"}},
    {"rate", {"constant", "ramp", "step", "poisson", "spike", "promotion"}},
    {"rate_to", {"ramp", "step", "spike", "promotion"}},
    {"steps", {"step"}},
    {"every", {"spike", "promotion"}},
    {"lasts", {"spike", "promotion"}},
};

/// Keys that the mode does not heed are mistakes; so are those missing that it cannot do without. `fit`: each rate and
/// time could be read.
void check_mode(Fields& fields, const Yaml& node, const Traffic& t, const Place& mode_at, bool fit,
                Mistakes& mistakes) {
  if (std::count(kModes.begin(), kModes.end(), t.mode) == 0)
    return add_mistake(mistakes, mode_at, "mode '" + t.mode + "' is not known", remedy_among(t.mode, kModes));
  for (const ModeKey& entry : kModeKeys) {
    const YamlMember* member = nullptr;
    for (const YamlMember& m : node.members)
      if (m.key == entry.key && m.value.kind != Yaml::Kind::null) member = &m;
    const bool heeded = std::count(entry.modes.begin(), entry.modes.end(), t.mode) > 0;
    if (member != nullptr && !heeded)
      add_mistake(
          mistakes, member->at, "'" + member->key + "' does nothing in mode '" + t.mode + "'",
          "remove it, or take mode " + join(std::vector<std::string>(entry.modes.begin(), entry.modes.end()), ", "));
  }
  const auto heeds = [&](std::string_view key) {
    const auto entry = std::find_if(kModeKeys.begin(), kModeKeys.end(), [&](const ModeKey& k) { return k.key == key; });
    return std::count(entry->modes.begin(), entry->modes.end(), t.mode) > 0;
  };
  if (heeds("from")) fields.need("trace", "traces/sample_shop.csv");
  const bool rate = !heeds("rate") || fields.need("rate", "20") != nullptr,
             rate_to = !heeds("rate_to") || fields.need("rate_to", "100") != nullptr;
  if (!fit || !rate || !rate_to) return;  // what is wrong by itself says nothing beside the others
  if (heeds("every") && t.rate_to <= t.rate)
    add_mistake(
        mistakes, mode_at,
        "a burst of " + fixed(t.rate_to, 2) + " trades/s does not rise above the " + fixed(t.rate, 2) + " around it",
        "raise rate_to");
  if (heeds("every") && t.lasts >= t.every)
    add_mistake(mistakes, mode_at,
                "a burst of " + duration_text(t.lasts) + " every " + duration_text(t.every) + " never ends",
                "make 'lasts' shorter than 'every'");
  if (heeds("rate") && t.rate <= 0 && (t.rate_to <= 0 || !heeds("rate_to")))
    add_mistake(mistakes, mode_at, "a rate of 0 gives no load", "raise 'rate'");
}

void read_traffic(const Yaml& node, ScenarioFile& out, Mistakes& mistakes) {
  Fields fields(node, "'traffic'", mistakes);
  Traffic& t = out.traffic;
  out.traffic_at = out.trace_at = out.peak_at = out.mode_at = out.from_at = out.routes_at = node.at;
  const auto place = [&](std::string_view key, Place& at) {
    if (const Yaml* value = fields.get(key)) at = value->at;
  };
  place("mode", out.mode_at);
  fields.text("mode", t.mode);
  place("trace", out.trace_at);
  fields.text("trace", t.trace);
  fields.number("base_rate", t.base_rate, 0.001, kRateMax);
  place("peak_rate", out.peak_at);
  fields.number("peak_rate", t.peak_rate, 0.001, kRateMax);
  fields.duration("peak_window", t.peak_window, 100ms, std::chrono::minutes(10));
  fields.number("scale", t.scale, 0.01, 1000);
  const std::size_t before = mistakes.size();
  fields.number("rate", t.rate, 0, kRateMax);
  fields.number("rate_to", t.rate_to, 0, kRateMax);
  fields.duration("every", t.every, 1s, kLongestScenario);
  fields.duration("lasts", t.lasts, 100ms, kLongestScenario);
  const bool fit = mistakes.size() == before;
  place("from", out.from_at);
  fields.duration("from", t.from, 0s, kLongestRecording);
  fields.duration("length", t.length, 1s, kLongestRecording);
  place("routes", out.routes_at);
  fields.text("routes", t.routes);
  fields.duration("late_max", t.late_max, 1ms, 60s);
  fields.number("connects_per_second", t.connects_per_second, 1, 1e6);
  std::int64_t steps = t.steps, shards = t.shards, buyers = out.buyers, in_flight = out.in_flight_max,
               connections = out.connections_max;
  fields.integer("steps", steps, 2, 1000);
  if (fields.integer("shards", shards, 1, 8) && shards != 1 && shards != 2 && shards != 4 && shards != 8) {
    add_mistake(mistakes, fields.get("shards")->at, "'shards' is " + std::to_string(shards), "take 1, 2, 4 or 8");
    shards = 1;
  }
  fields.integer("buyers", buyers, 1, 100'000);
  fields.integer("in_flight_max", in_flight, 1, 1'000'000);
  fields.integer("connections_max", connections, 1, 60'000);
  t.steps = static_cast<std::uint32_t>(steps);
  t.shards = static_cast<std::uint32_t>(shards);
  out.buyers = static_cast<std::uint32_t>(buyers);
  out.in_flight_max = static_cast<std::uint32_t>(in_flight);
  out.connections_max = static_cast<std::uint32_t>(connections);
  if (fields.is_map()) check_mode(fields, node, t, out.mode_at, fit, mistakes);
  fields.finish();
}

void read_timing(const Yaml& node, Timing& out, Mistakes& mistakes) {
  Fields fields(node, "'timing'", mistakes);
  fields.duration("steady", out.steady, 1s, kLongestScenario);
  fields.duration("fault", out.fault, 1s, kLongestScenario);
  fields.duration("observe", out.observe, 1s, kLongestScenario);
  fields.duration("gap", out.gap, 0s, kLongestScenario);
  fields.duration("drain", out.drain, 0s, kLongestScenario);
  fields.finish();
}

/// Parameters that are given, in the registry's order, with the registry's defaults for the rest.
Json read_params(const Yaml* node, const KnownFault& known, const Place& at, Mistakes& mistakes) {
  Json out = Json::object();
  std::vector<std::string> names;
  for (const FaultParam& param : known.params) names.push_back(param.name);
  if (node != nullptr && node->kind != Yaml::Kind::map) {
    add_mistake(mistakes, node->at, "'params' must be a map", "write params: { name: value }");
    return out;
  }
  if (node != nullptr)
    for (const YamlMember& member : node->members)
      if (std::count(names.begin(), names.end(), member.key) == 0)
        add_mistake(mistakes, member.at, "fault '" + known.name + "' has no parameter '" + member.key + "'",
                    remedy_among(member.key, names));
  for (const FaultParam& param : known.params) {
    const Yaml* given = node == nullptr ? nullptr : node->find(param.name);
    Json value;
    if (given != nullptr) {
      if (read_param(param, *given, value, mistakes)) out.set(param.name, value);
      continue;
    }
    if (param.default_text.empty()) {
      add_mistake(mistakes, at, "fault '" + known.name + "' needs the parameter '" + param.name + "'",
                  "add params: { " + param.name + ": ... }");
      continue;
    }
    Yaml by_default;
    by_default.kind = Yaml::Kind::scalar;
    by_default.at = at;
    by_default.text = param.default_text;
    if (read_param(param, by_default, value, mistakes)) out.set(param.name, value);
  }
  return out;
}

Entry read_fault(const Yaml& node, const Timing& timing, const Known& known, Mistakes& mistakes) {
  Entry out{{}, timing.steady, timing.observe, timing.gap, 1, node.at, node.at, node.at};
  out.fault.duration = timing.fault;
  Fields fields(node, "a fault", mistakes);
  std::vector<std::string> names;
  for (const KnownFault& fault : known.faults) names.push_back(fault.name);
  const KnownFault* kind = nullptr;
  if (fields.text_needed("fault", out.fault.fault, "node_kill")) {
    out.fault_at = fields.get("fault")->at;
    const auto found = std::find_if(known.faults.begin(), known.faults.end(),
                                    [&](const KnownFault& f) { return f.name == out.fault.fault; });
    if (found == known.faults.end())
      add_mistake(mistakes, out.fault_at, "fault '" + out.fault.fault + "' is not known",
                  remedy_among(out.fault.fault, names));
    else
      kind = &*found;
  }
  if (fields.text_needed("on", out.fault.on, "order")) out.on_at = fields.get("on")->at;
  fields.duration("duration", out.fault.duration, 1s, kLongestScenario);
  fields.duration("steady", out.steady, 1s, kLongestScenario);
  fields.duration("observe", out.observe, 1s, kLongestScenario);
  fields.duration("gap", out.gap, 0s, kLongestScenario);
  fields.number("load", out.load, 0.01, 1000);
  const Yaml* params = fields.get("params");
  if (kind != nullptr) out.fault.params = read_params(params, *kind, out.fault_at, mistakes);
  fields.finish();
  return out;
}

Entry read_level(const Yaml& node, const Timing& timing, Mistakes& mistakes) {
  Entry out{{}, 0s, 0s, timing.gap, 1, node.at, node.at, node.at};
  out.fault.duration = 0s;
  Fields fields(node, "a level", mistakes);
  if (fields.need("for", "20s") != nullptr) fields.duration("for", out.steady, 1s, kLongestScenario);
  fields.number("load", out.load, 0.01, 1000);
  fields.duration("gap", out.gap, 0s, kLongestScenario);
  fields.finish();
  return out;
}

/// The items of a list of maps.
const std::vector<Yaml>& items_of(Fields& fields, std::string_view key, Mistakes& mistakes) {
  static const std::vector<Yaml> kNone;
  const Yaml* node = fields.get(key);
  if (node == nullptr) return kNone;
  if (node->kind == Yaml::Kind::list && node->items.size() <= 1000) return node->items;
  add_mistake(mistakes, node->at, "'" + std::string(key) + "' must be a list of at most 1000 entries",
              "write '- ' in front of each entry");
  return kNone;
}

void read_slo(const Yaml& node, ScenarioFile& out, Mistakes& mistakes) {
  Fields fields(node, "'slo'", mistakes);
  Slo& slo = out.slo;
  fields.duration("window", slo.window, 100ms, std::chrono::minutes(10));
  fields.number("good_share", slo.good_share, 0.01, 1);
  fields.duration("step_limit", slo.step_limit, 1ms, std::chrono::minutes(10));
  const auto integer = [&](std::string_view key, int& value, int max) {
    std::int64_t read = value;
    fields.integer(key, read, 1, max);
    value = static_cast<int>(read);
  };
  integer("samples_min", slo.samples_min, 1'000'000);
  integer("breach_of", slo.breach_of, 1000);
  integer("breach_bad", slo.breach_bad, 1000);
  integer("recover_good", slo.recover_good, 1000);
  if (slo.breach_bad > slo.breach_of)
    add_mistake(
        mistakes, node.at,
        "'breach_bad' is " + std::to_string(slo.breach_bad) + " of only " + std::to_string(slo.breach_of) + " windows",
        "make breach_of at least as large");
  fields.finish();
}

/// ">= 0.995" as relation and bound.
std::optional<Expectation> expectation_of(const std::string& metric, const std::string& text) {
  const std::string_view all = trim(text);
  for (const std::string_view relation : {">=", "<=", "==", ">", "<"}) {
    if (all.rfind(relation, 0) != 0) continue;
    const std::string_view number = trim(all.substr(relation.size()));
    double bound = 0;
    const auto [rest, error] = std::from_chars(number.data(), number.data() + number.size(), bound);
    if (error != std::errc() || rest != number.data() + number.size() || !(bound > -1e15 && bound < 1e15))
      return std::nullopt;
    return Expectation{metric, std::string(relation), bound};
  }
  return std::nullopt;
}

void read_expect(const Yaml& node, ScenarioFile& out, Mistakes& mistakes) {
  if (node.kind != Yaml::Kind::map)
    return add_mistake(mistakes, node.at, "'expect' must be a map of metrics and bounds",
                       "write expect: { success_rate: \">= 0.995\" }");
  for (const YamlMember& member : node.members) {
    std::string text;
    if (!text_of_node(member.value, member.key, text, mistakes)) continue;
    const auto expectation = expectation_of(member.key, text);
    if (!expectation)
      add_mistake(mistakes, member.value.at, "'" + text + "' is not a relation and a number",
                  "write for example " + member.key + ": \">= 0.995\"");
    else
      out.expect.emplace_back(*expectation, member.at);
  }
}

const std::vector<std::string> kAbortMetrics{"good_share", "p99_ms", "lateness_p99_ms"};
const std::vector<std::string> kAbortPhases{"any", "steady", "fault", "observe"};

AbortRule read_abort(const Yaml& node, Mistakes& mistakes) {
  AbortRule out{"good_share", ">=", 0, 10s, ""};
  Fields fields(node, "an entry of 'abort'", mistakes);
  if (fields.text_needed("metric", out.metric, "good_share") &&
      std::count(kAbortMetrics.begin(), kAbortMetrics.end(), out.metric) == 0)
    add_mistake(mistakes, fields.get("metric")->at, "metric '" + out.metric + "' is not known in 'abort'",
                remedy_among(out.metric, kAbortMetrics));
  std::string is, phase;
  if (fields.text_needed("is", is, "\">= 0.5\"")) {
    if (const auto wanted = expectation_of(out.metric, is)) {
      out.relation = wanted->relation;
      out.bound = wanted->bound;
    } else {
      add_mistake(mistakes, fields.get("is")->at, "'" + is + "' is not a relation and a number",
                  "write what must hold, for example is: \">= 0.5\"");
    }
  }
  fields.duration("window", out.window, 1s, std::chrono::minutes(10));
  if (fields.text("phase", phase)) {
    if (std::count(kAbortPhases.begin(), kAbortPhases.end(), phase) == 0)
      add_mistake(mistakes, fields.get("phase")->at, "phase '" + phase + "' is not known",
                  remedy_among(phase, kAbortPhases));
    if (phase != "any") out.phase = phase;
  }
  fields.finish();
  return out;
}

FrontWall read_front_wall(const Yaml& node, Mistakes& mistakes) {
  FrontWall out;
  Fields fields(node, "an entry of 'front_wall'", mistakes);
  fields.integers("status", out.status, 100, 599);
  fields.text("header", out.header);
  fields.text("has", out.header_has);
  fields.text("body_has", out.body_has);
  if (!out.header_has.empty() && out.header.empty())
    add_mistake(mistakes, fields.get("has")->at, "'has' without a header to look in",
                "add header: Server, or write body_has for text in the page");
  if (fields.is_map() && out.header.empty() && out.body_has.empty())
    add_mistake(mistakes, node.at,
                "nothing tells this front wall from the platform: a status alone may be the platform's own",
                "add header and has, or body_has");
  fields.finish();
  return out;
}

/// Runs that are not given --out lie in a folder that is named after their scenario.
bool is_folder_name(const std::string& name) {
  return name.size() <= 100 &&
         std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '/'; });
}

}  // namespace

ScenarioFile read_scenario(const Yaml& root, const Known& known, Mistakes& mistakes) {
  ScenarioFile out;
  out.at = out.target_at = out.traffic_at = out.trace_at = out.peak_at = out.journeys_at = out.mode_at = out.from_at =
      out.routes_at = root.at;
  Fields fields(root, "a scenario", mistakes);
  if (fields.text_needed("scenario", out.name, "drill") && !is_folder_name(out.name))
    add_mistake(
        mistakes, fields.get("scenario")->at,
        "the name of a scenario becomes part of its run folder's: no '/', no control character, at most 100 bytes",
        "write for example scenario: drill");
  fields.text_needed("why", out.why, "\"a spot instance is taken back in the evening peak\"");
  if (fields.text("target", out.target)) out.target_at = fields.get("target")->at;
  std::int64_t seed = 1;
  if (fields.integer("seed", seed, 0, INT64_MAX)) out.seed = static_cast<std::uint64_t>(seed);
  if (const Yaml* traffic = fields.need("traffic", "{ trace: traces/azure_llm_code_2023.csv }"))
    read_traffic(*traffic, out, mistakes);
  if (const Yaml* timing = fields.get("timing")) {
    read_timing(*timing, out.timing, mistakes);
    for (const char* key : {"steady", "fault", "observe"})
      out.own_length = out.own_length || timing->find(key) != nullptr;
  }
  for (const Yaml& item : items_of(fields, "levels", mistakes))
    out.entries.push_back(read_level(item, out.timing, mistakes));
  for (const Yaml& item : items_of(fields, "faults", mistakes))
    out.entries.push_back(read_fault(item, out.timing, known, mistakes));
  out.own_length = out.own_length || !out.entries.empty();
  for (const Yaml& item : items_of(fields, "abort", mistakes)) out.abort.push_back(read_abort(item, mistakes));
  for (const Yaml& item : items_of(fields, "front_wall", mistakes))
    out.front_walls.push_back(read_front_wall(item, mistakes));
  if (out.entries.empty()) {  // no levels, no faults: one quiet stretch as long as a fault's segment would be
    const Timing& t = out.timing;
    out.entries.push_back({{}, t.steady + t.fault + t.observe, 0s, t.gap, 1, root.at, root.at, root.at});
    out.entries.back().fault.duration = 0s;
  }
  if (const Yaml* journeys = fields.get("journeys")) {
    fields.texts("journeys", out.journeys);
    out.journeys_at = journeys->at;
  }
  out.stock = fields.get("stock");
  if (const Yaml* slo = fields.get("slo")) read_slo(*slo, out, mistakes);
  if (const Yaml* expect = fields.get("expect")) read_expect(*expect, out, mistakes);
  if (fields.texts("checks", out.checks)) {
    for (const std::string& check : out.checks)
      if (std::count(known.checks.begin(), known.checks.end(), check) == 0 &&
          !(check == "none" && out.checks.size() == 1))
        add_mistake(mistakes, fields.get("checks")->at, "check '" + check + "' is not known",
                    remedy_among(check, known.checks));
  }
  if (const Yaml* quick = fields.get("quick"); quick != nullptr && quick->kind != Yaml::Kind::map)
    add_mistake(mistakes, quick->at, "'quick' must be a map of what --quick changes",
                "write quick: { timing: { steady: 6s } }");
  fields.finish();
  return out;
}

}  // namespace cardstorm
