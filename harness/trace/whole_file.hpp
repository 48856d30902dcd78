// whole_file: a file that is whole or absent: written beside its place, renamed when complete.
#pragma once

#include <sys/types.h>

#include <string>

#include "harness/core/result.hpp"
#include "harness/core/unique_fd.hpp"

namespace cardstorm {

class WholeFile {
 public:
  WholeFile() = default;
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;
  /// What was not finished is gone.
  ~WholeFile();
  Status open(const std::string& path, mode_t mode);
  [[nodiscard]] bool is_open() const { return fd_.open(); }
  /// What is appended here reaches the file by flush_if_big() and finish().
  std::string& buffer() { return buffer_; }
  /// False: see error().
  bool flush_if_big() { return buffer_.size() < (std::size_t{1} << 18) || flush(); }
  /// On the disk, under its name.
  Status finish();
  [[nodiscard]] Error error() const;

 private:
  bool flush();
  std::string path_, temporary_, buffer_;
  UniqueFd fd_;
  int errno_ = 0;
};

}  // namespace cardstorm
