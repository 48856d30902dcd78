// json_rows: one JSON object per line, its members as columns; shared by jsonl and envoy-json.
#pragma once

#include <memory>

#include "harness/trace/format.hpp"

namespace cardstorm {

/// Members are named in `map` (a name, a dotted.name or a /json/pointer); the others go by guess_field.
Result<std::unique_ptr<Reader>> make_json_rows(const FormatOptions& options);

}  // namespace cardstorm
