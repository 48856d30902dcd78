// envoy: the text access log of Envoy; the stamp is the start, with milliseconds.
#include "harness/trace/pattern_reader.hpp"

namespace cardstorm {
namespace {

double fits_envoy(std::string_view head) {
  return share_of_lines(head, [](std::string_view line) {
    LogPattern pattern = std::move(LogPattern::envoy(kEnvoyDefault)).value();
    pattern.allow_more();
    StampReader stamps;
    Entry entry;
    LogPattern::Miss miss;
    return line.starts_with('[') && pattern.read(line, stamps, entry, miss);
  });
}

Result<std::unique_ptr<Reader>> make_envoy(const FormatOptions& options) {
  auto pattern = LogPattern::envoy(options.log_format.empty() ? kEnvoyDefault : std::string_view(options.log_format));
  if (!pattern) return std::move(pattern).error();
  // Istio appends fields to Envoy's own; those are of no use to us.
  return make_pattern_reader(
      std::move(*pattern),
      options.log_format.empty() ? "the lines hold more than Envoy's default format: the rest was not used" : "");
}

}  // namespace

FormatEntry envoy_format() {
  return {"envoy",    "text access log of Envoy; --log-format '[%START_TIME%] …', else Envoy's default",
          fits_envoy, make_envoy,
          true,       false,
          false};
}

}  // namespace cardstorm
