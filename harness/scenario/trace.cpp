// trace: recorded arrivals from a CSV file.
#include "harness/scenario/trace.hpp"

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kTraceMistakesMax = 10;  // a wrong column would fill the screen with one mistake a line
constexpr std::string_view kForms = "write 2023-11-16 18:17:03.25 or seconds such as 12.25 in the first column";

/// Exactly `digits` digits at `at`, or nothing.
std::optional<int> digits_at(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

/// "2023-11-16 18:17:03[.fraction][Z]" as time since 1970.
std::optional<Nanos> iso_time(std::string_view text) {
  const auto year = digits_at(text, 0, 4), month = digits_at(text, 5, 2), day = digits_at(text, 8, 2);
  const auto hour = digits_at(text, 11, 2), minute = digits_at(text, 14, 2), second = digits_at(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const bool marks =
      text[4] == '-' && text[7] == '-' && (text[10] == ' ' || text[10] == 'T') && text[13] == ':' && text[16] == ':';
  if (!marks || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  // Nanoseconds since 1970 fit 64 bits from 1678 to 2261; a tighter range keeps the sums below safe.
  if (!date.ok() || *year < 1900 || *year > 2200) return std::nullopt;

  std::int64_t fraction = 0, unit = 1'000'000'000;
  std::size_t i = 19;
  if (i < text.size() && text[i] == '.') {
    for (++i; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      unit /= 10;
      fraction += (text[i] - '0') * unit;  // digits beyond nanoseconds weigh nothing
    }
  }
  if (i < text.size() && text[i] == 'Z') ++i;
  if (i != text.size()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) + Nanos(fraction);
}

std::optional<Nanos> time_stamp(std::string_view text) {
  double value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && rest == text.data() + text.size()) {
    if (!std::isfinite(value) || std::abs(value) > 5e9) return std::nullopt;
    return nanos_of_seconds(value);
  }
  return iso_time(text);
}

std::string_view first_column(std::string_view line) {
  std::string_view cell = trim(line.substr(0, line.find(',')));
  if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
  return cell;
}

}  // namespace

Trace parse_trace(const std::string& text, const std::string& file, std::vector<Mistake>& mistakes) {
  Trace trace;
  trace.sha256 = sha256_hex(text);
  const std::size_t before = mistakes.size();
  const auto wrong = [&](int line, std::string what, std::string remedy) {
    if (mistakes.size() - before < kTraceMistakesMax)
      mistakes.push_back({file, line, 1, std::move(what), std::move(remedy)});
  };

  std::vector<Nanos> stamps;
  std::string_view rest = text;
  for (int line = 1; !rest.empty(); ++line) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view cell = first_column(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (cell.empty() && rest.empty()) break;
    const auto stamp = time_stamp(cell);
    if (!stamp) {
      if (line > 1) wrong(line, "'" + std::string(cell.substr(0, 40)) + "' is not a time stamp", std::string(kForms));
      continue;  // line 1 may be a header
    }
    if (!stamps.empty() && *stamp < stamps.back())
      wrong(line, "the recording goes back in time by " + fixed(seconds(stamps.back() - *stamp), 3) + " s",
            "sort the file by its first column");
    stamps.push_back(*stamp);
  }
  if (mistakes.size() > before) return trace;
  if (stamps.empty())
    wrong(1, "the recording is empty", std::string(kForms));
  else if (stamps.size() == 1)
    wrong(1, "the recording has one arrival only", "a shape needs at least two arrivals");
  else if (stamps.front() == stamps.back())
    wrong(1, "all arrivals have the same time stamp", "a shape needs a time span");
  else
    for (const Nanos stamp : stamps) trace.at.push_back(stamp - stamps.front());
  return trace;
}

}  // namespace cardstorm
