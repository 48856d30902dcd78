// cells: one line of separated values, quoted as RFC 4180 has it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cardstorm {

/// Cuts the next cell off `rest`; `scratch` gives a quoted cell a place. False when its quotes do not close.
bool next_cell(std::string_view& rest, char separator, std::string_view& cell, std::string& scratch);

/// All cells of a line. Views point into the line or into this object.
class Cells {
 public:
  /// False when quotes do not close; `column` then says where, from 1.
  bool split(std::string_view line, char separator, std::size_t& column);
  [[nodiscard]] const std::vector<std::string_view>& all() const { return cells_; }

 private:
  std::vector<std::string_view> cells_;
  std::vector<std::string> scratch_;
};

/// The separator that a first line most likely uses: comma, semicolon or tab.
char separator_of(std::string_view line);

}  // namespace cardstorm
