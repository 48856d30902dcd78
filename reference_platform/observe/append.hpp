// append: whole lines or none, for logs and spans.
#pragma once

#include <string_view>

namespace platform::observe {

/// Writes all of `text` at the end of the file; where the disk has no room for all, what got there is taken back: half
/// a line would spoil the next one too. False: it is not there. A pipe or terminal keeps what it has taken.
bool append(int fd, std::string_view text);

}  // namespace platform::observe
