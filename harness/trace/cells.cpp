// cells: separated values.
#include "harness/trace/cells.hpp"

#include <algorithm>

namespace cardstorm {

bool next_cell(std::string_view& rest, char separator, std::string_view& cell, std::string& scratch) {
  if (rest.empty() || rest.front() != '"') {
    const auto at = rest.find(separator);
    cell = rest.substr(0, at);
    rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
    return true;
  }
  scratch.clear();
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] != '"') {
      scratch += rest[i];
    } else if (i + 1 < rest.size() && rest[i + 1] == '"') {
      scratch += '"', ++i;
    } else {
      if (i + 1 < rest.size() && rest[i + 1] != separator) return false;
      rest.remove_prefix(std::min(i + 2, rest.size()));
      cell = scratch;
      return true;
    }
  }
  return false;
}

bool Cells::split(std::string_view line, char separator, std::size_t& column) {
  constexpr std::size_t kCellsMax = 1000;
  cells_.clear();
  // Moving a string would move a short text that a view points to: the places are made first.
  const auto places =
      std::min(kCellsMax, static_cast<std::size_t>(std::count(line.begin(), line.end(), separator)) + 1);
  if (scratch_.size() < places) scratch_.resize(places);
  std::string_view rest = line;
  bool more = true;
  while (more && cells_.size() < kCellsMax) {
    column = line.size() - rest.size() + 1;
    const std::size_t before = rest.size();
    std::string_view cell;
    if (!next_cell(rest, separator, cell, scratch_[cells_.size()])) return false;
    cells_.push_back(cell);
    // An empty rest ends the line, unless a separator was just taken: then one empty cell is left.
    const bool separator_taken =
        before > rest.size() && line[line.size() - rest.size() - 1] == separator && (rest.data() != line.data());
    more = !rest.empty() || (separator_taken && line.ends_with(separator));
    if (rest.empty() && more) {
      cells_.emplace_back();
      more = false;
    }
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
