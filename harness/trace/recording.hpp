// recording: the one internal form of recorded traffic, a CSV file with one row per request. `trace import` writes it,
// the plan, `trace stats` and `trace forecast` read it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

/// The first line of the internal form, exactly.
inline constexpr std::string_view kRecordingHeader = "ts_ns,session,method,path,route,think_ns,status,latency_ns";

/// A whole recording, column by column; row i of every column is request i, in order of time. Texts are interned.
struct Recording {
  std::string file;
  std::string sha256;                  // of the file's bytes as they lie on the disk
  Nanos first{0};                      // start of the first request since 1970 (UTC)
  std::vector<Nanos> at;               // start of each request, counted from `first`; ascending, at[0] == 0
  std::vector<std::uint32_t> session;  // dense from 0, below `sessions`
  std::vector<std::uint32_t> method;   // index into `methods`; the empty text when the source told none
  std::vector<std::uint32_t> path;     // index into `paths`: path with query, scrubbed
  std::vector<std::uint32_t> route;    // index into `routes`: template of the path, ids replaced by *
  std::vector<Nanos> think;            // since the end of the session's request before; 0 for its first
  std::vector<std::uint16_t> status;   // 0 = not known
  std::vector<Nanos> latency;          // 0 = not known
  std::vector<std::string> methods, paths, routes;
  std::uint32_t sessions = 0;

  [[nodiscard]] std::size_t size() const { return at.size(); }
  [[nodiscard]] Nanos span() const { return at.empty() ? Nanos(0) : at.back(); }
};

/// One row, as it is read. Views are valid until the next row.
struct RecordingRow {
  std::int64_t ts_ns = 0;
  std::uint32_t session = 0;
  std::string_view method, path, route;
  std::int64_t think_ns = 0;
  int status = 0;
  std::int64_t latency_ns = 0;
};

/// Whether the file's first line is kRecordingHeader; plain or gzip. False for a file that cannot be read.
bool is_recording(const std::string& path);

/// Reads the whole file (plain or gzip) into memory, about 40 bytes a request plus each distinct text once.
/// Errc::invalid names file, line and column of up to ten mistakes; a recording without rows is one. Any thread.
Result<Recording> read_recording(const std::string& path);

/// The same row by row in constant memory: calls `row` for each. Stops with the first mistake.
Status each_row(const std::string& path, const std::function<void(const RecordingRow&)>& row);

/// Appends one row with its newline to `out`.
void append_row(std::string& out, const RecordingRow& row);

}  // namespace cardstorm
