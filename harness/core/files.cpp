// files: POSIX calls with errors that name the path.
#include "harness/core/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace cardstorm {
namespace {

Error system_error(const std::string& verb, const std::string& path, int number) {
  const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
  const Errc code = full ? Errc::unavailable : number == ENOENT ? Errc::not_found : Errc::io;
  return {code, "cannot " + verb + " " + path + ": " + std::strerror(number),
          full ? "free some space or choose another --out folder" : ""};
}

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("read", path, errno);
  std::string out;
  char block[1 << 16];
  for (;;) {
    const ssize_t n = ::read(fd, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int number = errno;
      ::close(fd);
      return system_error("read", path, number);
    }
    if (n == 0) break;
    out.append(block, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return out;
}

Status write_file(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return system_error("write", path, errno);
  int number = write_all(fd, text);
  if (number == 0 && ::fsync(fd) != 0) number = errno;
  if (::close(fd) != 0 && number == 0) number = errno;
  if (number == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) number = errno;
  if (number == 0) return ok();
  ::unlink(temporary.c_str());
  return system_error("write", path, number);
}

Result<DurableLog> DurableLog::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return system_error("open", path, errno);
  return DurableLog(fd);
}

DurableLog::DurableLog(DurableLog&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
DurableLog& DurableLog::operator=(DurableLog&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
DurableLog::~DurableLog() {
  if (fd_ >= 0) ::close(fd_);
}

Status DurableLog::append(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  int number = write_all(fd_, whole);
  if (number == 0 && ::fdatasync(fd_) != 0) number = errno;
  if (number != 0) return system_error("append to", "a durable log", number);
  return ok();
}

}  // namespace cardstorm
