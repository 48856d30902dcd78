// trace: recorded arrivals from a CSV file.
#include "harness/scenario/trace.hpp"

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "harness/core/csv.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"
#include "harness/trace/stamp.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kTraceMistakesMax = 10;  // a wrong column would fill the screen with one mistake a line
constexpr std::string_view kForms = "write 2023-11-16 18:17:03.25 or seconds such as 12.25 in the first column";

/// Seconds, or an ISO stamp.
std::optional<Nanos> time_stamp(std::string_view text, StampReader& stamps) {
  double value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && rest == text.data() + text.size()) {
    if (!std::isfinite(value) || std::abs(value) > 5e9) return std::nullopt;
    return nanos_of_seconds(value);
  }
  Stamp stamp;
  if (!stamps.iso(text, stamp)) return std::nullopt;
  return Nanos(stamp.ns);
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
  StampReader reader;
  std::string scratch;
  std::string_view rest = text;
  for (int line = 1; !rest.empty(); ++line) {
    const auto end = std::min(rest.find('\n'), rest.size());
    std::string_view row = trim(rest.substr(0, end)), cell = row;
    next_cell(row, ',', cell, scratch);
    cell = trim(cell);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (cell.empty() && rest.empty()) break;
    const auto stamp = time_stamp(cell, reader);
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
