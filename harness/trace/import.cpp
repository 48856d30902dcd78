// import: reader -> start times and scrubbing -> sorter -> sessions and think times -> file.
#include "harness/trace/import.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <unordered_map>

#include "harness/core/files.hpp"
#include "harness/core/rng.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"
#include "harness/trace/format.hpp"
#include "harness/trace/log_pattern.hpp"
#include "harness/trace/recording.hpp"
#include "harness/trace/scrub.hpp"
#include "harness/trace/sessions.hpp"
#include "harness/trace/sorter.hpp"
#include "harness/trace/whole_file.hpp"

namespace cardstorm {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kBadShown = 10, kPathMax = 8192, kRoutesMax = 10'000, kNotesMax = 20;

/// Eight bytes at a time; keyed, so that nobody can prepare collisions, and never stored.
std::uint64_t keyed_hash(std::string_view text, std::uint64_t key) {
  std::uint64_t h = key ^ mix64(text.size());
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
    h ^= h >> 29;
    text.remove_prefix(8);
  }
  std::uint64_t word = 0;
  if (!text.empty()) std::memcpy(&word, text.data(), text.size());
  return mix64(h ^ word);
}

/// Takes entries from a reader: start times, scrubbing, into the sorter.
class Intake final : public Sink {
 public:
  Intake(const ImportOptions& options, Sorter& sorter, Scrubber& scrubber, ImportSummary& summary, WholeFile& rejects)
      : options_(options),
        sorter_(sorter),
        scrubber_(scrubber),
        summary_(summary),
        rejects_(rejects),
        rng_(options.seed, "inside-a-second"),
        client_key_(options.scrub_key.empty() ? mix64(stream_of(random_token(16))) : stream_of(options.scrub_key)) {}

  bool take(const Entry& entry) override {
    if (entry.target.size() > kPathMax) {
      bad(entry.line, 1, "the path is longer than " + std::to_string(kPathMax) + " bytes", entry.target);
      return failure_.has_value();
    }
    // Whatever else stands there is stored and shown as it is: it must not hold a private value, or end a row of the
    // recording.
    const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_'; };
    const bool letters = std::all_of(entry.method.begin(), entry.method.end(), letter);
    if (!letters || entry.method.size() > 32) {
      bad(entry.line, 1, "the method is none of HTTP", entry.target);
      return true;
    }
    SortRow row;
    row.latency_ns = std::max<std::int64_t>(entry.latency_ns, 0);
    row.start_ns = entry.stamp.ns - (entry.stamp_is_end ? row.latency_ns : 0);
    if (row.start_ns < 0) row.start_ns = 0;
    if (entry.latency_ns < 0) ++summary_.unknown_latency;
    if (entry.stamp_is_end && entry.latency_ns < 0) ++ends_;
    watch_order(entry.stamp.ns);

    // Requests of one whole second wait until the second is over: only then it is known how many share it.
    if (entry.stamp.unit != second_unit_ || entry.stamp.ns != second_) settle();
    second_unit_ = entry.stamp.unit, second_ = entry.stamp.ns;
    if (entry.stamp.unit >= kSecond) coarse_ = std::max(coarse_, entry.stamp.unit);

    row.status = static_cast<std::uint16_t>(entry.status);
    row.method = entry.method;
    scrubber_.scrub(entry.target, path_);
    row.path = path_;
    if (!entry.session.empty())
      row.client = keyed_hash(entry.session, client_key_) | 1;
    else if (!entry.address.empty())
      row.client = keyed_hash(entry.agent, keyed_hash(entry.address, client_key_)) | 1;
    sorter_.add(row);
    ++summary_.requests;
    if (row.client == 0) ++nameless_;
    if (!sorter_.full()) return true;
    settle();
    failure_ = sorter_.spill();
    settled_ = 0;
    return failure_.has_value();
  }

  void bad(std::int64_t line, std::size_t column, std::string_view reason, std::string_view text) override {
    ++summary_.bad;
    if (summary_.bad_first.size() < kBadShown)
      summary_.bad_first.push_back({line, column, scrubber_.scrub_line(reason)});
    if (first_bad_.empty()) first_bad_ = std::string(text.substr(0, 400)), first_column_ = column;
    if (rejects_.is_open()) {
      rejects_.buffer().append(text).append("\n");
      if (!rejects_.flush_if_big()) failure_ = rejects_.error();
    }
  }

  void note(std::string text) override {
    if (summary_.notes.size() < kNotesMax &&
        std::find(summary_.notes.begin(), summary_.notes.end(), text) == summary_.notes.end())
      summary_.notes.push_back(std::move(text));
  }

  /// Spreads the requests of the last whole second over it, in the order of the log: gaps of a Poisson process, scaled
  /// to fit.
  void settle() {
    const std::size_t end = sorter_.held();
    if (second_unit_ >= kSecond && end > settled_) {
      const std::size_t n = end - settled_;
      gaps_.resize(n + 1);
      double sum = 0;
      for (double& gap : gaps_) sum += gap = -std::log1p(-rng_.unit());
      double at = 0;
      for (std::size_t i = 0; i < n; ++i) {
        at += gaps_[i];
        const double inside = sum > 0 ? at / sum : 0.5;
        sorter_.start_of(settled_ + i) +=
            std::min(second_unit_ - 1, static_cast<std::int64_t>(inside * static_cast<double>(second_unit_)));
      }
    }
    settled_ = end;
  }

  [[nodiscard]] const Status& failure() const { return failure_; }
  [[nodiscard]] const std::string& first_bad() const { return first_bad_; }
  [[nodiscard]] std::size_t first_column() const { return first_column_; }
  [[nodiscard]] std::int64_t coarse() const { return coarse_; }
  [[nodiscard]] std::uint64_t nameless() const { return nameless_; }
  [[nodiscard]] std::uint64_t ends_without_latency() const { return ends_; }

 private:
  void watch_order(std::int64_t stamp) {
    if (summary_.requests > 0 && stamp < last_stamp_) {
      ++summary_.disordered;
      summary_.back_ns = std::max(summary_.back_ns, last_stamp_ - stamp);
    }
    last_stamp_ = stamp;
  }

  const ImportOptions& options_;
  Sorter& sorter_;
  Scrubber& scrubber_;
  ImportSummary& summary_;
  WholeFile& rejects_;
  Rng rng_;
  std::uint64_t client_key_;
  Status failure_ = ok();
  std::string path_, first_bad_;
  std::size_t first_column_ = 1, settled_ = 0;
  std::int64_t second_ = -1, second_unit_ = 0, last_stamp_ = 0, coarse_ = 0;
  std::uint64_t nameless_ = 0, ends_ = 0;
  std::vector<double> gaps_;
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using Tally = std::unordered_map<std::string, std::uint64_t, TextHash, std::equal_to<>>;

bool count_in(Tally& tally, std::string_view text) {
  const auto found = tally.find(text);
  if (found != tally.end())
    ++found->second;
  else if (tally.size() < kRoutesMax)
    tally.emplace(std::string(text), 1);
  else
    return false;
  return true;
}

std::vector<std::pair<std::string, std::uint64_t>> top_of(const Tally& tally, std::size_t most) {
  std::vector<std::pair<std::string, std::uint64_t>> out(tally.begin(), tally.end());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (out.size() > most) out.resize(most);
  return out;
}

/// From sorted rows to the file, and to the figures of the summary.
Status write_rows(Sorter& sorter, const ImportOptions& options, WholeFile& out, ImportSummary& summary) {
  Sessions sessions(options.session_gap.count(), options.sessions_open_max);
  Tally routes, methods, statuses;
  std::string route;
  std::int64_t before = 0;
  bool first = true, written = true;
  out.buffer().append(kRecordingHeader).append("\n");
  const Status drained = sorter.drain([&](const SortRow& row) {
    const auto [session, think] = sessions.of(row);
    route_of(row.path, route);
    append_row(out.buffer(), {row.start_ns, session, row.method, row.path, route, think, row.status, row.latency_ns});
    if (first)
      summary.first_ns = row.start_ns;
    else
      summary.gap_ns = std::max(summary.gap_ns, row.start_ns - before);
    first = false;
    before = summary.last_ns = row.start_ns;
    summary.routes_full = !count_in(routes, route) || summary.routes_full;
    count_in(methods, row.method);
    if (row.status != 0) count_in(statuses, std::string(1, static_cast<char>('0' + row.status / 100)) + "xx");
    written = out.flush_if_big();
    return written;
  });
  if (!drained) return drained;
  if (!written) return out.error();
  summary.sessions = sessions.count();
  summary.route_count = routes.size();
  summary.routes = top_of(routes, 12);
  summary.methods = top_of(methods, 8);
  summary.statuses = top_of(statuses, 8);
  summary.sort_runs = sorter.runs();
  if (sessions.forgotten_early() > 0)
    summary.notes.push_back(std::to_string(sessions.forgotten_early()) +
                            " clients had to be forgotten while they may still have been active (more than " +
                            std::to_string(options.sessions_open_max) +
                            " at a time): their sessions may be cut in two");
  return ok();
}

struct Chosen {
  const FormatEntry* entry = nullptr;
  FormatOptions options;
};

Result<Chosen> choose(const ImportOptions& options, std::string_view head, const std::string& file) {
  Chosen chosen;
  chosen.options = {options.log_format, false, options.map, options.service, options.seed};
  std::string wanted = options.format == "envoy-json" ? "envoy_json" : options.format;
  if (!options.name.empty() && options.nginx_conf.empty())
    return Error{Errc::invalid, "--name names a log_format of --nginx-conf, which is missing",
                 "add --nginx-conf /etc/nginx/nginx.conf"};
  if (!options.nginx_conf.empty()) {
    if (!options.log_format.empty())
      return Error{Errc::invalid, "--log-format and --nginx-conf both say what the lines look like",
                   "give one of them"};
    auto conf = read_file(options.nginx_conf);
    if (!conf) return std::move(conf).error();
    auto formats = log_formats_of_conf(*conf);
    std::vector<std::string> names;
    for (const auto& f : formats) names.push_back(f.name);
    if (options.name == "combined" && std::find(names.begin(), names.end(), "combined") == names.end())
      formats.push_back({"combined", std::string(kNginxCombined), false}), names.emplace_back("combined");
    if (formats.empty())
      return Error{Errc::invalid, options.nginx_conf + " holds no log_format",
                   "name the file that does (nginx -T shows all), or leave --nginx-conf out for `combined`"};
    if (options.name.empty() && formats.size() > 1)
      return Error{Errc::invalid, options.nginx_conf + " holds " + std::to_string(formats.size()) + " log formats",
                   "choose one with --name: " + join(names, ", ")};
    const auto found = std::find_if(formats.begin(), formats.end(),
                                    [&](const auto& f) { return options.name.empty() || f.name == options.name; });
    if (found == formats.end())
      return Error{Errc::not_found, options.nginx_conf + " has no log_format '" + options.name + "'",
                   "it has: " + join(names, ", ")};
    chosen.options.log_format = found->text;
    chosen.options.json_escapes = found->json_escapes;
    if (wanted == "auto") wanted = "nginx";
  }
  const std::string& text = chosen.options.log_format;
  if (wanted == "auto" && !text.empty())
    wanted = text.find('$') != std::string::npos             ? "nginx"
             : text.find("%START_TIME") != std::string::npos ? "envoy"
                                                             : "apache";
  // A map says that there are columns, whatever their names are.
  if (wanted == "auto" && !options.map.empty())
    wanted = head.substr(head.find_first_not_of(" \t\r\n")).starts_with('{') ? "jsonl" : "csv";
  double best = 0;
  std::vector<std::string> names;
  for (const FormatEntry& entry : format_registry()) {
    names.push_back(entry.name);
    if (wanted == entry.name) chosen.entry = &entry;
    if (wanted != "auto") continue;
    const double fits = entry.fits(head);
    if (fits > best) best = fits, chosen.entry = &entry;
  }
  if (wanted == "auto" && best < 0.3) {
    if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF"))
      return Error{Errc::invalid, file + " is UTF-16", "turn it into UTF-8 first: iconv -f UTF-16 -t UTF-8"};
    return Error{Errc::invalid, file + ":1:1: the format is not one that can be recognised",
                 "name it with --format, or give the server's format text with --log-format '…' (formats: " +
                     join(names, ", ") + ")"};
  }
  if (chosen.entry == nullptr)
    return Error{Errc::invalid, "there is no format '" + options.format + "'", "formats: auto, " + join(names, ", ")};
  const auto wrong = [&](const std::string& option, const std::string& of) {
    return Error{Errc::invalid, option + " has no meaning for the format " + chosen.entry->name, "it is for " + of};
  };
  if (!text.empty() && !chosen.entry->takes_log_format)
    return wrong(options.nginx_conf.empty() ? "--log-format" : "--nginx-conf", "nginx, apache and envoy");
  if (!options.map.empty() && !chosen.entry->takes_map) return wrong("--map", "csv and jsonl");
  if (!options.service.empty() && !chosen.entry->takes_service) return wrong("--service", "otlp");
  return chosen;
}

/// What the user must know about the figures, in words.
void explain(const Intake& intake, const StampReader& stamps, const ImportOptions& options, ImportSummary& s) {
  auto& notes = s.notes;
  if (intake.coarse() > 0)
    notes.push_back("the stamps are " +
                    std::string(intake.coarse() == kSecond ? "whole seconds"
                                                           : "as coarse as " + duration_text(Nanos(intake.coarse()))) +
                    ": requests were spread inside of each by seed " + std::to_string(options.seed) +
                    ", in the order of the log; peaks over less than that are not measured");
  if (intake.ends_without_latency() > 0)
    notes.push_back(std::to_string(intake.ends_without_latency()) +
                    " stamps tell the end of a request and no duration stands beside them: the end was taken for the "
                    "start. Add $msec and $request_time to the log_format to have both");
  if (intake.nameless() > 0)
    notes.push_back(intake.nameless() == s.requests
                        ? "nothing tells the clients apart: every request is a session of its own"
                        : std::to_string(intake.nameless()) + " requests tell no client: each is a session of its own");
  if (stamps.zones().size() > 1) {
    std::string zones;
    for (const int zone : stamps.zones()) {
      const int minutes = std::abs(zone) / 60;
      zones += (zones.empty() ? "" : ", ") + std::string(zone < 0 ? "-" : "+") + (minutes < 600 ? "0" : "") +
               std::to_string(minutes / 60) + ":" + (minutes % 60 < 10 ? "0" : "") + std::to_string(minutes % 60);
    }
    notes.push_back("the stamps are of several time zones (" + zones + "): each was turned into UTC by its own");
  }
  if (stamps.zone_missing()) notes.push_back("stamps without a time zone were taken as " + options.zone + " (--tz)");
  if (s.back_ns > 60 * kSecond)
    notes.push_back("the log goes back in time by up to " + fixed(seconds(Nanos(s.back_ns)), 0) + " s (" +
                    std::to_string(s.disordered) +
                    " steps back): sorted. If a clock was set, that part lies on top of another");
  if (s.requests > 0 && s.first_ns < 946'684'800 * kSecond)
    notes.push_back(
        "the first request is of " + utc_text(s.first_ns) +
        ", before the year 2000: a clock that was not set, times counted from a start, or a column of another unit");
  if (s.gap_ns > 3'600 * kSecond && s.gap_ns > (s.last_ns - s.first_ns) / 2)
    notes.push_back("one silence of " + fixed(seconds(Nanos(s.gap_ns)) / 3600, 1) +
                    " h is more than half of the whole span: a clock jump, or two recordings in one file");
  if (s.routes_full)
    notes.push_back("more than " + std::to_string(kRoutesMax) +
                    " different routes: only the first ones are counted here; all are in the file");
}

Error nothing_fits(const std::string& file, const Chosen& chosen, const Intake& intake, const ImportSummary& s,
                   Scrubber& scrubber) {
  const std::string head = file + ": none of its " + std::to_string(s.lines) + (s.lines == 1 ? " line" : " lines") +
                           " could be read as " + chosen.entry->name;
  if (s.bad_first.empty()) {  // it could be read well: what it holds is no request
    std::string what = file + ": it was read as " + chosen.entry->name + ", and there is no request in it";
    for (const std::string& note : s.notes) what += "\n  " + note;
    return {Errc::invalid, what, "name a log with requests in it; see: cardstorm trace --help"};
  }
  const std::string shown = scrubber.scrub_line(std::string_view(intake.first_bad()).substr(0, 300));
  // The mark stands under the column only while nothing before it was replaced by something longer.
  const std::string front =
      scrubber.scrub_line(std::string_view(intake.first_bad()).substr(0, intake.first_column() - 1));
  std::string what = head + "\n  line " + std::to_string(s.bad_first.front().line) + ", column " +
                     std::to_string(s.bad_first.front().column) + ": " + s.bad_first.front().reason + "\n  | " + shown;
  if (front.size() < shown.size()) what += "\n  | " + std::string(front.size(), ' ') + "^ the match stopped here";
  if (!chosen.options.log_format.empty()) what += "\n  format: " + chosen.options.log_format;
  return {Errc::invalid, what,
          chosen.entry->takes_log_format ? "give the format as it stands in the server's configuration: --log-format "
                                           "'…', or --nginx-conf FILE --name NAME"
                                         : "try another --format; see: cardstorm trace --help"};
}

std::string default_out(const std::string& file) {
  std::string name = fs::path(file).filename().string();
  for (const char* ending : {".gz", ".log", ".csv", ".txt", ".json", ".jsonl", ".gor", ".har"})
    if (name.ends_with(ending) && name.size() > std::string_view(ending).size())
      name.resize(name.size() - std::string_view(ending).size());
  return name + ".trace.csv";
}

}  // namespace

Result<ImportSummary> import_trace(const std::string& file, const ImportOptions& options) {
  ImportSummary summary;
  summary.file = file;
  summary.out = options.out.empty() ? default_out(file) : options.out;
  const auto zone = parse_zone(options.zone);
  if (!zone) return Error(zone.error()).in("--tz");
  auto input = Input::open(file);
  if (!input) return std::move(input).error();
  for (const std::string& written : {summary.out, options.rejects}) {
    std::error_code ignored;
    if (!written.empty() && fs::equivalent(file, written, ignored))
      return Error{Errc::invalid, written + " is the log itself", "choose another file: the log stays as it is"};
  }
  if (!options.rejects.empty() && options.rejects == summary.out)
    return Error{Errc::invalid, "--out and --rejects are the same file"};
  const std::string_view head = input->head();
  if (head.find_first_not_of(std::string_view("\0 \t\r\n", 5)) == std::string_view::npos) {
    if (!input->damage().empty()) return Error{Errc::invalid, file + ": " + input->damage(), "copy the file again"};
    return Error{Errc::invalid, file + ":1:1: the file is empty: there is no traffic in it",
                 "name a log with requests in it; rotated logs are read as they are, .gz too"};
  }
  auto chosen = choose(options, head, file);
  if (!chosen) return std::move(chosen).error();
  auto reader = chosen->entry->make(chosen->options);
  if (!reader) return std::move(reader).error();
  summary.format = chosen->entry->name;
  summary.log_format = chosen->options.log_format;

  const fs::path parent = fs::path(summary.out).parent_path();
  WholeFile out, rejects;
  if (const Status opened = out.open(summary.out, 0644); !opened) return opened.error();
  if (!options.rejects.empty())  // raw lines may hold private values: for its owner only
    if (const Status opened = rejects.open(options.rejects, 0600); !opened) return opened.error();
  Sorter sorter(parent.empty() ? "." : parent.string(), options.run_bytes);
  Scrubber scrubber(options.scrub_key.empty() ? random_token(32) : options.scrub_key);
  StampReader stamps(*zone);
  Intake intake(options, sorter, scrubber, summary, rejects);
  const Status read = (*reader)->read(*input, stamps, intake);
  if (!intake.failure()) return intake.failure().error();
  if (!read) return Error(read.error()).in(file);
  intake.settle();
  summary.bytes = input->bytes();
  summary.lines = input->pieces() > 0 ? input->pieces() : static_cast<std::int64_t>(summary.requests + summary.bad);
  if (!input->damage().empty())
    summary.notes.push_back("the file could not be read to its end: " + input->damage() +
                            ". What came before it is here");
  if (summary.requests == 0) return nothing_fits(file, *chosen, intake, summary, scrubber);
  if (const Status written = write_rows(sorter, options, out, summary); !written) return written.error();
  explain(intake, stamps, options, summary);
  summary.scrubbed = scrubber.counts();
  if (const Status done = out.finish(); !done) return done.error();
  if (rejects.is_open())
    if (const Status done = rejects.finish(); !done) return done.error();
  return summary;
}

namespace {

std::string list_of(const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
  std::string out;
  for (const auto& [name, count] : counts)
    out += (out.empty() ? "" : ", ") + (name.empty() ? "(not told)" : name) + " " + std::to_string(count);
  return out;
}

}  // namespace

std::string import_text(const ImportSummary& s) {
  std::string out = "imported " + s.file + " as " + s.format + " -> " + s.out + "\n";
  const auto row = [&](const std::string& name, const std::string& value) {
    out += "  " + name + std::string(name.size() < 11 ? 11 - name.size() : 1, ' ') + value + "\n";
  };
  const double span = seconds(Nanos(s.last_ns - s.first_ns));
  row("requests",
      std::to_string(s.requests) + " from " + std::to_string(s.lines) + " lines, " + std::to_string(s.bad) + " bad");
  row("time", utc_text(s.first_ns) + " to " + utc_text(s.last_ns) + " (" + fixed(span, span < 100 ? 3 : 0) + " s" +
                  (span > 0 ? ", " + fixed(static_cast<double>(s.requests) / span, 2) + "/s on average)" : ")"));
  row("sessions", std::to_string(s.sessions));
  row("methods", list_of(s.methods));
  if (!s.statuses.empty()) row("statuses", list_of(s.statuses));
  row("routes", std::to_string(s.route_count) + (s.routes_full ? " and more" : ""));
  for (const auto& [route, count] : s.routes)
    out += "    " + fixed(100.0 * static_cast<double>(count) / static_cast<double>(s.requests), 1) + " %  " +
           (route.empty() ? "(no path)" : route) + "\n";
  std::string scrubbed;
  for (std::size_t i = 1; i < s.scrubbed.size(); ++i)
    if (s.scrubbed[i] > 0)
      scrubbed +=
          (scrubbed.empty() ? "" : ", ") + std::to_string(s.scrubbed[i]) + " of kind ~" + std::string(kSecretNames[i]);
  row("scrubbed", scrubbed.empty()
                      ? "nothing private was found in the paths; bodies, cookies and addresses are not stored"
                      : scrubbed + "; bodies, cookies and addresses are not stored");
  for (const std::string& note : s.notes) out += "  note: " + note + "\n";
  if (!s.bad_first.empty())
    out += "  bad lines" +
           std::string(s.bad > s.bad_first.size()
                           ? ", the first " + std::to_string(s.bad_first.size()) + " of " + std::to_string(s.bad)
                           : "") +
           ":\n";
  for (const BadLine& bad : s.bad_first)
    out +=
        "    " + s.file + ":" + std::to_string(bad.line) + ":" + std::to_string(bad.column) + ": " + bad.reason + "\n";
  out += "next: cardstorm trace stats " + s.out + "\n";
  return out;
}

Json import_json(const ImportSummary& s) {
  const auto counts = [](const std::vector<std::pair<std::string, std::uint64_t>>& list) {
    Json out = Json::array();
    for (const auto& [name, count] : list) out.push(Json::object({{"name", name}, {"requests", count}}));
    return out;
  };
  Json bad = Json::array(), notes = Json::array(), scrubbed = Json::object();
  for (const BadLine& b : s.bad_first)
    bad.push(Json::object({{"line", b.line}, {"column", static_cast<std::uint64_t>(b.column)}, {"reason", b.reason}}));
  for (const std::string& note : s.notes) notes.push(note);
  for (std::size_t i = 1; i < s.scrubbed.size(); ++i) scrubbed.set(kSecretNames[i], s.scrubbed[i]);
  return Json::object({{"schema", "cardstorm.trace_import/1"},
                       {"file", s.file},
                       {"format", s.format},
                       {"log_format", s.log_format},
                       {"out", s.out},
                       {"lines", s.lines},
                       {"bytes", s.bytes},
                       {"requests", s.requests},
                       {"bad", s.bad},
                       {"bad_first", bad},
                       {"first", utc_text(s.first_ns)},
                       {"last", utc_text(s.last_ns)},
                       {"span_s", seconds(Nanos(s.last_ns - s.first_ns))},
                       {"sessions", s.sessions},
                       {"disordered", s.disordered},
                       {"back_s", seconds(Nanos(s.back_ns))},
                       {"route_count", s.route_count},
                       {"routes", counts(s.routes)},
                       {"methods", counts(s.methods)},
                       {"statuses", counts(s.statuses)},
                       {"scrubbed", scrubbed},
                       {"notes", notes},
                       {"next", "cardstorm trace stats " + s.out}});
}

}  // namespace cardstorm
