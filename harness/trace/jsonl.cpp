// jsonl: one JSON object per line, such as nginx writes with escape=json or an exporter of ours.
#include "harness/trace/json_rows.hpp"

namespace cardstorm {
namespace {

double fits_jsonl(std::string_view head) {
  return 0.7 * share_of_lines(head, [](std::string_view line) { return line.starts_with('{') && line.ends_with('}'); });
}

}  // namespace

FormatEntry jsonl_format() {
  return {
      "jsonl",    "one JSON object per line; members are found by their usual names or by --map when=ts,http.url=path",
      fits_jsonl, make_json_rows,
      false,      true,
      false};
}

}  // namespace cardstorm
