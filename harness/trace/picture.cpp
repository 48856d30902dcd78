// picture: block charts.
#include "harness/trace/picture.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "harness/core/text.hpp"

namespace cardstorm {

std::string block_chart(std::span<const double> values, int height, const std::string& unit) {
  static constexpr std::array<const char*, 9> kBlocks{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  double top = 0;
  for (const double v : values)
    if (std::isfinite(v)) top = std::max(top, v);
  const std::string label = fixed(top, top < 10 ? 2 : top < 100 ? 1 : 0) + unit;
  std::string out;
  for (int row = height - 1; row >= 0; --row) {
    const std::string left = row == height - 1 ? label : row == 0 ? "0" : "";
    out += std::string(left.size() < 12 ? 12 - left.size() : 0, ' ') + left + " ";
    for (const double v : values) {
      const double eighths = top > 0 && std::isfinite(v) ? std::max(v, 0.0) / top * height * 8 - row * 8.0 : 0;
      // What is there at all is seen: the lowest row shows at least one eighth.
      const long shown = row == 0 && eighths > 0 ? std::max(1L, std::lround(eighths)) : std::lround(eighths);
      out += kBlocks[static_cast<std::size_t>(std::clamp(shown, 0L, 8L))];
    }
    out += "\n";
  }
  return out;
}

}  // namespace cardstorm
