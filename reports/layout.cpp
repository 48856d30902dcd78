// layout: widths after Unicode's East Asian Width (wide and full-width ranges), wrapping, tables.
#include "reports/layout.hpp"

#include <algorithm>
#include <array>

#include "reports/escape.hpp"

namespace cardstorm {
namespace {

struct Range {
  char32_t from, to;
};

constexpr std::array<Range, 18> kWide = {{{0x1100, 0x115F},
                                          {0x2E80, 0x303E},
                                          {0x3041, 0x33FF},
                                          {0x3400, 0x4DBF},
                                          {0x4E00, 0x9FFF},
                                          {0xA000, 0xA4CF},
                                          {0xA960, 0xA97F},
                                          {0xAC00, 0xD7A3},
                                          {0xF900, 0xFAFF},
                                          {0xFE10, 0xFE19},
                                          {0xFE30, 0xFE6F},
                                          {0xFF00, 0xFF60},
                                          {0xFFE0, 0xFFE6},
                                          {0x1F300, 0x1F64F},
                                          {0x1F680, 0x1F6FF},
                                          {0x1F900, 0x1F9FF},
                                          {0x20000, 0x2FFFD},
                                          {0x30000, 0x3FFFD}}};
constexpr std::array<Range, 8> kZero = {{{0x0300, 0x036F},
                                         {0x0483, 0x0489},
                                         {0x0591, 0x05BD},
                                         {0x200B, 0x200D},
                                         {0x20D0, 0x20FF},
                                         {0xFE00, 0xFE0F},
                                         {0xFE20, 0xFE2F},
                                         {0xE0100, 0xE01EF}}};

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(), [c](const Range& r) { return c >= r.from && c <= r.to; });
}

std::size_t width_of(char32_t c) { return within(kZero, c) ? 0 : within(kWide, c) ? 2 : 1; }

/// Closing marks never begin a line.
bool sticks_to_previous(char32_t c) {
  constexpr std::u32string_view kClosing = U"，。；：、！？）》」』】％";
  return kClosing.find(c) != std::u32string_view::npos;
}

// what must not be torn apart
struct Piece {
  std::string text;
  std::size_t width;
  bool blank;
};

std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> out;
  bool joined = false;  // may the next narrow character continue the last piece?
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t begin = i;
    const char32_t c = next_code_point(text, i);
    const std::string bytes(text.substr(begin, i - begin));
    const std::size_t width = width_of(c);
    const bool stick = sticks_to_previous(c) && !out.empty() && !out.back().blank;
    if (c == U' ') {
      out.push_back({" ", 1, true});
      joined = false;
    } else if (stick || width == 0 || (joined && width == 1)) {
      if (out.empty()) out.push_back({"", 0, false});
      out.back().text += bytes;
      out.back().width += width;
      joined = joined && width < 2;
    } else {
      out.push_back({bytes, width, false});
      joined = width == 1;
    }
  }
  return out;
}

class Lines {
 public:
  explicit Lines(std::size_t width) : width_(std::max<std::size_t>(2, width)) {}
  void put(const Piece& piece) {
    if (piece.blank) {
      if (used_ > 0) ++blanks_;
      return;
    }
    if (used_ > 0 && used_ + blanks_ + piece.width > width_) next();
    if (piece.width > width_) {
      cut(piece.text);
      return;
    }
    current_ += std::string(blanks_, ' ') + piece.text;
    used_ += blanks_ + piece.width;
    blanks_ = 0;
  }
  std::vector<std::string> take() {
    next();
    return std::move(lines_);
  }

 private:
  void next() {
    lines_.push_back(std::move(current_));
    current_.clear();
    used_ = blanks_ = 0;
  }
  void cut(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t begin = i;
      const std::size_t width = width_of(next_code_point(text, i));
      if (used_ + width > width_) next();
      current_ += text.substr(begin, i - begin);
      used_ += width;
    }
  }
  std::size_t width_, used_ = 0, blanks_ = 0;
  std::string current_;
  std::vector<std::string> lines_;
};

/// As wrap_text; the blanks in front stand in front of every line.
std::vector<std::string> wrap_cell(std::string_view text, std::size_t width) {
  const std::size_t lead = std::min(text.find_first_not_of(' '), text.size());
  std::vector<std::string> lines = wrap_text(text.substr(lead), width - std::min(width, lead));
  for (std::string& line : lines) line.insert(0, lead, ' ');
  return lines;
}

std::string without_trailing_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) width += width_of(next_code_point(text, i));
  return width;
}

std::vector<std::string> wrap_text(std::string_view text, std::size_t width) {
  Lines lines(width);
  for (const Piece& piece : pieces_of(text)) lines.put(piece);
  return lines.take();
}

std::string pad_right(std::string text, std::size_t width) {
  const std::size_t used = display_width(text);
  return used >= width ? text : text + std::string(width - used, ' ');
}

std::string pad_left(std::string text, std::size_t width) {
  const std::size_t used = display_width(text);
  return used >= width ? text : std::string(width - used, ' ') + text;
}

std::string toned(const std::string& text, Tone tone, bool colour) {
  if (!colour || tone == Tone::plain || text.empty()) return text;
  constexpr std::array<std::string_view, 6> kCodes = {"0", "1", "2", "1;32", "1;31", "1;33"};
  return "\033[" + std::string(kCodes.at(static_cast<std::size_t>(tone))) + "m" + text + "\033[0m";
}

std::string TextTable::text(std::size_t indent, bool colour) const {
  std::vector<std::size_t> widths;
  std::size_t total = 0;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t wanted = columns_[c].min;
    for (const auto& row : rows_)
      if (c < row.size())
        wanted = std::max(wanted,
                          std::min(columns_[c].max, std::max(display_width(row[c].text), display_width(row[c].below))));
    widths.push_back(wanted);
    total += wanted + (c == 0 ? 0 : 2);
  }
  std::string out;
  for (const auto& row : rows_) {
    if (row.empty()) {
      out += std::string(indent, ' ') + toned(std::string(total, '-'), Tone::muted, colour) + "\n";
      continue;
    }
    std::vector<std::vector<std::string>> wrapped;
    std::vector<std::size_t> own_lines;
    std::size_t height = 1;
    for (std::size_t c = 0; c < row.size(); ++c) {
      wrapped.push_back(wrap_cell(row[c].text, widths[c]));
      own_lines.push_back(wrapped.back().size());
      if (!row[c].below.empty())
        for (std::string& below : wrap_text(row[c].below, widths[c])) wrapped.back().push_back(std::move(below));
      height = std::max(height, wrapped.back().size());
    }
    for (std::size_t h = 0; h < height; ++h) {
      std::string line(indent, ' ');
      for (std::size_t c = 0; c < row.size(); ++c) {
        const std::string part = h < wrapped[c].size() ? wrapped[c][h] : "";
        const std::size_t gap = widths[c] - std::min(widths[c], display_width(part));
        line += (c == 0 ? "" : "  ") + (row[c].right ? std::string(gap, ' ') : "") +
                toned(part, h < own_lines[c] ? row[c].tone : Tone::muted, colour) +
                (row[c].right ? "" : std::string(gap, ' '));
      }
      out += without_trailing_blanks(std::move(line)) + "\n";
    }
  }
  return out;
}

}  // namespace cardstorm
