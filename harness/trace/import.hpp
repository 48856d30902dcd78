// import: from a log of any known format to the internal form: starts, sessions, think times, without private values.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/json.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

struct ImportOptions {
  std::string format = "auto";
  std::string log_format;                                // text of the format; "" = the format's own
  std::string nginx_conf, name;                          // or: read it from there
  std::vector<std::pair<std::string, std::string>> map;  // column -> field, for csv and jsonl
  std::string service;                                   // otlp
  std::string out;           // "" = beside nothing else: <file>.trace.csv in the current folder
  std::string rejects;       // "" = none
  std::string zone = "UTC";  // of stamps that name none
  Nanos session_gap = std::chrono::minutes(30);
  std::uint64_t seed = 1;
  std::string scrub_key;                          // "" = a fresh random one, which is never stored
  std::size_t run_bytes = std::size_t{64} << 20;  // memory for sorting
  std::size_t sessions_open_max = 1'000'000;      // clients that are remembered at a time
};

struct BadLine {
  std::int64_t line = 0;
  std::size_t column = 0;
  std::string reason;
};

struct ImportSummary {
  std::string file, format, log_format, out;
  std::int64_t lines = 0, bytes = 0;
  std::uint64_t requests = 0, bad = 0, sessions = 0, unknown_latency = 0, disordered = 0;
  std::int64_t first_ns = 0, last_ns = 0, back_ns = 0,
               gap_ns = 0;         // back: the farthest step back; gap: the longest silence
  std::vector<BadLine> bad_first;  // at most ten
  std::vector<std::pair<std::string, std::uint64_t>> routes, methods, statuses;  // the most frequent ones
  std::uint64_t route_count = 0;
  bool routes_full = false;
  std::array<std::uint64_t, 7> scrubbed{};
  std::vector<std::string> notes;  // what the user must know
  std::size_t sort_runs = 0;
};

/// Reads `file`, writes the recording whole or not at all. Errc::invalid when nothing in it can be read, with where and
/// why.
Result<ImportSummary> import_trace(const std::string& file, const ImportOptions& options);

std::string import_text(const ImportSummary& summary);
Json import_json(const ImportSummary& summary);

}  // namespace cardstorm
