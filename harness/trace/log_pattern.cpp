// log_pattern: a format is a row of values with literals between them; a value ends where the literal behind it begins.
#include "harness/trace/log_pattern.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

int hex_value(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

std::size_t find_from(std::string_view line, std::string_view what, std::size_t at) {
  if (what.size() != 1) return line.find(what, at);
  const void* found = at >= line.size() ? nullptr : std::memchr(line.data() + at, what.front(), line.size() - at);
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - line.data());
}

bool absent(std::string_view value) { return value.empty() || value == "-"; }

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6)), out += static_cast<char>(0x80 | (code & 63));
  } else {
    out += static_cast<char>(0xE0 | (code >> 12)), out += static_cast<char>(0x80 | ((code >> 6) & 63)),
        out += static_cast<char>(0x80 | (code & 63));
  }
}

}  // namespace

LogPattern::Part LogPattern::nginx_part(const std::string& name, Slot& slot) {
  static constexpr std::array<std::pair<std::string_view, Part>, 21> kNames{
      {{"time_local", Part::time},
       {"time_iso8601", Part::iso},
       {"request", Part::request},
       {"request_method", Part::method},
       {"request_uri", Part::target},
       {"uri", Part::path},
       {"document_uri", Part::path},
       {"args", Part::query},
       {"query_string", Part::query},
       {"is_args", Part::is_args},
       {"status", Part::status},
       {"remote_addr", Part::address},
       {"realip_remote_addr", Part::skip},
       {"http_x_forwarded_for", Part::forwarded},
       {"proxy_add_x_forwarded_for", Part::forwarded},
       {"http_x_real_ip", Part::forwarded},
       {"http_user_agent", Part::agent},
       {"host", Part::host},
       {"http_host", Part::host},
       {"server_name", Part::host},
       {"scheme", Part::scheme}}};
  slot.list = name.starts_with("upstream_") || name.ends_with("x_forwarded_for");
  if (name == "msec") {
    slot.unit = kNanosPerSecond;
    return Part::epoch;
  }
  if (name == "request_time") {
    slot.unit = kNanosPerSecond;
    return Part::latency;
  }
  if (name.starts_with("cookie_")) return Part::session;
  for (const auto& [known, part] : kNames)
    if (known == name) return part;
  return Part::skip;
}

Result<LogPattern> LogPattern::nginx(std::string_view text, bool json_escapes) {
  LogPattern p;
  p.stamp_is_end_ = true;
  p.escapes_ = json_escapes ? Escapes::json : Escapes::hex;
  p.quotes_escaped_ = json_escapes;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '$') {
      const auto end = std::min(text.find('$', i), text.size());
      p.add_literal(text.substr(i, end - i));
      i = end;
      continue;
    }
    const bool braces = i + 1 < text.size() && text[i + 1] == '{';
    std::size_t begin = i + (braces ? 2 : 1), end = begin;
    while (end < text.size() && name_char(text[end])) ++end;
    if (end == begin || (braces && (end == text.size() || text[end] != '}')))
      return Error{Errc::invalid,
                   "log format, column " + std::to_string(i + 1) + ": '$' without the name of a variable"};
    Slot slot;
    slot.name = "$" + std::string(text.substr(begin, end - begin));
    slot.part = nginx_part(slot.name.substr(1), slot);
    p.add_slot(std::move(slot));
    i = end + (braces ? 1 : 0);
  }
  return checked(std::move(p), text);
}

void LogPattern::apache_part(char letter, const std::string& argument, Slot& slot) {
  const std::string name = lower(argument);
  switch (letter) {
    case 'h':
      slot.part = Part::address;
      break;
    case 'a':
      slot.part = name == "c" ? Part::skip : Part::address;
      break;
    case 't':
      if (name.empty() || name == "begin" || name == "end")
        slot.part = Part::time;
      else if (name.ends_with("msec"))
        slot.part = Part::epoch, slot.unit = 1'000'000;
      else if (name.ends_with("usec"))
        slot.part = Part::epoch, slot.unit = 1'000;
      else if (name.ends_with("sec"))
        slot.part = Part::epoch, slot.unit = kNanosPerSecond;
      if (name.starts_with("end:") && slot.part == Part::epoch) slot.part = Part::end_epoch;
      break;
    case 'r':
      slot.part = Part::request;
      break;
    case 'm':
      slot.part = Part::method;
      break;
    case 'U':
      slot.part = Part::path;
      break;
    case 'q':
      slot.part = Part::query;
      break;
    case 's':
      slot.part = Part::status;
      break;
    case 'D':
      slot.part = Part::latency, slot.unit = 1'000;
      break;
    case 'T':
      slot.part = Part::latency, slot.unit = name == "ms" ? 1'000'000 : name == "us" ? 1'000 : kNanosPerSecond;
      break;
    case 'v':
    case 'V':
      slot.part = Part::host;
      break;
    case 'C':
      slot.part = Part::session;
      break;
    case 'i':
      if (name == "user-agent")
        slot.part = Part::agent;
      else if (name == "x-forwarded-for" || name == "x-real-ip")
        slot.part = Part::forwarded, slot.list = true;
      else if (name == "host")
        slot.part = Part::host;
      break;
    default:
      break;
  }
}

Result<LogPattern> LogPattern::apache(std::string_view text) {
  LogPattern p;
  p.quotes_escaped_ = true;
  std::string literal;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {  // as it stands inside of the quotes of a configuration file
      literal += text[++i] == 't' ? '\t' : text[i];
      continue;
    }
    if (text[i] != '%') {
      literal += text[i];
      continue;
    }
    const std::size_t begin = i++;
    if (i < text.size() && text[i] == '%') {
      literal += '%';
      continue;
    }
    while (i < text.size() &&
           (text[i] == '>' || text[i] == '<' || text[i] == '!' || text[i] == ',' || (text[i] >= '0' && text[i] <= '9')))
      ++i;
    std::string argument;
    if (i < text.size() && text[i] == '{') {
      const auto close = text.find('}', i);
      if (close == std::string_view::npos)
        return Error{Errc::invalid, "log format, column " + std::to_string(i + 1) + ": '{' without '}'"};
      argument = std::string(text.substr(i + 1, close - i - 1));
      i = close + 1;
    }
    while (i < text.size() && text[i] == '^') i += 2;  // %^ti and %^to: trailers
    if (i >= text.size() || !name_char(text[i]))
      return Error{Errc::invalid, "log format, column " + std::to_string(begin + 1) + ": '%' without a directive"};
    p.add_literal(literal);
    literal.clear();
    Slot slot;
    slot.name = std::string(text.substr(begin, i + 1 - begin));
    apache_part(text[i], argument, slot);
    p.add_slot(std::move(slot));
  }
  p.add_literal(literal);
  return checked(std::move(p), text);
}

void LogPattern::envoy_part(const std::string& command, const std::string& argument, Slot& slot) {
  const std::string header = lower(argument);
  if (command == "START_TIME")
    slot.part = argument.empty() || argument.starts_with("%Y-%m-%dT") ? Part::iso
                : argument.starts_with("%s")                          ? Part::epoch
                                                                      : Part::skip,
    slot.unit = kNanosPerSecond;
  else if (command == "RESPONSE_CODE")
    slot.part = Part::status;
  else if (command == "DURATION")
    slot.part = Part::latency, slot.unit = 1'000'000;
  else if (command.starts_with("DOWNSTREAM_REMOTE_ADDRESS"))
    slot.part = Part::address;
  else if (command == "REQ" && header == ":method")
    slot.part = Part::method;
  else if (command == "REQ" && (header == ":path" || header.ends_with("?:path")))
    slot.part = Part::target;
  else if (command == "REQ" && header == "x-forwarded-for")
    slot.part = Part::forwarded, slot.list = true;
  else if (command == "REQ" && header == "user-agent")
    slot.part = Part::agent;
  else if (command == "REQ" && (header == ":authority" || header == "host"))
    slot.part = Part::host;
}

Result<LogPattern> LogPattern::envoy(std::string_view text) {
  LogPattern p;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '%') {
      const auto end = std::min(text.find('%', i), text.size());
      p.add_literal(text.substr(i, end - i));
      i = end;
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == '%') {
      p.add_literal("%");
      i += 2;
      continue;
    }
    std::size_t end = i + 1;
    while (end < text.size() && name_char(text[end])) ++end;
    Slot slot;
    const std::string command(text.substr(i + 1, end - i - 1));
    std::string argument;
    if (end < text.size() && text[end] == '(') {  // an argument may hold % itself: %START_TIME(%s.%3f)%
      const auto close = text.find(')', end);
      if (close == std::string_view::npos)
        return Error{Errc::invalid, "log format, column " + std::to_string(end + 1) + ": '(' without ')'"};
      argument = std::string(text.substr(end + 1, close - end - 1));
      end = close + 1;
    }
    while (end < text.size() && text[end] != '%') ++end;  // a length, as in %REQ(X):10%
    if (command.empty() || end == text.size())
      return Error{Errc::invalid,
                   "log format, column " + std::to_string(i + 1) + ": a command must stand between two '%'"};
    slot.name = std::string(text.substr(i, end + 1 - i));
    envoy_part(command, argument, slot);
    p.add_slot(std::move(slot));
    i = end + 1;
  }
  return checked(std::move(p), text);
}

void LogPattern::add_literal(std::string_view text) {
  if (slots_.empty())
    lead_ += text;
  else
    slots_.back().behind += text;
}

void LogPattern::add_slot(Slot slot) { slots_.push_back(std::move(slot)); }

Result<LogPattern> LogPattern::checked(LogPattern p, std::string_view text) {
  if (p.slots_.empty())
    return Error{Errc::invalid, "the log format '" + std::string(text.substr(0, 80)) + "' holds no variable",
                 "write it as it stands in the server's configuration, in single quotes"};
  bool stamp = false;
  for (std::size_t i = 0; i < p.slots_.size(); ++i) {
    const Slot& slot = p.slots_[i];
    stamp = stamp || slot.part == Part::time || slot.part == Part::iso || slot.part == Part::epoch ||
            slot.part == Part::end_epoch;
    if (!slot.behind.empty() || i + 1 == p.slots_.size()) continue;
    const bool known_width = slot.part != Part::skip && slot.part != Part::request && slot.part != Part::agent &&
                             slot.part != Part::forwarded && slot.part != Part::query && slot.part != Part::session &&
                             slot.part != Part::time;
    if (!known_width)
      return Error{Errc::invalid,
                   "log format: " + slot.name + " and " + p.slots_[i + 1].name +
                       " stand side by side, so nobody can tell where the first one ends",
                   "put a space or quotes between them in the server's log_format"};
  }
  if (!stamp)
    return Error{Errc::invalid, "the log format has no time that we can read",
                 "it needs $time_local, $time_iso8601 or $msec (nginx), %t (Apache), %START_TIME% (Envoy)"};
  return p;
}

bool LogPattern::tells_latency() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& s) { return s.part == Part::latency; });
}

bool LogPattern::tells_client() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& s) {
    return s.part == Part::address || s.part == Part::forwarded || s.part == Part::session;
  });
}

std::size_t LogPattern::end_of(const Slot& slot, std::string_view line, std::size_t at) const {
  std::size_t end = find_from(line, slot.behind, at);
  if (slot.list && slot.behind.front() == ' ') {
    // "0.001, 0.002 : 0.004" is one value: the servers that were tried one after the other.
    while (end != std::string_view::npos && end > at &&
           (line[end - 1] == ',' || line[end - 1] == ':' ||
            (end + 1 < line.size() && line[end + 1] == ':' && end + 2 < line.size() && line[end + 2] == ' ')))
      end = find_from(line, slot.behind, line[end - 1] == ',' || line[end - 1] == ':' ? end + 1 : end + 2);
  }
  if (quotes_escaped_ && slot.behind.front() == '"') {
    while (end != std::string_view::npos) {
      std::size_t slashes = 0;
      while (slashes < end - at && line[end - 1 - slashes] == '\\') ++slashes;
      if (slashes % 2 == 0) break;
      end = find_from(line, slot.behind, end + 1);
    }
  }
  return end;
}

/// How long a value is that has another one right behind it.
std::size_t LogPattern::width_beside(Part part, std::string_view region) {
  const auto up_to = [&](std::string_view stops) { return std::min(region.find_first_of(stops), region.size()); };
  switch (part) {
    case Part::host:
      return up_to("/? ");
    case Part::scheme:
      return up_to(":/");
    case Part::path:
      return up_to("? ");
    case Part::target:
      return up_to(" \"");
    case Part::is_args:
      return region.starts_with('?') ? 1 : 0;
    case Part::method: {
      std::size_t n = 0;
      while (n < region.size() && region[n] >= 'A' && region[n] <= 'Z') ++n;
      return n;
    }
    default:
      return std::min(region.find_first_not_of("0123456789.:T+-Z"), region.size());
  }
}

std::string_view LogPattern::plain(std::string_view value, std::string& scratch) const {
  if (value.find('\\') == std::string_view::npos) return value;
  scratch.clear();
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\\' || i + 1 == value.size()) {
      scratch += value[i];
      continue;
    }
    const char c = value[++i];
    if (c == 'x' && i + 2 < value.size() && hex_value(value[i + 1]) >= 0 && hex_value(value[i + 2]) >= 0) {
      scratch += static_cast<char>(hex_value(value[i + 1]) * 16 + hex_value(value[i + 2]));
      i += 2;
    } else if (escapes_ == Escapes::json && c == 'u' && i + 4 < value.size()) {
      unsigned code = 0;
      std::from_chars(value.data() + i + 1, value.data() + i + 5, code, 16);
      append_utf8(scratch, code);
      i += 4;
    } else {
      scratch += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
    }
  }
  return scratch;
}

std::string LogPattern::put(const Slot& slot, std::string_view value, StampReader& stamps, Entry& entry) {
  const auto stamp = [&](bool good, const Stamp& read, bool is_end) -> std::string {
    if (!good) return slot.name + ": '" + std::string(value.substr(0, 40)) + "' is not a time stamp that it may hold";
    // Of two stamps the start is worth more, then the finer one.
    const bool better = !has_stamp_ || (is_end == entry.stamp_is_end ? read.unit < entry.stamp.unit : !is_end);
    if (better) entry.stamp = read, entry.stamp_is_end = is_end;
    has_stamp_ = true;
    return {};
  };
  Stamp read;
  switch (slot.part) {
    case Part::skip:
    case Part::host:
    case Part::scheme:
    case Part::is_args:
      return {};
    case Part::time: {
      const bool good = stamps.common(value, read);
      return stamp(good, read, stamp_is_end_ || slot.name.find("{end}") != std::string::npos);
    }
    case Part::iso: {
      const bool good = stamps.iso(value, read);
      return stamp(good, read, stamp_is_end_);
    }
    case Part::epoch: {
      const bool good = StampReader::number(value, slot.unit, read);
      return stamp(good, read, stamp_is_end_);
    }
    case Part::end_epoch: {
      const bool good = StampReader::number(value, slot.unit, read);
      return stamp(good, read, true);
    }
    case Part::request:
      if (absent(value))
        return "there is no request: the client sent none (a scan, a health check of the port, or a closed connection)";
      if (!split_request(plain(value, request_scratch_), entry.method, entry.target)) return "the request is not HTTP";
      return {};
    case Part::method:
      entry.method = absent(value) ? std::string_view{} : value;
      return {};
    case Part::target:
      if (!absent(value)) entry.target = plain(value, target_scratch_);
      return {};
    case Part::path:
      if (!absent(value)) path_ = value;
      return {};
    case Part::query:
      if (!absent(value)) query_ = value.starts_with('?') ? value.substr(1) : value;
      return {};
    case Part::status: {
      if (absent(value)) return {};
      int status = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), status);
      if (error != std::errc() || end != value.data() + value.size() || status < 0 || status > 999)
        return slot.name + ": '" + std::string(value.substr(0, 40)) + "' is no status";
      entry.status = status;
      return {};
    }
    case Part::latency: {
      if (absent(value)) return {};
      if (!StampReader::number(value, slot.unit, read) || read.ns > 1'000'000 * kNanosPerSecond)
        return slot.name + ": '" + std::string(value.substr(0, 40)) + "' is no duration";
      // Apache logs often hold the time twice, in seconds and finer.
      if (entry.latency_ns < 0 || read.ns % kNanosPerSecond != 0) entry.latency_ns = read.ns;
      return {};
    }
    case Part::forwarded:
      if (!absent(value)) entry.address = client_of(value);
      return {};
    case Part::address:
      if (entry.address.empty()) entry.address = client_of(value);  // behind a proxy the forwarded one is the buyer's
      return {};
    case Part::agent:
      entry.agent = value;
      return {};
    case Part::session:
      if (entry.session.empty() && !absent(value)) entry.session = value;
      return {};
  }
  return {};
}

bool LogPattern::read(std::string_view line, StampReader& stamps, Entry& entry, Miss& miss) {
  entry = {};
  has_stamp_ = false;
  path_ = query_ = {};
  if (!line.starts_with(lead_)) {
    std::size_t same = 0;
    while (same < lead_.size() && same < line.size() && line[same] == lead_[same]) ++same;
    miss = {same + 1, "'" + lead_ + "' was wanted"};
    return false;
  }
  std::size_t at = lead_.size();
  std::string_view forwarded;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    std::size_t end = line.size();
    if (slot.behind.empty() && i + 1 < slots_.size()) {
      end = at + width_beside(slot.part, line.substr(at));
    } else if (!slot.behind.empty()) {
      end = end_of(slot, line, at);
      if (end == std::string_view::npos) {
        miss = {at + 1, "the value of " + slot.name + " begins here and '" + slot.behind + "' was wanted behind it"};
        return false;
      }
    }
    const std::string_view value = line.substr(at, end - at);
    if (slot.part == Part::forwarded && !absent(value)) forwarded = value;
    if (slot.part != Part::skip) {
      std::string wrong = put(slot, value, stamps, entry);
      if (!wrong.empty()) {
        miss = {at + 1, std::move(wrong)};
        return false;
      }
    }
    at = end + slot.behind.size();
  }
  if (at < line.size()) {
    if (!more_allowed_) {
      miss = {at + 1, "the format ends here, the line goes on"};
      return false;
    }
    saw_more_ = true;
  }
  if (!forwarded.empty()) entry.address = client_of(forwarded);
  if (entry.target.empty() && !path_.empty()) {
    target_scratch_.assign(plain(path_, request_scratch_));
    // $uri is decoded: what would end the path or begin a query there must be encoded again.
    for (std::size_t k = 0; (k = target_scratch_.find_first_of("?#%", k)) != std::string::npos;) {
      const char c = target_scratch_[k];
      target_scratch_.replace(k, 1, c == '?' ? "%3F" : c == '#' ? "%23" : "%25");
      k += 3;
    }
    if (!query_.empty()) (target_scratch_ += '?') += plain(query_, request_scratch_);
    entry.target = target_scratch_;
  }
  return true;
}

std::vector<NamedLogFormat> log_formats_of_conf(std::string_view conf) {
  std::vector<NamedLogFormat> out;
  std::vector<std::string> words;  // of the statement in work
  std::size_t i = 0;
  while (i < conf.size()) {
    const char c = conf[i];
    if (c == '#') {
      i = std::min(conf.find('\n', i), conf.size());
    } else if (c == '\'' || c == '"') {
      std::string word;
      for (++i; i < conf.size() && conf[i] != c; ++i) {
        if (conf[i] == '\\' && i + 1 < conf.size() && (conf[i + 1] == c || conf[i + 1] == '\\' || conf[i + 1] == 't'))
          ++i, word += conf[i] == 't' ? '\t' : conf[i];
        else
          word += conf[i];
      }
      ++i;
      words.push_back(std::move(word));
    } else if (c == ';' || c == '{' || c == '}') {
      if (c == ';' && words.size() >= 3 && words[0] == "log_format") {
        NamedLogFormat format{words[1], {}, false};
        for (std::size_t k = 2; k < words.size(); ++k) {
          if (k == 2 && words[k].starts_with("escape="))
            format.json_escapes = words[k] == "escape=json";
          else
            format.text += words[k];
        }
        out.push_back(std::move(format));
      }
      words.clear();
      ++i;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++i;
    } else {
      const auto end = std::min(conf.find_first_of(" \t\r\n;{}", i), conf.size());
      // ${name} belongs to the word, though it holds braces.
      words.emplace_back(conf.substr(i, end - i));
      i = end == i ? end + 1 : end;
    }
  }
  return out;
}

}  // namespace cardstorm
