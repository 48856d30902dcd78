// format: the table of formats, and what readers of columns share.
#include "harness/trace/format.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "harness/core/text.hpp"

namespace cardstorm {

#define CARDSTORM_FORMAT(name) FormatEntry name##_format();
#include "harness/trace/registry.def"
#undef CARDSTORM_FORMAT

const std::vector<FormatEntry>& format_registry() {
  static const std::vector<FormatEntry> entries{
#define CARDSTORM_FORMAT(name) name##_format(),
#include "harness/trace/registry.def"
#undef CARDSTORM_FORMAT
  };
  return entries;
}

double share_of_lines(std::string_view head, bool (*fits)(std::string_view)) {
  int seen = 0, good = 0;
  while (!head.empty() && seen < 20) {
    const auto end = head.find('\n');
    if (end == std::string_view::npos && seen > 0) break;  // cut in the middle, perhaps
    std::string_view line = head.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
    if (line.empty()) continue;
    ++seen;
    good += fits(line) ? 1 : 0;
  }
  return seen == 0 ? 0 : static_cast<double>(good) / seen;
}

namespace {

struct Named {
  std::string_view name;
  FieldMeaning meaning;
};
constexpr std::int64_t kMs = 1'000'000, kUs = 1'000, kS = 1'000'000'000;

constexpr auto kFields = std::to_array<Named>({{"ts", {Field::ts, 0}},
                                               {"ts_s", {Field::ts, kS}},
                                               {"ts_ms", {Field::ts, kMs}},
                                               {"ts_us", {Field::ts, kUs}},
                                               {"ts_ns", {Field::ts, 1}},
                                               {"ts_end", {Field::ts_end, 0}},
                                               {"session", {Field::session, 0}},
                                               {"address", {Field::address, 0}},
                                               {"agent", {Field::agent, 0}},
                                               {"method", {Field::method, 0}},
                                               {"path", {Field::target, 0}},
                                               {"query", {Field::query, 0}},
                                               {"request", {Field::request, 0}},
                                               {"status", {Field::status, 0}},
                                               {"latency_s", {Field::latency, kS}},
                                               {"latency_ms", {Field::latency, kMs}},
                                               {"latency_us", {Field::latency, kUs}}});
constexpr Named kLatencyNs{"latency_ns", {Field::latency, 1}};
constexpr Named kSkip{"skip", {Field::none, 0}};

// Names that exporters and people use; compared in lower case with '-' , '.', ':' and ' ' as '_'.
constexpr auto kGuesses = std::to_array<Named>({{"timestamp", {Field::ts, 0}},
                                                {"time", {Field::ts, 0}},
                                                {"ts", {Field::ts, 0}},
                                                {"date", {Field::ts, 0}},
                                                {"datetime", {Field::ts, 0}},
                                                {"start", {Field::ts, 0}},
                                                {"start_time", {Field::ts, 0}},
                                                {"starttime", {Field::ts, 0}},
                                                {"startedat", {Field::ts, 0}},
                                                {"started_at", {Field::ts, 0}},
                                                {"@timestamp", {Field::ts, 0}},
                                                {"_timestamp", {Field::ts, 0}},
                                                {"ts_ns", {Field::ts, 1}},
                                                {"ts_us", {Field::ts, kUs}},
                                                {"ts_ms", {Field::ts, kMs}},
                                                {"arrival", {Field::ts, 0}},
                                                {"at", {Field::ts, 0}},
                                                {"msec", {Field::ts_end, kS}},
                                                {"time_local", {Field::ts_end, 0}},
                                                {"time_iso8601", {Field::ts_end, 0}},
                                                {"end_time", {Field::ts_end, 0}},
                                                {"ts_end", {Field::ts_end, 0}},
                                                {"session", {Field::session, 0}},
                                                {"session_id", {Field::session, 0}},
                                                {"sessionid", {Field::session, 0}},
                                                {"sid", {Field::session, 0}},
                                                {"user", {Field::session, 0}},
                                                {"user_id", {Field::session, 0}},
                                                {"userid", {Field::session, 0}},
                                                {"client_id", {Field::session, 0}},
                                                {"remote_addr", {Field::address, 0}},
                                                {"client_ip", {Field::address, 0}},
                                                {"clientip", {Field::address, 0}},
                                                {"ip", {Field::address, 0}},
                                                {"client", {Field::address, 0}},
                                                {"x_forwarded_for", {Field::forwarded, 0}},
                                                {"http_x_forwarded_for", {Field::forwarded, 0}},
                                                {"xff", {Field::forwarded, 0}},
                                                {"downstream_remote_address", {Field::address, 0}},
                                                {"user_agent", {Field::agent, 0}},
                                                {"http_user_agent", {Field::agent, 0}},
                                                {"agent", {Field::agent, 0}},
                                                {"useragent", {Field::agent, 0}},
                                                {"method", {Field::method, 0}},
                                                {"request_method", {Field::method, 0}},
                                                {"http_method", {Field::method, 0}},
                                                {"verb", {Field::method, 0}},
                                                {"_method", {Field::method, 0}},
                                                {"path", {Field::target, 0}},
                                                {"_path", {Field::target, 0}},
                                                {"url", {Field::target, 0}},
                                                {"uri", {Field::target, 0}},
                                                {"request_uri", {Field::target, 0}},
                                                {"request_path", {Field::target, 0}},
                                                {"target", {Field::target, 0}},
                                                {"x_envoy_original_path", {Field::target, 0}},
                                                {"query", {Field::query, 0}},
                                                {"args", {Field::query, 0}},
                                                {"query_string", {Field::query, 0}},
                                                {"request", {Field::request, 0}},
                                                {"status", {Field::status, 0}},
                                                {"status_code", {Field::status, 0}},
                                                {"response_code", {Field::status, 0}},
                                                {"responsecode", {Field::status, 0}},
                                                {"code", {Field::status, 0}},
                                                {"request_time", {Field::latency, kS}},
                                                {"latency_ns", {Field::latency, 1}},
                                                {"duration_ns", {Field::latency, 1}},
                                                {"latency_us", {Field::latency, kUs}},
                                                {"duration_us", {Field::latency, kUs}},
                                                {"latency_ms", {Field::latency, kMs}},
                                                {"duration_ms", {Field::latency, kMs}},
                                                {"elapsed", {Field::latency, kMs}},
                                                {"duration", {Field::latency, kMs}},
                                                {"latency_s", {Field::latency, kS}}});

}  // namespace

FieldMeaning guess_field(std::string_view column) {
  std::string name = lower(trim(column));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.' || c == ':' || c == ' '; }, '_');
  for (const Named& guess : kGuesses)
    if (guess.name == name) return guess.meaning;
  return {};
}

Result<FieldMeaning> parse_field(std::string_view name) {
  for (const Named& field : kFields)
    if (field.name == name) return field.meaning;
  if (name == kLatencyNs.name) return kLatencyNs.meaning;
  if (name == kSkip.name) return kSkip.meaning;
  std::vector<std::string> known;
  for (const Named& field : kFields) known.emplace_back(field.name);
  known.emplace_back(kLatencyNs.name);
  known.emplace_back(kSkip.name);
  return Error{Errc::invalid, "--map: there is no field '" + std::string(name) + "'", "fields: " + join(known, ", ")};
}

void RowBuilder::clear() {
  entry_ = {};
  has_stamp_ = false;
  query_ = forwarded_ = {};
}

std::string RowBuilder::put(FieldMeaning meaning, std::string_view text, StampReader& stamps) {
  if (text.empty() || text == "-" || text == "null") return {};
  switch (meaning.field) {
    case Field::none:
      break;
    case Field::ts:
    case Field::ts_end: {
      if (has_stamp_ && meaning.field == Field::ts_end && !entry_.stamp_is_end)
        return {};  // a start is worth more than an end
      Stamp stamp;
      if (!(meaning.unit == 0 ? stamps.any(text, stamp)
                              : StampReader::number(trim(text), meaning.unit, stamp) || stamps.any(text, stamp)))
        return "'" + std::string(text.substr(0, 40)) + "' is not a time stamp";
      if (has_stamp_ && meaning.field == Field::ts_end && stamp.unit >= entry_.stamp.unit)
        return {};  // the finer one of two
      entry_.stamp = stamp;
      entry_.stamp_is_end = meaning.field == Field::ts_end;
      has_stamp_ = true;
      break;
    }
    case Field::session:
      entry_.session = text;
      break;
    case Field::address:
      entry_.address = client_of(text);
      break;
    case Field::forwarded:
      forwarded_ = client_of(text);
      break;
    case Field::agent:
      entry_.agent = text;
      break;
    case Field::method:
      entry_.method = text;
      break;
    case Field::target:
      entry_.target = text;
      break;
    case Field::query:
      query_ = text;
      break;
    case Field::request:
      if (!split_request(text, entry_.method, entry_.target)) return "the request is not an HTTP request line";
      break;
    case Field::status: {
      int status = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
      if (error != std::errc() || end != text.data() + text.size() || status < 0 || status > 999)
        return "'" + std::string(text.substr(0, 40)) + "' is no status";
      entry_.status = status;
      break;
    }
    case Field::latency: {
      double value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value) || value < 0 ||
          value * static_cast<double>(meaning.unit) > 1e15)
        return "'" + std::string(text.substr(0, 40)) + "' is no latency";
      entry_.latency_ns = std::llround(value * static_cast<double>(meaning.unit));
      break;
    }
  }
  return {};
}

std::string RowBuilder::finish(Entry& out) {
  if (!has_stamp_) return "the row has no time stamp";
  if (!forwarded_.empty())
    entry_.address = forwarded_;  // behind a proxy it is the buyer's, wherever in the row it stands
  if (!query_.empty() && entry_.target.find('?') == std::string_view::npos) {
    joined_.assign(entry_.target).append(query_.starts_with('?') ? "" : "?").append(query_);
    entry_.target = joined_;
  }
  out = entry_;
  return {};
}

std::string_view client_of(std::string_view text) {
  text = trim(text.substr(0, text.find(',')));
  if (text.starts_with('['))
    return text.substr(1, text.find(']') == std::string_view::npos ? text.size() : text.find(']') - 1);
  // Behind an IPv4 address a colon divides the port off, which is another one for each connection. IPv6 and names keep
  // theirs.
  const auto colon = text.find_first_not_of("0123456789.");
  return colon != std::string_view::npos && text[colon] == ':' &&
                 text.substr(0, colon).find('.') != std::string_view::npos
             ? text.substr(0, colon)
             : text;
}

bool split_request(std::string_view request, std::string_view& method, std::string_view& target) {
  const auto space = request.find(' ');
  if (space == std::string_view::npos || space == 0 || space > 16) return false;
  std::string_view rest = request.substr(space + 1);
  // HTTP/0.9 has no version; a target may hold spaces when a client is careless.
  const auto version = rest.rfind(" HTTP/");
  if (version != std::string_view::npos) rest = rest.substr(0, version);
  for (const char c : request.substr(0, space))
    if (!((c >= 'A' && c <= 'Z') || c == '-' || c == '_')) return false;
  if (rest.empty()) return false;
  method = request.substr(0, space);
  target = rest;
  return true;
}

}  // namespace cardstorm
