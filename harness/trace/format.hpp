// format: what every log format has in common: it turns a file into entries. One format = one file + one line in
// registry.def.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/core/result.hpp"
#include "harness/trace/input.hpp"
#include "harness/trace/stamp.hpp"

namespace cardstorm {

/// One request as the log tells it. Views are valid until the sink returns.
struct Entry {
  std::int64_t line = 0;  // where it stands, from 1
  Stamp stamp;
  bool stamp_is_end = false;     // the stamp was taken when the answer was complete
  std::int64_t latency_ns = -1;  // -1 = not told
  int status = 0;
  std::string_view method, target;  // raw: unscrubbed, may be an absolute URL
  std::string_view session;         // an explicit session, user or cookie value; before the two below
  std::string_view address, agent;
};

/// Where a reader puts what it found. Never fails: a bad line is counted and located, and reading goes on.
class Sink {
 public:
  virtual ~Sink() = default;
  /// False ends the reading (the disk is full).
  virtual bool take(const Entry& entry) = 0;
  /// `column` from 1; `text` is the whole line.
  virtual void bad(std::int64_t line, std::size_t column, std::string_view reason, std::string_view text) = 0;
  /// Something that the user must know, once each: what was left out, what a figure rests on.
  virtual void note(std::string text) = 0;
};

struct FormatOptions {
  std::string log_format;                                // text of a log_format or LogFormat
  bool json_escapes = false;                             // log_format … escape=json
  std::vector<std::pair<std::string, std::string>> map;  // column -> field
  std::string service;                                   // OTLP: only this service's spans
  std::uint64_t seed = 1;
};

class Reader {
 public:
  virtual ~Reader() = default;
  /// Reads the input to its end.
  virtual Status read(Input& input, StampReader& stamps, Sink& sink) = 0;
};

struct FormatEntry {
  std::string name, what;
  /// How well the first 64 KiB of a file fit: 0 not at all, 1 surely. Pure.
  double (*fits)(std::string_view head);
  Result<std::unique_ptr<Reader>> (*make)(const FormatOptions&);
  bool takes_log_format = false, takes_map = false, takes_service = false;
};

/// In the order in which `auto` asks them.
const std::vector<FormatEntry>& format_registry();

/// The share of the first lines of `head` (at most 20, the last one only if complete) for which `fits` says yes.
double share_of_lines(std::string_view head, bool (*fits)(std::string_view line));

/// The columns that CSV and JSON lines may be mapped to.
enum class Field {
  none,
  ts,
  ts_end,
  session,
  address,
  forwarded,
  agent,
  method,
  target,
  query,
  request,
  status,
  latency
};
// unit: of times and latencies in ns; 0 = told by its size or form
struct FieldMeaning {
  Field field = Field::none;
  std::int64_t unit = 0;
};

/// What a column of that name most likely is; none when it says nothing.
FieldMeaning guess_field(std::string_view column);
/// Field names as --map takes them: ts, ts_end, ts_ns…, latency, latency_ms…; Errc::invalid lists them.
Result<FieldMeaning> parse_field(std::string_view name);

/// Collects the cells of one row into an entry.
class RowBuilder {
 public:
  void clear();
  /// Empty text when it fits, else why not.
  std::string put(FieldMeaning meaning, std::string_view text, StampReader& stamps);
  /// Empty text when the row has what it needs.
  std::string finish(Entry& out);

 private:
  Entry entry_;
  bool has_stamp_ = false;
  std::string_view query_, forwarded_;
  std::string joined_;
};

/// The client in an address, "address:port", "[address]:port" or the list of X-Forwarded-For: its first one, without
/// the port.
std::string_view client_of(std::string_view text);

/// "GET /a?b HTTP/1.1" in its parts; false when it is not a request line.
bool split_request(std::string_view request, std::string_view& method, std::string_view& target);

}  // namespace cardstorm
