// files: POSIX calls with errors that name the path.
#include "harness/core/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace cardstorm {

Error file_error(const std::string& verb, const std::string& path, int number) {
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

namespace {

/// All of `text` on the disk; errno's number, or 0.
int write_and_close(UniqueFd& fd, std::string_view text) {
  int number = write_all(fd.get(), text);
  if (number == 0 && ::fsync(fd.get()) != 0) number = errno;
  if (!fd.close() && number == 0) number = errno;
  return number;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.open()) return file_error("read", path, errno);
  std::string out;
  char block[1 << 16];
  for (;;) {
    const ssize_t n = ::read(fd.get(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error("read", path, errno);
    if (n == 0) return out;
    out.append(block, static_cast<std::size_t>(n));
  }
}

Status write_file(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".tmp";
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd.open()) return file_error("write", path, errno);
  int number = write_and_close(fd, text);
  if (number == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) number = errno;
  if (number == 0) return ok();
  ::unlink(temporary.c_str());
  return file_error("write", path, number);
}

Status write_secret(const std::string& path, std::string_view text) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.open()) return file_error("make", path, errno);
  const int number = write_and_close(fd, text);
  if (number == 0) return ok();
  ::unlink(path.c_str());
  return file_error("write", path, number);
}

Result<DurableLog> DurableLog::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd.open()) return file_error("open", path, errno);
  return DurableLog(std::move(fd));
}

Status DurableLog::append(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  int number = write_all(fd_.get(), whole);
  if (number == 0 && ::fdatasync(fd_.get()) != 0) number = errno;
  if (number != 0) return file_error("append to", "a durable log", number);
  return ok();
}

}  // namespace cardstorm
