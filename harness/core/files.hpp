// files: reading and writing whole files with errors that name the path; durable where a crash must not lose it.
#pragma once

#include <string>
#include <string_view>

#include "harness/core/result.hpp"
#include "harness/core/unique_fd.hpp"

namespace cardstorm {

/// "cannot VERB PATH: why" for an errno: Errc::unavailable and a remedy for a full disk, not_found, else io.
Error file_error(const std::string& verb, const std::string& path, int number);
/// All of `text`; 0 or the errno that ended it.
int write_all(int fd, std::string_view text);

Result<std::string> read_file(const std::string& path);
/// Writes path.tmp, fsyncs, renames: the file is whole or absent. ENOSPC is Errc::unavailable.
Status write_file(const std::string& path, std::string_view text);
/// Makes a file that only its owner may read (0600), on the disk when it returns. One that is there already is no place
/// for a secret: whoever made it may have it open. Errc::io then.
Status write_secret(const std::string& path, std::string_view text);

/// An append-only file whose every append is on the disk when it returns.
class DurableLog {
 public:
  static Result<DurableLog> open(const std::string& path);
  /// Writes `line` plus newline, then fdatasync. One thread at a time.
  Status append(std::string_view line);

 private:
  explicit DurableLog(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace cardstorm
