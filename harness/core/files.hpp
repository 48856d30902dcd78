// files: reading and writing whole files with errors that name the path; durable where a crash must not lose it.
#pragma once

#include <string>
#include <string_view>

#include "harness/core/result.hpp"

namespace cardstorm {

Result<std::string> read_file(const std::string& path);
/// Writes path.tmp, fsyncs, renames: the file is whole or absent. ENOSPC is Errc::unavailable.
Status write_file(const std::string& path, std::string_view text);

/// An append-only file whose every append is on the disk when it returns.
class DurableLog {
 public:
  static Result<DurableLog> open(const std::string& path);
  DurableLog(DurableLog&& other) noexcept;
  DurableLog& operator=(DurableLog&& other) noexcept;
  ~DurableLog();
  /// Writes `line` plus newline, then fdatasync. One thread at a time.
  Status append(std::string_view line);

 private:
  explicit DurableLog(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace cardstorm
