// har: HTTP Archive 1.2, what a browser saved. It is one person's session: a template, not traffic.
#include <charconv>
#include <cmath>

#include "harness/core/json.hpp"
#include "harness/trace/format.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kHarMax = std::size_t{256} << 20;

class HarReader final : public Reader {
 public:
  Status read(Input& input, StampReader& stamps, Sink& sink) override {
    bool cut = false;
    const std::string text = input.rest(kHarMax, &cut);
    if (cut)
      return Error{Errc::invalid, "the archive is larger than 256 MiB",
                   "save it without the contents of the answers (in the browser: Save all as HAR, sanitized)"};
    auto json = Json::parse(text);
    if (!json) return Error{Errc::invalid, json.error().what, "save the archive again: it is cut or damaged"};
    const Json& entries = (*json)["log"]["entries"];
    if (!entries.is_array())
      return Error{Errc::invalid, "there is no log.entries in the archive",
                   "a HAR 1.2 file has {\"log\": {\"entries\": [...]}}"};
    std::int64_t number = 0;
    for (const Json& one : entries.items()) {
      Entry entry;
      entry.line = ++number;
      const Json& request = one["request"];
      if (!stamps.iso(one["startedDateTime"].string(), entry.stamp)) {
        sink.bad(number, 1, "entry " + std::to_string(number) + ": startedDateTime is not a time stamp",
                 one["startedDateTime"].string());
        continue;
      }
      if (request["url"].string().empty()) {
        sink.bad(number, 1, "entry " + std::to_string(number) + ": it has no request.url", "");
        continue;
      }
      const double took = one["time"].number(-1);
      if (std::isfinite(took) && took >= 0 && took < 1e9) entry.latency_ns = std::llround(took * 1e6);
      const std::int64_t status = one["response"]["status"].integer(0);
      entry.status = status >= 100 && status <= 999 ? static_cast<int>(status) : 0;
      entry.method = request["method"].string();
      entry.target = request["url"].string();
      entry.session = "the browser";
      if (!sink.take(entry)) return ok();
    }
    sink.note(
        "a HAR file is ONE browser's session: take it as a template of a journey, not as traffic; its rates and peaks "
        "say nothing about a crowd");
    return ok();
  }
};

double fits_har(std::string_view head) {
  const auto open = head.find_first_not_of(" \t\r\n");
  const bool object = open != std::string_view::npos && head[open] == '{';
  return object && head.find("\"log\"") != std::string_view::npos &&
                 (head.find("\"entries\"") != std::string_view::npos ||
                  head.find("\"creator\"") != std::string_view::npos)
             ? 0.95
             : 0;
}

Result<std::unique_ptr<Reader>> make_har(const FormatOptions&) {
  return std::unique_ptr<Reader>(std::make_unique<HarReader>());
}

}  // namespace

FormatEntry har_format() {
  return {"har", "HTTP Archive saved by a browser: one session, a template", fits_har, make_har, false, false, false};
}

}  // namespace cardstorm
