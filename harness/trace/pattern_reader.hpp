// pattern_reader: reads a log line by line through a LogPattern; shared by nginx, Apache and Envoy.
#pragma once

#include <memory>
#include <string>

#include "harness/trace/log_pattern.hpp"

namespace cardstorm {

/// `more_note` is what the user is told when lines went on behind the format; "" = such lines are bad.
std::unique_ptr<Reader> make_pattern_reader(LogPattern pattern, std::string more_note);

}  // namespace cardstorm
