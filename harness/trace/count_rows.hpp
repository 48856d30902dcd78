// count_rows: a series of counts per interval, such as a monitoring system exports.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/trace/format.hpp"

namespace cardstorm {

struct CountRows {
  struct Row {
    std::int64_t at_ns = 0;
    double count = 0;
  };
  std::vector<Row> rows;         // in order of time
  std::int64_t interval_ns = 0;  // the usual distance of two rows
};

/// Whether the first lines are "time,count" with a header that says so.
bool looks_like_counts(std::string_view head);
/// Reads the rows; bad ones go to `sink`. Errc::invalid when fewer than two are left.
Result<CountRows> read_count_rows(Input& input, StampReader& stamps, Sink& sink);

}  // namespace cardstorm
