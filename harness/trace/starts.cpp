// starts: arrivals only.
#include "harness/trace/starts.hpp"

#include <algorithm>

#include "harness/trace/format.hpp"
#include "harness/trace/recording.hpp"

namespace cardstorm {
namespace {

class StartSink final : public Sink {
 public:
  bool take(const Entry& entry) override {
    at.push_back(entry.stamp.ns);
    return true;
  }
  void bad(std::int64_t line, std::size_t column, std::string_view reason, std::string_view) override {
    if (bad_count++ == 0) first_bad = std::to_string(line) + ":" + std::to_string(column) + ": " + std::string(reason);
  }
  void note(std::string text) override { notes.push_back(std::move(text)); }

  std::vector<std::int64_t> at;
  std::vector<std::string> notes;
  std::uint64_t bad_count = 0;
  std::string first_bad;
};

}  // namespace

Status each_start(const std::string& path, const std::function<void(std::int64_t)>& start,
                  std::vector<std::string>& notes) {
  if (is_recording(path)) {
    std::uint64_t rows = 0;
    const Status read = each_row(path, [&](const RecordingRow& row) {
      ++rows;
      start(row.ts_ns);
    });
    if (read && rows == 0) return Error{Errc::invalid, path + ":2:1: the recording has no rows"};
    return read;
  }
  auto input = Input::open(path);
  if (!input) return std::move(input).error();
  StartSink sink;
  StampReader stamps;
  bool counts = false;  // rows of time,count, each of them good
  for (const FormatEntry& entry : format_registry()) {
    const bool series = entry.name == "counts" && entry.fits(input->head()) > 0;
    if (!series && entry.name != "csv") continue;
    auto reader = entry.make({});
    if (!reader) return std::move(reader).error();
    if (const Status read = (*reader)->read(*input, stamps, sink); !read) return Error(read.error()).in(path);
    counts = series && sink.first_bad.empty();
    break;
  }
  notes.insert(notes.end(), sink.notes.begin(), sink.notes.end());
  if (sink.at.empty() && counts) return Error{Errc::invalid, path + ": all counts are 0: there is no traffic in it"};
  const char* const nothing = input->bytes() == 0
                                  ? "1:1: the file is empty"
                                  : "1:1: this line is no row with a time stamp in front, and none follows";
  if (sink.at.empty())
    return Error{Errc::invalid, path + ":" + (sink.first_bad.empty() ? nothing : sink.first_bad),
                 "a log is turned into a recording first: cardstorm trace import " + path};
  if (sink.bad_count > 0)
    notes.push_back(std::to_string(sink.bad_count) + " bad lines were left out, the first: " + path + ":" +
                    sink.first_bad);
  if (!input->damage().empty()) notes.push_back("the file could not be read to its end: " + input->damage());
  std::sort(sink.at.begin(), sink.at.end());
  for (const std::int64_t at : sink.at) start(at);
  return ok();
}

}  // namespace cardstorm
