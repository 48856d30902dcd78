// routes: lines of a log become starts of trades.
#include "harness/scenario/routes.hpp"

#include <algorithm>
#include <cassert>
#include <unordered_map>

#include "harness/core/text.hpp"
#include "harness/trace/scrub.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kListed = 10;     // unmapped writes told one by one
constexpr std::size_t kPathMax = 4096;  // a longer one is no request that a server would take

/// What a kind of line (method, path, route) means under a routes file.
struct Meaning {
  enum class Kind : std::uint8_t { nothing, start, ignored, skipped };
  Kind kind = Kind::nothing;
  std::size_t entry = 0;                                        // of `map`, for start
  std::vector<std::pair<std::size_t, std::size_t>> covered_by;  // (entry, index of its cover)
};

enum class Fate : std::uint8_t { open, started, absorbed };

bool is_read(std::string_view method) { return method == "GET" || method == "HEAD"; }
bool is_harmless(std::string_view method) { return is_read(method) || method == "OPTIONS"; }

bool is_sendable(std::string_view path) {
  return !path.empty() && path.front() == '/' && path.size() <= kPathMax &&
         std::all_of(path.begin(), path.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

std::string_view without_query(std::string_view path) { return path.substr(0, path.find('?')); }

class Router {
 public:
  Router(const RoutesFile& routes, const Recording& recording)
      : routes_(routes), recording_(recording), fate_(recording.size(), Fate::open) {
    meanings_.reserve(1024);
    for (std::size_t i = 0; i < recording.size(); ++i) meaning_of_.push_back(number_of_meaning(i));
    by_session_.resize(recording.sessions);
    for (std::size_t i = 0; i < recording.size(); ++i)
      by_session_[recording.session[i]].push_back(static_cast<std::uint32_t>(i));
    for (const auto& session : by_session_)
      for (std::size_t entry = 0; entry < routes.map.size(); ++entry) start_trades(session, entry);
  }

  [[nodiscard]] Fate fate(std::size_t line) const { return fate_[line]; }
  [[nodiscard]] const Meaning& meaning(std::size_t line) const { return meanings_[meaning_of_[line]]; }
  [[nodiscard]] const std::string& method(std::size_t line) const {
    return recording_.methods[recording_.method[line]];
  }
  /// "POST /orders/*/pay", for people.
  [[nodiscard]] std::string route(std::size_t line) const {
    const std::string& route = recording_.routes[recording_.route[line]];
    return shown_method(line) + " " +
           (route.empty() ? std::string(without_query(recording_.paths[recording_.path[line]])) : route);
  }

 private:
  [[nodiscard]] std::string shown_method(std::size_t line) const { return method(line).empty() ? "?" : method(line); }

  std::uint32_t number_of_meaning(std::size_t line) {
    const auto key = (std::uint64_t{recording_.method[line]} << 56U) ^ (std::uint64_t{recording_.route[line]} << 32U) ^
                     recording_.path[line];
    const auto [it, fresh] = numbers_.try_emplace(key, static_cast<std::uint32_t>(meanings_.size()));
    if (fresh) meanings_.push_back(look_up(line));
    return it->second;
  }

  [[nodiscard]] Meaning look_up(std::size_t line) const {
    const std::string by_path = shown_method(line) + " " +
                                std::string(without_query(recording_.paths[recording_.path[line]])),
                      by_route = route(line);
    const auto fits = [&](const std::string& pattern) { return route_fits(pattern, by_path) || pattern == by_route; };
    Meaning out;
    for (std::size_t e = 0; e < routes_.map.size(); ++e) {
      const RouteEntry& entry = routes_.map[e];
      if (out.kind == Meaning::Kind::nothing && fits(entry.route)) {
        out.kind = Meaning::Kind::start;
        out.entry = e;
      }
      const auto cover = std::find_if(entry.covers.begin(), entry.covers.end(), fits);
      if (cover != entry.covers.end())
        out.covered_by.emplace_back(e, static_cast<std::size_t>(cover - entry.covers.begin()));
    }
    if (out.kind != Meaning::Kind::nothing) return out;
    if (std::any_of(routes_.ignore.begin(), routes_.ignore.end(), fits))
      out.kind = Meaning::Kind::ignored;
    else if (std::any_of(routes_.skip_writes.begin(), routes_.skip_writes.end(), fits))
      out.kind = Meaning::Kind::skipped;
    return out;
  }

  /// Starts of one entry in one session, and what they absorb. Earlier entries went first: what they absorbed starts
  /// nothing.
  void start_trades(const std::vector<std::uint32_t>& session, std::size_t entry) {
    std::vector<std::size_t> starts;  // places in `session`
    for (std::size_t i = 0; i < session.size(); ++i) {
      const Meaning& m = meaning(session[i]);
      if (m.kind != Meaning::Kind::start || m.entry != entry || fate_[session[i]] != Fate::open) continue;
      fate_[session[i]] = Fate::started;
      starts.push_back(i);
    }
    if (routes_.map[entry].covers.empty()) return;
    for (std::size_t n = 0; n < starts.size(); ++n) {
      const std::size_t begin = n == 0 ? 0 : starts[n - 1] + 1,
                        end = n + 1 < starts.size() ? starts[n + 1] : session.size();
      absorb(session, entry, begin, starts[n], end);
    }
  }

  /// Reads are absorbed all; of the writes each cover takes one, the nearest before the start, else the nearest after
  /// it: a second order of the same visitor is another trade.
  void absorb(const std::vector<std::uint32_t>& session, std::size_t entry, std::size_t begin, std::size_t start,
              std::size_t end) {
    std::vector<bool> taken(routes_.map[entry].covers.size(), false);
    const auto consider = [&](std::size_t i) {
      Fate& fate = fate_[session[i]];
      if (fate != Fate::open) return;
      for (const auto& [by, cover] : meaning(session[i]).covered_by) {
        if (by != entry || (taken[cover] && !is_harmless(method(session[i])))) continue;
        taken[cover] = true;
        fate = Fate::absorbed;
        return;
      }
    };
    for (std::size_t i = start; i-- > begin;) consider(i);
    for (std::size_t i = start + 1; i < end; ++i) consider(i);
  }

  const RoutesFile& routes_;
  const Recording& recording_;
  std::vector<Fate> fate_;
  std::vector<std::uint32_t> meaning_of_;
  std::vector<Meaning> meanings_;
  std::unordered_map<std::uint64_t, std::uint32_t> numbers_;
  std::vector<std::vector<std::uint32_t>> by_session_;
};

/// The journeys of an entry by number; mistakes for those that nobody knows.
std::vector<std::uint16_t> numbers_of(const RouteEntry& entry,
                                      const std::function<std::optional<std::uint16_t>(const std::string&)>& journey,
                                      Mistakes& mistakes) {
  std::vector<std::uint16_t> out;
  for (const std::string& name : entry.journeys) {
    if (const auto number = journey(name))
      out.push_back(*number);
    else
      add_mistake(mistakes, entry.journeys_at, "journey '" + name + "' is not known",
                  "name one of the journeys that the scenario or its target uses");
  }
  return out;
}

void refuse_writes(const RoutesFile& routes, const std::map<std::string, std::uint64_t>& unmapped, std::size_t lines,
                   Mistakes& mistakes) {
  std::vector<std::pair<std::string, std::uint64_t>> by_count(unmapped.begin(), unmapped.end());
  std::stable_sort(by_count.begin(), by_count.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  for (std::size_t i = 0; i < std::min(by_count.size(), kListed); ++i)
    add_mistake(mistakes, routes.map_at,
                "'" + by_count[i].first + "' changes something, " + std::to_string(by_count[i].second) + " lines (" +
                    fixed(100.0 * static_cast<double>(by_count[i].second) / static_cast<double>(lines), 1) +
                    " % of the recording), and no entry maps it: a log holds no bodies, it cannot be replayed",
                "map it to a journey, list it under 'covers' of one that does it, or leave it out by skip_writes: [\"" +
                    by_count[i].first + "\"]");
  if (by_count.size() > kListed)
    add_mistake(mistakes, routes.map_at,
                std::to_string(by_count.size() - kListed) + " more routes that change something are not mapped",
                "`cardstorm trace stats` lists all routes");
}

/// Headers that every step has, with values that every journey can fill.
std::vector<std::pair<std::string, std::string>> common_headers(const std::vector<PlacedJourney>& journeys) {
  std::optional<std::vector<std::pair<std::string, std::string>>> common;
  for (const PlacedJourney& j : journeys)
    for (const Step& step : j.journey.steps) {
      if (!common) common = step.headers;
      std::erase_if(*common, [&](const auto& header) {
        return std::find(step.headers.begin(), step.headers.end(), header) == step.headers.end();
      });
    }
  if (!common) return {};
  std::erase_if(*common, [](const auto& header) {
    const std::string& value = header.second;
    for (auto at = value.find("${"); at != std::string::npos; at = value.find("${", at + 1)) {
      const std::string name = value.substr(at + 2, value.find('}', at) - at - 2);
      if (name != "buyer" && name != "key" && name != "phone" && name != "mark" && name != "quantity") return true;
    }
    return false;
  });
  return *common;
}

}  // namespace

Journey replay_get_journey(const std::vector<PlacedJourney>& others) {
  Journey out;
  out.name = kReplayGet;
  out.flow = "browse";
  out.goods = "catalogue";
  Step step;
  step.name = "get";
  step.path = "${trace_path}";
  step.headers = common_headers(others);
  step.expect.status = {200, 203, 204, 206, 301, 302, 303, 304, 307, 308};
  out.steps.push_back(std::move(step));
  return out;
}

bool route_fits(std::string_view pattern, std::string_view line) {
  // Greedy with one place to return to: linear for one star, never exponential.
  std::size_t p = 0, l = 0, star = std::string_view::npos, resume = 0;
  while (l < line.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = l;
    } else if (p < pattern.size() && pattern[p] == line[l]) {
      ++p;
      ++l;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      l = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

namespace {

void check_patterns(const std::vector<std::string>& patterns, const Place& at, Mistakes& mistakes) {
  for (const std::string& pattern : patterns) {
    const auto space = pattern.find(' ');
    const bool method = space != std::string::npos && space > 0 &&
                        std::all_of(pattern.begin(), pattern.begin() + static_cast<std::ptrdiff_t>(space),
                                    [](char c) { return (c >= 'A' && c <= 'Z') || c == '*' || c == '?'; });
    const bool path = method && space + 1 < pattern.size() && (pattern[space + 1] == '/' || pattern[space + 1] == '*');
    if (!path)
      add_mistake(mistakes, at, "'" + pattern + "' is not a route",
                  "write a method and a path, such as \"GET /goods/*\"; * stands for any text");
  }
}

RouteEntry read_entry(const Yaml& node, Mistakes& mistakes) {
  RouteEntry out;
  out.at = out.journeys_at = node.at;
  Fields fields(node, "an entry of 'map'", mistakes);
  if (fields.text_needed("route", out.route, "\"POST /orders\""))
    check_patterns({out.route}, fields.get("route")->at, mistakes);
  if (const Yaml* journey = fields.need("journey", "buy_card")) {
    out.journeys_at = journey->at;
    fields.texts("journey", out.journeys);
  }
  if (const Yaml* covers = fields.get("covers"); covers != nullptr && fields.texts("covers", out.covers))
    check_patterns(out.covers, covers->at, mistakes);
  fields.finish();
  return out;
}

}  // namespace

RoutesFile read_routes(const Yaml& root, Mistakes& mistakes) {
  RoutesFile out;
  out.at = out.map_at = root.at;
  Fields fields(root, "a routes file", mistakes);
  fields.text_needed("routes", out.name, "shop");
  fields.text_needed("why", out.why, "\"which buyer's journey stands behind which line of our log\"");
  fields.boolean("replay_reads", out.replay_reads);
  // A log whose reads are read again needs no journey: the least that can be replayed.
  const char* const example = "[ { route: \"POST /orders\", journey: buy_card } ]";
  const Yaml* map = out.replay_reads ? fields.get("map") : fields.need("map", example);
  if (map != nullptr) out.map_at = map->at;
  if (map != nullptr && (map->kind != Yaml::Kind::list || map->items.empty() || map->items.size() > 1000))
    add_mistake(mistakes, map->at, "'map' must be a list of 1 to 1000 entries",
                "write '- { route: \"POST /orders\", journey: buy_card }' below it");
  else if (map != nullptr)
    for (const Yaml& item : map->items) out.map.push_back(read_entry(item, mistakes));
  if (const Yaml* ignore = fields.get("ignore"); ignore != nullptr && fields.texts("ignore", out.ignore))
    check_patterns(out.ignore, ignore->at, mistakes);
  if (const Yaml* skip = fields.get("skip_writes"); skip != nullptr && fields.texts("skip_writes", out.skip_writes))
    check_patterns(out.skip_writes, skip->at, mistakes);
  fields.finish();
  return out;
}

Trace apply_routes(const RoutesFile& routes, const Recording& recording,
                   const std::function<std::optional<std::uint16_t>(const std::string&)>& journey, Mistakes& mistakes) {
  Trace out;
  out.sha256 = recording.sha256;
  out.texts = recording.paths;
  const auto gaps = std::max<std::int64_t>(1, static_cast<std::int64_t>(recording.size()) - 1);
  out.length = recording.span() + std::max(Nanos(1), recording.span() / gaps);
  const std::size_t before = mistakes.size();
  for (const RouteEntry& entry : routes.map) out.choices.push_back(numbers_of(entry, journey, mistakes));
  if (mistakes.size() > before) return out;
  if (routes.replay_reads) {
    const auto get = journey(kReplayGet);
    assert(get);
    out.choices.push_back({*get});
  }

  const Router router(routes, recording);
  std::map<std::string, std::uint64_t> refused;
  const auto start = [&](std::size_t i, std::size_t choice) {
    out.at.push_back(recording.at[i]);
    out.lines.push_back({recording.session[i], recording.path[i], static_cast<std::uint16_t>(choice)});
  };
  RouteCounts& counts = out.routes;
  counts.lines = recording.size();
  for (std::size_t i = 0; i < recording.size(); ++i) {
    const Meaning& m = router.meaning(i);
    const std::uint16_t status = recording.status[i];
    if (router.fate(i) == Fate::started) {
      ++counts.started;
      start(i, m.entry);
    } else if (router.fate(i) == Fate::absorbed)
      ++counts.absorbed;
    else if (m.kind == Meaning::Kind::ignored)
      ++counts.ignored;
    else if (!is_harmless(router.method(i))) {
      // A step of a journey whose start lies before the recording, or a second one, is known; any other write is not.
      const bool known = m.kind == Meaning::Kind::skipped || !m.covered_by.empty();
      ++(known ? counts.skipped_writes : refused)[router.route(i)];
    } else if (!routes.replay_reads || !is_read(router.method(i)) || !is_sendable(recording.paths[recording.path[i]]))
      ++counts.unmapped_reads[router.route(i)];
    else if (holds_digest(recording.paths[recording.path[i]]))
      ++counts.scrubbed_reads[router.route(i)];  // the platform would refuse what we took out
    else if (status >= 400 && status < 500)
      ++counts.recorded_refusals[router.route(i)];
    else {
      ++counts.replayed;
      start(i, routes.map.size());
    }
  }
  refuse_writes(routes, refused, recording.size(), mistakes);
  return out;
}

Trace trace_of_recording(const Recording& recording) {
  Trace out;
  out.sha256 = recording.sha256;
  out.at = recording.at;
  out.texts = recording.paths;
  for (std::size_t i = 0; i < recording.size(); ++i) out.lines.push_back({recording.session[i], recording.path[i], 0});
  return out;
}

}  // namespace cardstorm
