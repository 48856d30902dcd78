// apache: any LogFormat of mod_log_config; without one, `combined` or `common`. %t is when the request was received.
#include "harness/trace/pattern_reader.hpp"

namespace cardstorm {
namespace {

bool fits_pattern(std::string_view text, std::string_view line) {
  LogPattern pattern = std::move(LogPattern::apache(text)).value();
  pattern.allow_more();
  StampReader stamps;
  Entry entry;
  LogPattern::Miss miss;
  return pattern.read(line, stamps, entry, miss);
}

/// What is common but not combined was written by Apache: nginx has no such format.
double fits_apache(std::string_view head) {
  return 0.8 * share_of_lines(head, [](std::string_view line) { return fits_pattern(kApacheCommon, line); });
}

/// Reads the first line to choose between common and combined.
class ApacheReader final : public Reader {
 public:
  Status read(Input& input, StampReader& stamps, Sink& sink) override {
    const double combined =
        share_of_lines(input.head(), [](std::string_view line) { return fits_pattern(kApacheCombined, line); });
    auto pattern = LogPattern::apache(combined >= 0.5 ? kApacheCombined : kApacheCommon);
    if (!pattern) return std::move(pattern).error();
    return make_pattern_reader(std::move(*pattern),
                               "the lines hold more than Apache's own formats tell: give the LogFormat with "
                               "--log-format so that all of it is used")
        ->read(input, stamps, sink);
  }
};

Result<std::unique_ptr<Reader>> make_apache(const FormatOptions& options) {
  if (options.log_format.empty()) return std::unique_ptr<Reader>(std::make_unique<ApacheReader>());
  auto pattern = LogPattern::apache(options.log_format);
  if (!pattern) return std::move(pattern).error();
  return make_pattern_reader(std::move(*pattern), "");
}

}  // namespace

FormatEntry apache_format() {
  return {"apache",    "access log of Apache httpd; --log-format '%h %l …', else `combined` or `common`",
          fits_apache, make_apache,
          true,        false,
          false};
}

}  // namespace cardstorm
