// whole_file: see whole_file.hpp.
#include "harness/trace/whole_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "harness/core/files.hpp"

namespace cardstorm {
WholeFile::~WholeFile() {
  if (fd_.open()) ::unlink(temporary_.c_str());
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
  fd_ = UniqueFd(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  return !fd_.open() ? Status(file_error("write", path, errno)) : ok();
}

Status WholeFile::finish() {
  if (!flush()) return error();
  if (::fsync(fd_.get()) != 0) return file_error("write", path_, errno);
  if (!fd_.close() || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const Error error = file_error("write", path_, errno);
    ::unlink(temporary_.c_str());
    return error;
  }
  return ok();
}

Error WholeFile::error() const { return file_error("write", path_, errno_); }

bool WholeFile::flush() {
  errno_ = write_all(fd_.get(), buffer_);
  buffer_.clear();
  return errno_ == 0;
}

}  // namespace cardstorm
