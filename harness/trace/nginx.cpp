// nginx: any log_format; without one, `combined`. A stamp is the end of a request, so $request_time is taken off.
#include "harness/trace/pattern_reader.hpp"

namespace cardstorm {
namespace {

double fits_nginx(std::string_view head) {
  // Apache's combined looks the same; 0.9 lets formats that can be told for sure go first.
  return 0.9 * share_of_lines(head, [](std::string_view line) {
           LogPattern pattern = std::move(LogPattern::nginx(kNginxCombined, false)).value();
           pattern.allow_more();
           StampReader stamps;
           Entry entry;
           LogPattern::Miss miss;
           return pattern.read(line, stamps, entry, miss);
         });
}

Result<std::unique_ptr<Reader>> make_nginx(const FormatOptions& options) {
  auto pattern = LogPattern::nginx(options.log_format.empty() ? kNginxCombined : std::string_view(options.log_format),
                                   options.json_escapes);
  if (!pattern) return std::move(pattern).error();
  return make_pattern_reader(std::move(*pattern),
                             options.log_format.empty()
                                 ? "the lines hold more than nginx `combined` tells: give the log_format (--log-format "
                                   "or --nginx-conf) so that times, durations and client addresses in it are used"
                                 : "");
}

}  // namespace

FormatEntry nginx_format() {
  return {"nginx",
          "access log of nginx; --log-format '$remote_addr …' or --nginx-conf FILE --name NAME, else `combined`",
          fits_nginx,
          make_nginx,
          true,
          false,
          false};
}

}  // namespace cardstorm
