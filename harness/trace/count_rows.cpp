// count_rows: reads time,count.
#include "harness/trace/count_rows.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "harness/core/csv.hpp"
#include "harness/core/text.hpp"
#include "harness/stats/stats.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kRowsMax = 10'000'000;

bool count_of(std::string_view cell, double& out) {
  cell = trim(cell);
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), out);
  return error == std::errc() && end == cell.data() + cell.size() && std::isfinite(out) && out >= 0;
}

/// Rows of time,number at even distances are a series, whatever stands on top of them: arrivals are never that even for
/// long.
bool even_series(std::string_view head) {
  constexpr std::size_t kRows = 20, kRowsLeast = 3;
  const char separator = separator_of(head.substr(0, head.find('\n')));
  StampReader stamps;
  Cells cells;
  std::int64_t before = 0, step = 0;
  std::size_t rows = 0;
  for (bool first = true; rows < kRows; first = false) {
    const auto end = head.find('\n');
    const std::string_view line = trim(head.substr(0, end));
    if (line.empty() || (end == std::string_view::npos && head.size() >= std::size_t{1} << 15))
      break;  // the end, or cut in the middle
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
    std::size_t column = 0;
    Stamp stamp;
    double count = 0;
    if (!cells.split(line, separator, column) || cells.all().size() != 2) return false;
    if (!stamps.any(cells.all()[0], stamp)) {
      if (first && guess_field(cells.all()[1]).field == Field::none) continue;
      return false;
    }
    if (!count_of(cells.all()[1], count)) return false;
    if (rows == 1) step = stamp.ns - before;
    if (rows > 0 && (step <= 0 || stamp.ns - before != step)) return false;
    before = stamp.ns, ++rows;
  }
  return rows >= kRowsLeast;
}

}  // namespace

bool looks_like_counts(std::string_view head) {
  constexpr std::array<std::string_view, 9> kNames{"count", "value",         "requests",     "hits", "total",
                                                   "sum",   "request_count", "requestcount", "n"};
  const std::string_view line = head.substr(0, head.find('\n'));
  Cells cells;
  std::size_t column = 0;
  if (!cells.split(trim(line), separator_of(line), column) || cells.all().size() != 2) return false;
  if (guess_field(cells.all()[0]).field == Field::ts &&
      std::find(kNames.begin(), kNames.end(), lower(trim(cells.all()[1]))) != kNames.end())
    return true;
  return even_series(head);
}

Result<CountRows> read_count_rows(Input& input, StampReader& stamps, Sink& sink) {
  CountRows out;
  Piece piece;
  Cells cells;
  char separator = ',';
  while (input.line(piece)) {
    if (piece.text.empty()) continue;
    if (piece.number == 1) separator = separator_of(piece.text);
    std::size_t column = 1;
    CountRows::Row row;
    Stamp stamp;
    std::string wrong;
    if (piece.cut || !cells.split(piece.text, separator, column))
      wrong = "this is no row of a table";
    else if (!stamps.any(cells.all()[0], stamp))
      wrong = "'" + std::string(cells.all()[0].substr(0, 40)) + "' is not a time stamp";
    else if (cells.all().size() < 2 || !count_of(cells.all()[1], row.count))
      wrong = "a count from 0 on was wanted in the second column", column = cells.all()[0].size() + 2;
    if (!wrong.empty()) {
      if (piece.number > 1) sink.bad(piece.number, column, wrong, piece.text);
      continue;
    }
    row.at_ns = stamp.ns;
    if (out.rows.size() == kRowsMax)
      return Error{Errc::invalid, "more than " + std::to_string(kRowsMax) + " rows of counts",
                   "sum them up to longer intervals"};
    out.rows.push_back(row);
  }
  std::stable_sort(out.rows.begin(), out.rows.end(), [](const auto& a, const auto& b) { return a.at_ns < b.at_ns; });
  std::vector<std::int64_t> gaps;
  for (std::size_t i = 1; i < out.rows.size(); ++i)
    if (out.rows[i].at_ns > out.rows[i - 1].at_ns) gaps.push_back(out.rows[i].at_ns - out.rows[i - 1].at_ns);
  if (gaps.empty())
    return Error{Errc::invalid, "counts per interval need at least two rows of different times",
                 "write time,count in each row"};
  out.interval_ns = median_in(gaps);
  constexpr std::int64_t kIntervalMax = 366 * std::int64_t{86'400'000'000'000};
  if (out.interval_ns > kIntervalMax)
    return Error{Errc::invalid, "the rows are more than a year apart",
                 "look for a wrong time stamp, or a column of another unit"};
  return out;
}

}  // namespace cardstorm
