// whole_file: see whole_file.hpp.
#include "harness/trace/whole_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

namespace cardstorm {
namespace {

Error write_error(const std::string& path) {
  const int number = errno;
  const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
  return {full               ? Errc::unavailable
          : number == ENOENT ? Errc::not_found
                             : Errc::io,
          "cannot write " + path + ": " + std::strerror(number),
          full ? "free some space or choose another --out" : "choose another --out"};
}

}  // namespace

WholeFile::~WholeFile() {
  if (fd_ >= 0) ::close(fd_), ::unlink(temporary_.c_str());
}

Status WholeFile::open(const std::string& path, mode_t mode) {
  path_ = path;
  // The rename at the end would put a plain file in the place of a device, a pipe or a folder.
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return Error{Errc::invalid,
                 "cannot write " + path + ": it is " + (S_ISDIR(info.st_mode) ? "a folder" : "no plain file"),
                 "name a file of its own: it is written beside its place and put there when it is whole"};
  temporary_ = path + ".tmp";
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  return fd_ < 0 ? Status(write_error(path)) : ok();
}

Status WholeFile::finish() {
  if (!flush() || ::fsync(fd_) != 0) return write_error(path_);
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const Error error = write_error(path_);
    ::unlink(temporary_.c_str());
    return error;
  }
  return ok();
}

Error WholeFile::error() const {
  errno = errno_;
  return write_error(path_);
}

bool WholeFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      errno_ = errno;
      return false;
    }
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  buffer_.clear();
  return true;
}

}  // namespace cardstorm
