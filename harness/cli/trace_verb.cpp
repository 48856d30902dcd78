// trace: a user's own traffic: from a log to a recording, what is in it, and what is to come.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/core/text.hpp"
#include "harness/trace/forecast.hpp"
#include "harness/trace/format.hpp"
#include "harness/trace/import.hpp"
#include "harness/trace/stats.hpp"

namespace cardstorm {
namespace {

/// Durations with days, which traffic is counted in.
Result<Nanos> long_duration(const std::string& text) {
  if (text.size() > 1 && text.ends_with('d')) {
    auto hours = parse_duration(text.substr(0, text.size() - 1) + "h");
    if (!hours) return Error{Errc::invalid, "'" + text + "' is no duration", "write a number and a unit: 5m, 12h, 7d"};
    if (hours->count() > 100'000 * std::int64_t{3'600'000'000'000})
      return Error{Errc::invalid, "the duration '" + text + "' is out of range"};
    return *hours * 24;
  }
  auto out = parse_duration(text);
  if (!out) return Error{Errc::invalid, out.error().what, "write a number and a unit: 500ms, 5m, 12h, 7d"};
  return *out;
}

/// Reads options one after the other and keeps all mistakes, so that they are told at once.
class Options {
 public:
  explicit Options(const Args& args) : args_(args) {}

  void duration(const std::string& name, Nanos& out, Nanos least = Nanos(1)) {
    if (!args_.has(name)) return;
    auto read = long_duration(args_.get(name));
    if (!read)
      wrong(name + ": " + read.error().what + "; " + read.error().remedy);
    else if (*read < least)
      wrong(name + ": must be at least " + duration_text(least));
    else
      out = *read;
  }
  bool number(const std::string& name, double& out) {
    if (!args_.has(name)) return false;
    const std::string text = args_.get(name);
    double read = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(read) || read <= 0 || read > 1e12) {
      wrong(name + " wants a number above 0, found '" + text + "'");
      return false;
    }
    out = read;
    return true;
  }
  void seed(std::uint64_t& out) {
    if (!args_.has("--seed")) return;
    const std::string text = args_.get("--seed");
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end != text.data() + text.size())
      wrong("--seed wants a whole number from 0 on, found '" + text + "'");
  }
  /// Says so when an option of another action was given: it would have no effect.
  void only(const std::string& action, const std::vector<std::string>& names) {
    for (const auto& [name, values] : args_.values) {
      if (!name.starts_with("--") || name == "--json") continue;
      if (std::find(names.begin(), names.end(), name) == names.end())
        wrong(name + " has no meaning for trace " + action);
    }
  }
  void wrong(std::string what) { mistakes_ += (mistakes_.empty() ? "" : "\n") + std::move(what); }
  [[nodiscard]] bool good() const { return mistakes_.empty(); }
  [[nodiscard]] int complain_all() const {
    return complain(Error{Errc::invalid, mistakes_, "see: cardstorm trace --help"});
  }

 private:
  const Args& args_;
  std::string mistakes_;
};

template <class T>
int show(const Args& args, const T& value, std::string (*text)(const T&), Json (*json)(const T&)) {
  if (args.has("--json"))
    std::cout << json(value).dump(2) << "\n";
  else
    std::cout << text(value);
  return kPass;
}

int import(const Args& args) {
  Options options(args);
  options.only("import", {"--format", "--log-format", "--nginx-conf", "--name", "--map", "--service", "--out",
                          "--rejects", "--tz", "--session-gap", "--seed"});
  ImportOptions o;
  o.format = args.get("--format", "auto");
  o.log_format = args.get("--log-format");
  if (args.has("--log-format") && o.log_format.empty()) options.wrong("--log-format is empty");
  o.nginx_conf = args.get("--nginx-conf");
  o.name = args.get("--name");
  o.service = args.get("--service");
  o.out = args.get("--out");
  o.rejects = args.get("--rejects");
  o.zone = args.get("--tz", "UTC");
  options.duration("--session-gap", o.session_gap);
  options.seed(o.seed);
  for (const std::string& list : args.all("--map")) {
    for (const std::string& pair : split(list, ',')) {
      const auto equals = pair.rfind('=');
      if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size())
        options.wrong("--map wants COLUMN=FIELD, found '" + pair + "'");
      else
        o.map.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
  }
  if (!options.good()) return options.complain_all();
  const auto done = import_trace(args.get("file"), o);
  if (!done) return complain(done.error());
  return show(args, *done, import_text, import_json);
}

int stats(const Args& args) {
  Options options(args);
  options.only("stats", {});
  if (!options.good()) return options.complain_all();
  const auto done = trace_stats(args.get("file"));
  if (!done) return complain(done.error());
  return show(args, *done, stats_text, stats_json);
}

int forecast(const Args& args) {
  Options options(args);
  options.only("forecast",
               {"--horizon", "--season", "--window", "--target-scale", "--capacity", "--burst-from", "--seed"});
  ForecastOptions o;
  o.horizon_told = args.has("--horizon");
  options.duration("--horizon", o.horizon);
  if (args.get("--window") != "auto") options.duration("--window", o.window, 1s);
  if (args.has("--season")) {
    o.seasons.clear();
    for (const std::string& text : split(args.get("--season"), ',')) {
      auto season = long_duration(text);
      if (!season)
        options.wrong("--season: " + season.error().what + "; " + season.error().remedy);
      else
        o.seasons.push_back(*season);
    }
    if (o.seasons.size() > 2 || (o.seasons.size() == 2 && o.seasons[0] >= o.seasons[1]))
      options.wrong("--season wants one season, or a short and a longer one: 1d,7d");
  }
  options.number("--target-scale", o.target_scale);
  double capacity = 0;
  if (options.number("--capacity", capacity)) o.capacity = capacity;
  o.burst_from = args.get("--burst-from");
  options.seed(o.seed);
  if (!options.good()) return options.complain_all();
  const auto done = forecast_trace(args.get("file"), o);
  if (!done) return complain(done.error());
  const int shown = show(args, *done, forecast_text, forecast_json);
  return shown == kPass && done->reserve && !done->enough ? kFail : shown;
}

int run_trace(const Args& args) {
  const std::string action = args.get("action");
  return action == "import" ? import(args) : action == "stats" ? stats(args) : forecast(args);
}

std::string more() {
  std::string out =
      "  cardstorm trace import access.log.gz                         nginx or Apache combined, Envoy, GoReplay, HAR, "
      "OTLP, CSV: found by itself\n"
      "  cardstorm trace import access.log --nginx-conf /etc/nginx/nginx.conf --name main\n"
      "  cardstorm trace import access.log --log-format '$remote_addr [$time_local] \"$request\" $status "
      "$request_time'\n"
      "  cardstorm trace import access.log --format apache --log-format '%h %l %u %t \"%r\" %>s %b %D'\n"
      "  cardstorm trace import orders.csv --map when=ts,who=session,url=path,took=latency_ms --tz +08:00\n"
      "  cardstorm trace import requests_5min.csv --format counts      rows of time,count: arrivals spread by --seed, "
      "no paths\n"
      "  cardstorm trace stats access.trace.csv                        rates, bursts, sessions, routes, funnel, "
      "picture\n"
      "  cardstorm trace forecast requests_5min.csv --capacity 120     next peak, 1.5 x target, reserve; exit 1 when "
      "it is not enough\n"
      "  cardstorm trace forecast requests_5min.csv --burst-from access.trace.csv --horizon 1d --season 1d,7d\n\n"
      "  The best line for nginx, to have starts by the millisecond and sessions behind a proxy:\n"
      "    log_format cardstorm '$remote_addr $msec $request_time $status \"$request\" \"$http_x_forwarded_for\" "
      "\"$http_user_agent\"';\n"
      "  The recording is a CSV: ts_ns,session,method,path,route,think_ns,status,latency_ns. Phones, cards, tokens, "
      "signatures, passwords and mail\n"
      "  addresses in paths become digests on the way in; bodies, cookies and client addresses are not stored. Bad "
      "lines are counted, never fatal.\n\n  formats:\n";
  for (const FormatEntry& entry : format_registry())
    out +=
        "    " + entry.name + std::string(entry.name.size() < 11 ? 11 - entry.name.size() : 1, ' ') + entry.what + "\n";
  return out;
}

}  // namespace

Verb verb_trace() {
  std::vector<std::string> formats{"auto", "envoy-json"};
  for (const FormatEntry& entry : format_registry()) formats.push_back(entry.name);
  return {
      "trace",
      "traffic of your own: turn a log into a recording, look into it, forecast the next peak",
      more(),
      {{"action",
        "import: a log becomes a recording; stats: what is in it; forecast: the next peak from history",
        true,
        {"import", "stats", "forecast"}},
       {"file", "import: a log, .gz too; stats, forecast: a recording, or a CSV whose first column is a time"}},
      {{"--format", "NAME", "import: the log's format (default: auto)", false, formats},
       {"--log-format", "TEXT", "import: the format as it stands in the server's configuration (nginx, apache, envoy)"},
       {"--nginx-conf", "FILE", "import: take the log_format from there"},
       {"--name", "NAME", "import: the log_format of that name (needed when the file has several)"},
       {"--map", "COLUMN=FIELD,...",
        "import: columns of csv and jsonl; fields: ts, ts_end, session, address, agent, method, path, query, request, "
        "status, latency_ms, ... (may stand several times)",
        true},
       {"--service", "NAME", "import: otlp: all server spans of this service"},
       {"--out", "FILE", "import: the recording (default: the log's name with .trace.csv, in the current folder)"},
       {"--rejects", "FILE", "import: put bad lines there, as they are (they may hold private values)"},
       {"--tz", "ZONE", "import: the zone of stamps that name none, such as +08:00 (default: UTC)"},
       {"--session-gap", "TIME", "import: a client silent for longer begins a new session (default: 30m)"},
       {"--seed", "N",
        "import: spreads requests inside of coarse stamps; forecast: draws the simulated futures (default: 1)"},
       {"--horizon", "TIME", "forecast: how far ahead; the last such stretch of history is the hold-out (default: 1d)"},
       {"--season", "TIME[,TIME]", "forecast: lengths after which traffic repeats (default: 1d,7d)"},
       {"--window", "TIME|auto", "forecast: length of a window (default: auto: the rows' own interval)"},
       {"--target-scale", "X", "forecast: the test's rate over the next peak (default: 1.5)"},
       {"--capacity", "R",
        "forecast: requests per second that the platform bears; gives the reserve, and exit 1 when it is negative"},
       {"--burst-from", "FILE",
        "forecast: a finer trace that tells how much higher the fullest second is than the fullest window"},
       {"--json", "", "print JSON"}},
      run_trace};
}

}  // namespace cardstorm
