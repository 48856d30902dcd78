// append: see append.hpp.
#include "reference_platform/observe/append.hpp"

#include <unistd.h>

#include <cerrno>

namespace platform::observe {

bool append(int fd, std::string_view text) {
  for (std::size_t done = 0; done < text.size();) {
    const auto n = ::write(fd, text.data() + done, text.size() - done);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    const off_t end = done == 0 ? -1 : ::lseek(fd, 0, SEEK_END);
    if (end >= static_cast<off_t>(done) && ::ftruncate(fd, end - static_cast<off_t>(done)) == 0)
      ::lseek(fd, 0, SEEK_END);
    return false;
  }
  return true;
}

}  // namespace platform::observe
