// stamp: time stamps of logs.
#include "harness/trace/stamp.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>

#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

constexpr std::int64_t kStampSecond = 1'000'000'000;
constexpr std::int64_t kStampTimeMax = 7'258'118'400 * kStampSecond;  // the year 2200

bool digits(std::string_view text, std::size_t at, std::size_t count, int& out) {
  if (at + count > text.size()) return false;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  out = value;
  return true;
}

bool seconds_of(int year, int month, int day, int hour, int minute, int second, std::int64_t& out) {
  if (year < 1969 || year > 2200 || hour > 23 || minute > 59 || second > 60) return false;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  out = std::chrono::sys_days(date).time_since_epoch().count() * std::int64_t{86'400} + hour * 3'600 + minute * 60 +
        second;
  return true;
}

bool in_range(std::int64_t ns) { return ns >= 0 && ns <= kStampTimeMax; }

std::optional<int> zone_of(std::string_view text) {
  if (text == "Z" || text == "z" || text == "UTC" || text == "GMT") return 0;
  int hour = 0, minute = 0;
  if (text.size() < 3 || (text[0] != '+' && text[0] != '-') || !digits(text, 1, 2, hour)) return std::nullopt;
  if (text.size() == 5   ? !digits(text, 3, 2, minute)
      : text.size() == 6 ? text[3] != ':' || !digits(text, 4, 2, minute)
                         : text.size() != 3)
    return std::nullopt;
  if (hour > 15 || minute > 59) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (hour * 3'600 + minute * 60);
}

/// A fraction behind a '.' or ',' at `i`; moves `i` behind it.
std::int64_t fraction_at(std::string_view text, std::size_t& i, std::int64_t& unit) {
  std::int64_t fraction = 0;
  if (i < text.size() && (text[i] == '.' || text[i] == ',')) {
    for (++i; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      if (unit == 1) continue;  // digits beyond nanoseconds weigh nothing
      unit /= 10;
      fraction += (text[i] - '0') * unit;
    }
  }
  return fraction;
}

}  // namespace

Result<int> parse_zone(std::string_view text) {
  if (const auto zone = zone_of(text)) return *zone;
  return Error{Errc::invalid, "'" + std::string(text) + "' is no time zone",
               "write the distance from UTC, such as +08:00 for China, or UTC"};
}

void StampReader::saw(int zone) {
  if (zones_.size() < 8 && std::find(zones_.begin(), zones_.end(), zone) == zones_.end()) zones_.push_back(zone);
}

bool StampReader::common(std::string_view text, Stamp& out) {
  if (text.starts_with('[')) text.remove_prefix(1);
  if (text.ends_with(']')) text.remove_suffix(1);
  if (text.size() != 26) return false;
  // A busy log repeats the same second thousands of times.
  if (last_ns_ >= 0 && std::memcmp(text.data(), last_text_.data(), 26) == 0) {
    out = {last_ns_, kStampSecond};
    return true;
  }
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int day = 0, year = 0, hour = 0, minute = 0, second = 0;
  const auto month = kMonths.find(text.substr(3, 3));
  const auto zone = zone_of(text.substr(21));
  std::int64_t whole = 0;
  const bool shape = digits(text, 0, 2, day) && digits(text, 7, 4, year) && digits(text, 12, 2, hour) &&
                     digits(text, 15, 2, minute) && digits(text, 18, 2, second) && text[2] == '/' && text[6] == '/' &&
                     text[11] == ':' && text[14] == ':' && text[17] == ':' && text[20] == ' ';
  if (!shape || month == std::string_view::npos || month % 3 != 0 || !zone) return false;
  if (!seconds_of(year, static_cast<int>(month / 3) + 1, day, hour, minute, second, whole)) return false;
  const std::int64_t ns = (whole - *zone) * kStampSecond;
  if (!in_range(ns)) return false;
  std::memcpy(last_text_.data(), text.data(), 26);
  last_ns_ = ns;
  saw(*zone);
  out = {ns, kStampSecond};
  return true;
}

bool StampReader::iso(std::string_view text, Stamp& out) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::int64_t whole = 0;
  if (text.size() < 16 || !digits(text, 0, 4, year) || !digits(text, 5, 2, month) || !digits(text, 8, 2, day))
    return false;
  if ((text[4] != '-' && text[4] != '/') || text[7] != text[4] ||
      (text[10] != 'T' && text[10] != ' ' && text[10] != 't'))
    return false;
  if (!digits(text, 11, 2, hour) || text[13] != ':' || !digits(text, 14, 2, minute)) return false;
  std::int64_t unit = kStampSecond, fraction = 0;
  std::size_t i = 16;
  if (i < text.size() && text[i] == ':') {
    if (!digits(text, 17, 2, second)) return false;
    i = 19;
    fraction = fraction_at(text, i, unit);
  }
  if (!seconds_of(year, month, day, hour, minute, second, whole)) return false;
  while (i < text.size() && text[i] == ' ') ++i;
  int zone = zone_;
  if (i < text.size()) {
    const auto told = zone_of(text.substr(i));
    if (!told) return false;
    zone = *told;
    saw(zone);
  } else {
    zone_missing_ = true;
  }
  out = {(whole - zone) * kStampSecond + fraction, unit};
  return in_range(out.ns);
}

bool StampReader::number(std::string_view text, std::int64_t unit, Stamp& out) {
  std::int64_t whole = 0;
  if (text.starts_with('-')) return false;  // -0.5 is not 0.5
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc() || whole < 0 || whole > kStampTimeMax / unit) return false;
  std::size_t i = static_cast<std::size_t>(end - text.data());
  // Spreadsheets write 1.548115E9; such a stamp has lost its digits anyway, but it must not become 1 s.
  std::int64_t fine = unit;
  const std::int64_t fraction = fraction_at(text, i, fine);
  if (i != text.size()) return false;
  out = {whole * unit + fraction, fine};
  return in_range(out.ns);
}

bool StampReader::epoch(std::string_view text, Stamp& out) {
  std::size_t whole = 0;
  while (whole < text.size() && text[whole] >= '0' && text[whole] <= '9') ++whole;
  const std::int64_t unit = whole <= 11 ? kStampSecond : whole <= 14 ? 1'000'000 : whole <= 17 ? 1'000 : 1;
  return whole > 0 && number(text, unit, out);
}

bool StampReader::any(std::string_view text, Stamp& out) {
  text = trim(text);
  return epoch(text, out) || iso(text, out) || common(text, out);
}

}  // namespace cardstorm
