// picture: values over time as blocks in a terminal.
#pragma once

#include <span>
#include <string>

namespace cardstorm {

/// `height` rows of block characters, one column per value, with the largest value at the top left. No value below
/// zero.
std::string block_chart(std::span<const double> values, int height, const std::string& unit);

}  // namespace cardstorm
