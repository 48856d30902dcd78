// layout: columns of text for a terminal, right for Chinese (two columns a character) as for Latin letters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cardstorm {

/// Columns that `text` (clean UTF-8) takes: 2 for wide characters, 0 for combining ones.
std::size_t display_width(std::string_view text);
/// Lines of at most `width` columns, broken at blanks and around wide characters; a longer word is cut. Never empty.
std::vector<std::string> wrap_text(std::string_view text, std::size_t width);
std::string pad_right(std::string text, std::size_t width);
std::string pad_left(std::string text, std::size_t width);

enum class Tone : unsigned char { plain, strong, muted, good, bad, doubt };
/// ANSI colours around `text` when `colour`; never changes the visible text.
std::string toned(const std::string& text, Tone tone, bool colour);

/// `below` stands under `text`, muted.
struct Cell {
  std::string text;
  bool right = false;
  Tone tone = Tone::plain;
  std::string below = {};
};
struct Column {
  std::size_t min = 0, max = 80;
};

/// Rows of wrapped cells. Each column is as wide as its content wants, within its limits.
class TextTable {
 public:
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  void rule() { rows_.emplace_back(); }
  /// Each line begins with `indent` blanks; two blanks stand between columns.
  [[nodiscard]] std::string text(std::size_t indent, bool colour) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;  // an empty row is a rule
};

}  // namespace cardstorm
