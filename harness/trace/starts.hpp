// starts: the arrival times of any recording that we can read: the internal form, or a CSV file whose first column is a
// time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/core/result.hpp"

namespace cardstorm {

/// Calls `start` with nanoseconds since 1970, ascending. The internal form is streamed; a CSV is held (8 bytes a row)
/// and sorted. What the user must know (bad lines, sorting) is appended to `notes`. Errc::invalid when there are none.
Status each_start(const std::string& path, const std::function<void(std::int64_t)>& start,
                  std::vector<std::string>& notes);

}  // namespace cardstorm
