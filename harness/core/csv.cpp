// csv: see csv.hpp.
#include "harness/core/csv.hpp"

#include <algorithm>

namespace cardstorm {
namespace {

/// Moves `rest` behind what ends the cell at `at`.
CellEnd end_cell(std::string_view& rest, char separator, std::size_t at) {
  if (rest.substr(at).starts_with("\r\n")) ++at;
  const CellEnd end = at == rest.size()       ? CellEnd::text
                      : rest[at] == separator ? CellEnd::separator
                      : rest[at] == '\n'      ? CellEnd::line
                                              : CellEnd::quote;
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return end;
}

}  // namespace

CellEnd next_cell(std::string_view& rest, char separator, std::string_view& cell, std::string& scratch) {
  if (!rest.starts_with('"')) {
    std::size_t at = 0;
    while (at < rest.size() && rest[at] != separator && rest[at] != '\n') ++at;
    if (at < rest.size() && rest[at] == '\n' && at > 0 && rest[at - 1] == '\r') --at;
    cell = rest.substr(0, at);
    return end_cell(rest, separator, at);
  }
  scratch.clear();
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] != '"') {
      scratch += rest[i];
    } else if (i + 1 < rest.size() && rest[i + 1] == '"') {
      scratch += '"', ++i;
    } else {
      cell = scratch;
      return end_cell(rest, separator, i + 1);
    }
  }
  return CellEnd::quote;
}

bool Cells::split(std::string_view line, char separator, std::size_t& column) {
  constexpr std::size_t kCellsMax = 1000;
  cells_.clear();
  // Moving a string would move a short text that a view points to: the places are made first.
  const auto places =
      std::min(kCellsMax, static_cast<std::size_t>(std::count(line.begin(), line.end(), separator)) + 1);
  if (scratch_.size() < places) scratch_.resize(places);
  std::string_view rest = line;
  for (CellEnd end = CellEnd::separator; end == CellEnd::separator && cells_.size() < kCellsMax;) {
    column = line.size() - rest.size() + 1;
    std::string_view cell;
    end = next_cell(rest, separator, cell, scratch_[cells_.size()]);
    if (end == CellEnd::quote) return false;
    cells_.push_back(cell);
  }
  return true;
}

char separator_of(std::string_view line) {
  char best = ',';
  for (const char c : {';', '\t'})
    if (std::count(line.begin(), line.end(), c) > std::count(line.begin(), line.end(), best)) best = c;
  return best;
}

}  // namespace cardstorm
