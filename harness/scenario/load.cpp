// load: finds the files, reads each once, checks them against each other, makes the plan.
#include "harness/scenario/load.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>

#include "harness/core/burst.hpp"
#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/core/version.hpp"
#include "harness/net/crypto.hpp"
#include "harness/plan/replay.hpp"
#include "harness/plan/shapes.hpp"
#include "harness/scenario/cross_checks.hpp"
#include "harness/scenario/journeys.hpp"
#include "harness/scenario/production.hpp"
#include "harness/scenario/routes.hpp"
#include "harness/scenario/scenario_file.hpp"
#include "harness/scenario/target_file.hpp"
#include "harness/scenario/trace.hpp"
#include "harness/trace/recording.hpp"

namespace cardstorm {
namespace {

namespace fs = std::filesystem;

constexpr Nanos kYear2000 = std::chrono::seconds(946'684'800);

/// A readable name for messages: below the working folder without its front part.
std::string shown(const fs::path& path) {
  std::error_code ignored;
  const std::string full = path.lexically_normal().string(), here = fs::current_path(ignored).string() + "/";
  return full.rfind(here, 0) == 0 ? full.substr(here.size()) : full;
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool is_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
}

/// Names of the YAML files in some folders, sorted.
std::vector<std::string> names_in(const std::vector<fs::path>& folders) {
  std::set<std::string> names;
  for (const fs::path& folder : folders) {
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      if (it->path().extension() == ".yaml") names.insert(it->path().stem().string());
  }
  return {names.begin(), names.end()};
}

class Loader {
 public:
  Loader(const Request& request, const Known& known)
      : request_(request), known_(known), scenarios_(fs::path(request.root) / "scenarios") {}

  std::variant<Loaded, std::vector<Mistake>> run() {
    const auto path = scenario_path();
    const auto tree = path ? read_tree(*path) : std::nullopt;
    if (!tree) return finished();
    scenario_dir_ = path->parent_path();
    if (request_.seed && *request_.seed > static_cast<std::uint64_t>(INT64_MAX))
      mistakes_.push_back({"--seed", 0, 0, "the seed is above 2^63 - 1", "choose a smaller one"});

    Yaml full = *tree, quick = *tree;
    const Yaml* section = tree->find("quick");
    const bool has_quick = section != nullptr && section->kind == Yaml::Kind::map;
    if (has_quick)
      merge_yaml(quick, *section);
    else if (request_.quick)
      mistakes_.push_back({"--quick", 0, 0, "scenario " + shown(*path) + " has no 'quick:' section",
                           "leave --quick out, or write one"});
    Yaml& chosen = request_.quick ? quick : full;
    Yaml& other = request_.quick ? full : quick;
    std::vector<Mistake> of_the_other;  // a path that only the chosen form has is no mistake
    for (const auto& [key, value] : request_.set) {
      set_yaml(chosen, key, value, mistakes_);
      set_yaml(other, key, value, of_the_other);
    }
    // The form that is not asked for is checked as well: its mistakes would only wait for another day.
    if (has_quick) check(other, false);
    auto loaded = check(chosen, true);
    if (loaded) refuse_in_production(*loaded);
    if (!mistakes_.empty() || !loaded) return finished();
    return std::move(*loaded);
  }

  std::variant<TargetSpec, std::vector<Mistake>> run_target() {
    const fs::path path(request_.target);
    const auto tree = read_tree(path);
    if (!tree) return finished();
    const OpenTarget target{read_target(*tree, known_, mistakes_), path.parent_path()};
    if (const auto buyers = journeys_of(ScenarioFile{}, target)) {
      check_goods(target.file.spec, *buyers, mistakes_);
      check_preflight(target.file, *buyers, mistakes_);
    }
    if (!mistakes_.empty()) return finished();
    return target.file.spec;
  }

 private:
  std::vector<Mistake> finished() {
    const auto order = [](const Mistake& m) { return std::tie(m.file, m.line, m.column, m.what); };
    std::stable_sort(mistakes_.begin(), mistakes_.end(),
                     [&](const Mistake& a, const Mistake& b) { return order(a) < order(b); });
    mistakes_.erase(std::unique(mistakes_.begin(), mistakes_.end(),
                                [&](const Mistake& a, const Mistake& b) { return order(a) == order(b); }),
                    mistakes_.end());
    return std::move(mistakes_);
  }

  // ---- files

  std::optional<Yaml> read_tree(const fs::path& path) {
    const auto text = read_file(path.string());
    if (!text) {
      mistakes_.push_back({shown(path), 0, 0, text.error().what, text.error().remedy});
      return std::nullopt;
    }
    return parse_yaml(*text, shown(path), mistakes_);
  }

  std::optional<fs::path> scenario_path() {
    const std::string& name = request_.scenario_path;
    const fs::path direct(name), by_name = scenarios_ / (name + ".yaml");
    if (is_file(direct)) return direct;
    if (direct.is_relative() && is_file(by_name)) return by_name;  // with its folder as well: external/vendure
    mistakes_.push_back(
        {name, 0, 0, "there is no such scenario", remedy_among(direct.stem().string(), names_in({scenarios_}))});
    return std::nullopt;
  }

  /// A file that another file (in `from`) names, by path or by a name under scenarios/<kind>.
  std::optional<fs::path> named_file(const std::string& name, const std::string& kind, const fs::path& from,
                                     const Place& at) {
    if (is_path(name)) {
      const bool typed = at.file.starts_with("--");  // on the command line: a path as the shell means it
      const fs::path path = fs::path(name).is_absolute() || typed ? fs::path(name) : from / name;
      if (is_file(path)) return path;
      add_mistake(mistakes_, at, "there is no file '" + shown(path) + "'", "correct the path");
      return std::nullopt;
    }
    const std::vector<fs::path> folders{from / kind, from / ".." / kind, scenarios_ / kind};
    for (const fs::path& folder : folders)
      if (is_file(folder / (name + ".yaml"))) return folder / (name + ".yaml");
    add_mistake(mistakes_, at, "'" + name + "' is not known in " + kind, remedy_among(name, names_in(folders)));
    return std::nullopt;
  }

  // ---- target, journeys, trace; each file is read once

  struct OpenTarget {
    TargetFile file;
    fs::path dir;
  };

  const OpenTarget* target_of(const ScenarioFile& scenario) {
    const bool by_flag = !request_.target.empty();
    const std::string& name = by_flag ? request_.target : scenario.target;
    if (name.empty()) {
      add_mistake(mistakes_, scenario.at, "no target is named", "give --target NAME, or write target: hardened");
      return nullptr;
    }
    const Place at = by_flag ? Place{"--target " + name, 0, 0} : scenario.target_at;
    const auto path = named_file(name, "targets", by_flag && is_path(name) ? fs::path(".") : scenario_dir_, at);
    if (!path) return nullptr;
    const auto seen = targets_.find(path->string());
    if (seen != targets_.end()) return seen->second ? &*seen->second : nullptr;
    auto& slot = targets_[path->string()];
    if (const auto tree = read_tree(*path))
      slot = OpenTarget{read_target(*tree, known_, mistakes_), path->parent_path()};
    return slot ? &*slot : nullptr;
  }

  const JourneyFile* journey_file(const fs::path& path) {
    const auto seen = journeys_.find(path.string());
    if (seen != journeys_.end()) return seen->second ? &*seen->second : nullptr;
    auto& slot = journeys_[path.string()];
    if (const auto tree = read_tree(path)) slot = read_journeys(*tree, mistakes_);
    return slot ? &*slot : nullptr;
  }

  /// All journeys and goods that the scenario uses (or, where it names none, the target).
  std::optional<JourneyFile> journeys_of(const ScenarioFile& scenario, const OpenTarget& target) {
    const bool own = !scenario.journeys.empty();
    JourneyFile all;
    bool whole = true;
    for (const std::string& name : own ? scenario.journeys : target.file.journeys) {
      const auto path = named_file(name, "journeys", own ? scenario_dir_ : target.dir,
                                   own ? scenario.journeys_at : target.file.journeys_at);
      const JourneyFile* file = path ? journey_file(*path) : nullptr;
      if (file == nullptr) {
        whole = false;
        continue;
      }
      all.journeys.insert(all.journeys.end(), file->journeys.begin(), file->journeys.end());
      all.stock.insert(all.stock.end(), file->stock.begin(), file->stock.end());
    }
    std::set<std::string> names, skus;
    for (const PlacedJourney& j : all.journeys)
      if (!names.insert(j.journey.name).second)
        add_mistake(mistakes_, j.at, "journey '" + j.journey.name + "' stands twice", "rename one of them");
    for (const SkuStock& s : all.stock)
      if (!skus.insert(s.sku).second)
        add_mistake(mistakes_, scenario.journeys_at, "SKU '" + s.sku + "' is in the stock of two journeys files",
                    "keep one of them");
    if (scenario.stock != nullptr) all.stock = read_stock(*scenario.stock, all.stock, mistakes_);
    if (!whole) return std::nullopt;
    return all;
  }

  /// A trace file: its arrivals and, in the internal form of `trace import`, everything else that was recorded.
  struct OpenTrace {
    Trace trace;
    std::optional<Recording> recording;
  };

  const OpenTrace* open_trace(const fs::path& path, const Place& at) {
    const auto [seen, fresh] = traces_.try_emplace(path.string());
    OpenTrace& out = seen->second;
    if (!fresh) return &out;
    if (is_recording(path.string())) {
      auto recording = read_recording(path.string());
      if (!recording)
        add_mistake(mistakes_, at, recording.error().what, recording.error().remedy);
      else if (recording->first < kYear2000)
        mistakes_.push_back({shown(path), 2, 1,
                             "the recording begins in " +
                                 std::to_string(1970 + recording->first / std::chrono::hours(24 * 365)) +
                                 ": ts_ns holds no nanoseconds since 1970",
                             "make the recording again with: cardstorm trace import"});
      else {
        out.recording = std::move(*recording);
        out.trace = trace_of_recording(*out.recording);
      }
      return &out;
    }
    const auto text = read_file(path.string());
    if (!text)
      add_mistake(mistakes_, at, text.error().what, text.error().remedy);
    else
      out.trace = parse_trace(*text, shown(path), mistakes_);
    return &out;
  }

  /// The trace that the scenario names; nullptr where it names none or there is none.
  const OpenTrace* trace_of(const ScenarioFile& scenario) {
    const std::string& name = scenario.traffic.trace;
    if (name.empty()) return nullptr;
    for (const fs::path& base : {scenario_dir_, scenarios_, fs::path(request_.root), fs::path(".")}) {
      const fs::path path = fs::path(name).is_absolute() ? fs::path(name) : base / name;
      if (is_file(path)) return open_trace(path, scenario.trace_at);
    }
    add_mistake(mistakes_, scenario.trace_at, "there is no trace '" + name + "'",
                "give a CSV file; scenarios/traces holds the shipped ones");
    return nullptr;
  }

  /// Applies the routes file: the recording's lines become starts of `buyers`' journeys, to which the raw read may be
  /// added.
  Trace routed(ScenarioFile& scenario, const OpenTrace& open, JourneyFile& buyers) {
    const auto path = named_file(scenario.traffic.routes, "routes", scenario_dir_, scenario.routes_at);
    if (!path) return {};
    const auto text = read_file(path->string());
    const auto tree = read_tree(*path);
    if (!text || !tree) return {};
    scenario.traffic.routes_sha256 = sha256_hex(*text);
    const std::size_t before = mistakes_.size();
    const RoutesFile routes = read_routes(*tree, mistakes_);
    if (!open.recording) {
      if (!open.trace.at.empty())
        add_mistake(mistakes_, scenario.routes_at,
                    "the trace '" + scenario.traffic.trace + "' holds times only: there are no routes to map",
                    "make a recording of the log with: cardstorm trace import");
      return {};
    }
    if (mistakes_.size() > before) return {};
    const auto number = [&](const std::string& name) -> std::optional<std::uint16_t> {
      const auto found = std::find_if(buyers.journeys.begin(), buyers.journeys.end(),
                                      [&](const PlacedJourney& j) { return j.journey.name == name; });
      if (found == buyers.journeys.end()) return std::nullopt;
      return static_cast<std::uint16_t>(found - buyers.journeys.begin());
    };
    if (routes.replay_reads && !number(kReplayGet))
      buyers.journeys.push_back({replay_get_journey(buyers.journeys), scenario.routes_at, scenario.routes_at, {}});
    return apply_routes(routes, *open.recording, number, mistakes_);
  }

  // ---- what only all files together can tell

  /// Last of all: only a whole plan says what it would do.
  void refuse_in_production(const Loaded& loaded) {
    if (loaded.target.environment != "production") return;
    const auto open = std::find_if(targets_.begin(), targets_.end(), [&](const auto& t) {
      return t.second && t.second->file.spec.name == loaded.target.name;
    });
    const Place at = open == targets_.end() ? Place{} : open->second->file.production_at;
    for (const Mistake& m : production_mistakes(loaded.target, loaded.plan, arrival_times(loaded.plan, loaded.trace)))
      add_mistake(mistakes_, at, m.what, m.remedy);
  }

  /// Checks a replay, and gives the load the recording's length where the scenario names none.
  void settle_replay(ScenarioFile& scenario, const Trace& trace) {
    Traffic& t = scenario.traffic;
    if (trace.at.empty()) {
      if (!t.routes.empty() && mistakes_.empty())
        add_mistake(mistakes_, scenario.routes_at, "no line of the recording starts a journey",
                    "`cardstorm trace stats` lists the routes that it holds");
      return;
    }
    Traffic whole = t;
    whole.from = whole.length = Nanos(0);
    const Slice slice = slice_of_trace(t, trace);
    const Nanos recorded = slice_of_trace(whole, trace).length;
    if (t.from >= recorded)
      return add_mistake(
          mistakes_, scenario.from_at,
          "'from' is " + duration_text(t.from) + ", the recording lasts " + fixed(seconds(recorded), 1) + " s",
          "begin earlier");
    if (slice.at.size() < 2)
      return add_mistake(mistakes_, scenario.from_at,
                         "this part of the recording starts " + std::to_string(slice.at.size()) +
                             (slice.at.size() == 1 ? " trade only" : " trades"),
                         "choose 'from' and 'length' where something was recorded");
    const Nanos length = replay_length(t, slice);
    if (!scenario.own_length && length > std::chrono::hours(24))
      return add_mistake(mistakes_, scenario.trace_at,
                         "the recording lasts " + fixed(seconds(length) / 3600, 1) + " h, a load at most 24 h",
                         "choose a part of it by 'from' and 'length'");
    if (!scenario.own_length) scenario.entries.front().steady = length;
    check_total(scenario,
                static_cast<double>(slice.at.size()) * t.scale / seconds(slice.length) * loaded_seconds(scenario),
                mistakes_);
    t.peak_rate = static_cast<double>(burst_numbers(slice.at, Nanos(0), slice.length)[1].peak);
  }

  // ---- the plan

  static std::vector<Segment> segments_of(const std::vector<Entry>& entries) {
    std::vector<Segment> out;
    Nanos at{0};
    for (const Entry& e : entries) {
      Segment s{static_cast<std::uint32_t>(out.size()),       at, at + e.steady, at + e.steady + e.fault.duration,
                at + e.steady + e.fault.duration + e.observe, {}, e.fault,       e.load};
      at = s.end = s.horizon_at + e.gap;
      out.push_back(std::move(s));
    }
    return out;
  }

  /// Reads one form of the scenario and checks it against all other files; `make` asks for the plan as well.
  std::optional<Loaded> check(const Yaml& tree, bool make) {
    ScenarioFile scenario = read_scenario(tree, known_, mistakes_);
    const OpenTarget* target = target_of(scenario);
    const OpenTrace* open = trace_of(scenario);
    auto buyers = target == nullptr ? std::nullopt : journeys_of(scenario, *target);
    const bool by_routes = !scenario.traffic.routes.empty();
    Trace trace;
    if (by_routes && open != nullptr && buyers)
      trace = routed(scenario, *open, *buyers);
    else if (!by_routes && open != nullptr)
      trace = open->trace;
    if (is_replay(scenario.traffic.mode) && open != nullptr && (!by_routes || buyers)) settle_replay(scenario, trace);
    if (is_shape(scenario.traffic.mode)) check_shape(scenario, mistakes_);
    check_trace(scenario, trace, mistakes_);
    check_times(scenario, mistakes_);
    check_abort(scenario, mistakes_);
    check_expectations(scenario, buyers ? &*buyers : nullptr, known_, mistakes_);
    if (!buyers) return std::nullopt;
    check_faults(scenario, target->file.spec, *buyers, known_, mistakes_);
    check_goods(target->file.spec, *buyers, mistakes_);
    check_preflight(target->file, *buyers, mistakes_);
    check_rates(scenario, *buyers, mistakes_);
    if (!make || !mistakes_.empty()) return std::nullopt;
    return made(std::move(scenario), target->file.spec, std::move(*buyers), std::move(trace));
  }

  Loaded made(ScenarioFile scenario, const TargetSpec& target, JourneyFile buyers, Trace trace) {
    Loaded out;
    Plan& plan = out.plan;
    plan.scenario = scenario.name;
    plan.why = scenario.why;
    plan.target = target.name;
    plan.version = build_version();
    plan.seed = request_.seed.value_or(scenario.seed.value_or(1));
    plan.traffic = scenario.traffic;
    plan.traffic.trace_sha256 = trace.sha256;
    if (plan.traffic.mode != "shaped") plan.traffic.base_rate = 0;
    if (is_shape(plan.traffic.mode)) {
      plan.traffic.scale = 1;
      plan.traffic.peak_rate = std::max(plan.traffic.rate, plan.traffic.rate_to);
    }
    plan.segments = segments_of(scenario.entries);
    plan.load_end = plan.segments.back().end;
    plan.drain = scenario.timing.drain;
    for (PlacedJourney& j : buyers.journeys) plan.journeys.push_back(std::move(j.journey));
    plan.stock = std::move(buyers.stock);
    plan.slo = scenario.slo;
    for (const auto& [expectation, at] : scenario.expect) plan.expect.push_back(expectation);
    plan.checks = std::move(scenario.checks);
    plan.in_flight_max = scenario.in_flight_max;
    plan.connections_max = scenario.connections_max;
    plan.buyers = scenario.buyers;
    plan.abort = std::move(scenario.abort);
    plan.front_walls = std::move(scenario.front_walls);
    const PlannedTrades trades(plan, trace);
    plan.planned_trades = trades.size();
    for (TradeId i = 0; i < trades.size(); ++i) plan.planned_steps += plan.journeys[trades.journey(i)].steps.size();
    if (plan.traffic.mode != "shaped") check_windows(scenario, plan, trades, mistakes_);
    out.target = target;
    out.trace = std::move(trace);
    return out;
  }

  const Request& request_;
  const Known& known_;
  fs::path scenarios_, scenario_dir_;
  std::vector<Mistake> mistakes_;
  std::map<std::string, std::optional<OpenTarget>> targets_;
  std::map<std::string, std::optional<JourneyFile>> journeys_;
  std::map<std::string, OpenTrace> traces_;
};

}  // namespace

std::string text_of(const std::vector<Mistake>& mistakes) {
  std::string out;
  for (const Mistake& m : mistakes) {
    out += m.file;
    if (m.line > 0) out += ":" + std::to_string(m.line) + ":" + std::to_string(m.column);
    out += ": " + m.what + "\n";
    if (!m.remedy.empty()) out += "    " + m.remedy + "\n";
  }
  return out;
}

std::variant<Loaded, std::vector<Mistake>> load(const Request& request, const Known& known) {
  return Loader(request, known).run();
}

std::variant<TargetSpec, std::vector<Mistake>> load_target(const std::string& path, const std::string& root,
                                                           const Known& known) {
  Request request;
  request.target = path;
  request.root = root;
  return Loader(request, known).run_target();
}

}  // namespace cardstorm
