// csv: separated values, quoted as RFC 4180 has it: a quoted cell may hold separators, doubled quotes and line ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cardstorm {

/// What ends a cell; `quote`: its quotes do not close, or something stands behind them.
enum class CellEnd : std::uint8_t { separator, line, text, quote };

/// Cuts the next cell off `rest`, with what ends it. `cell` views `rest`, or `scratch` when it is quoted.
CellEnd next_cell(std::string_view& rest, char separator, std::string_view& cell, std::string& scratch);

/// All cells of a line. Views point into the line or into this object.
class Cells {
 public:
  /// False for CellEnd::quote; `column` then says where the cell begins, from 1.
  bool split(std::string_view line, char separator, std::size_t& column);
  [[nodiscard]] const std::vector<std::string_view>& all() const { return cells_; }

 private:
  std::vector<std::string_view> cells_;
  std::vector<std::string> scratch_;
};

/// The separator that a first line most likely uses: comma, semicolon or tab.
char separator_of(std::string_view line);

}  // namespace cardstorm
