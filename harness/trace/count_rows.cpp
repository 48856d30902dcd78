// count_rows: reads time,count.
#include "harness/trace/count_rows.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "harness/core/text.hpp"
#include "harness/trace/cells.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kRowsMax = 10'000'000;

bool count_of(std::string_view cell, double& out) {
  cell = trim(cell);
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), out);
  return error == std::errc() && end == cell.data() + cell.size() && std::isfinite(out) && out >= 0;
}

}  // namespace

bool looks_like_counts(std::string_view head) {
  constexpr std::array<std::string_view, 9> kNames{"count", "value", "requests", "hits", "total", "sum", "request_count", "requestcount", "n"};
  const std::string_view line = head.substr(0, head.find('\n'));
  Cells cells;
  std::size_t column = 0;
  if (!cells.split(trim(line), separator_of(line), column) || cells.all().size() != 2) return false;
  return guess_field(cells.all()[0]).field == Field::ts && std::find(kNames.begin(), kNames.end(), lower(trim(cells.all()[1]))) != kNames.end();
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
    if (piece.cut || !cells.split(piece.text, separator, column)) wrong = "this is no row of a table";
    else if (!stamps.any(cells.all()[0], stamp)) wrong = "'" + std::string(cells.all()[0].substr(0, 40)) + "' is not a time stamp";
    else if (cells.all().size() < 2 || !count_of(cells.all()[1], row.count)) wrong = "a count from 0 on was wanted in the second column", column = cells.all()[0].size() + 2;
    if (!wrong.empty()) {
      if (piece.number > 1) sink.bad(piece.number, column, wrong, piece.text);
      continue;
    }
    row.at_ns = stamp.ns;
    if (out.rows.size() == kRowsMax) return Error{Errc::invalid, "more than " + std::to_string(kRowsMax) + " rows of counts", "sum them up to longer intervals"};
    out.rows.push_back(row);
  }
  std::stable_sort(out.rows.begin(), out.rows.end(), [](const auto& a, const auto& b) { return a.at_ns < b.at_ns; });
  std::vector<std::int64_t> gaps;
  for (std::size_t i = 1; i < out.rows.size(); ++i)
    if (out.rows[i].at_ns > out.rows[i - 1].at_ns) gaps.push_back(out.rows[i].at_ns - out.rows[i - 1].at_ns);
  if (gaps.empty()) return Error{Errc::invalid, "counts per interval need at least two rows of different times", "write time,count in each row"};
  std::nth_element(gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2), gaps.end());
  out.interval_ns = gaps[gaps.size() / 2];
  constexpr std::int64_t kIntervalMax = 366 * std::int64_t{86'400'000'000'000};
  if (out.interval_ns > kIntervalMax) return Error{Errc::invalid, "the rows are more than a year apart", "look for a wrong time stamp, or a column of another unit"};
  return out;
}

}  // namespace cardstorm
