// main: from the command line to a verb. Whatever escapes is a bug of ours and says so.
#include <fcntl.h>
#include <poll.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>

#include "harness/cli/verb.hpp"
#include "harness/core/kernel.hpp"
#include "harness/core/self.hpp"

namespace {

/// A file that was cut short by a full disk must not look whole. A reader that went away (`| head`) has had enough, and
/// who closed stdout wanted nothing.
int when_printed(int code) {
  std::cout.flush();
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  if (std::cout || (::poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLNVAL)) != 0)) return code;
  std::cerr << "cardstorm: cannot write to standard output\n";
  return code == cardstorm::kPass ? cardstorm::kEnvironment : code;
}

/// Else the first files that are opened would be taken for stdin, stdout and stderr.
void open_standard_streams() {
  for (int fd = ::open("/dev/null", O_RDWR); fd >= 0; fd = ::open("/dev/null", O_RDWR)) {
    if (fd <= STDERR_FILENO) continue;
    ::close(fd);
    return;
  }
}

/// Says it before anything else fails in a way that nobody understands.
bool kernel_serves() {
  utsname system{};
  if (::uname(&system) != 0 || !cardstorm::kernel_too_old(system.release)) return true;
  const auto& words = cardstorm::kKernelTooOld;
  std::cerr << words[0] << system.release << words[1] << system.release << words[2];
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away must not end a run before its faults are reverted
  open_standard_streams();
  if (!kernel_serves()) return cardstorm::kEnvironment;
  if (!cardstorm::own_libraries().empty()) cardstorm::take_name("cardstorm");
  try {
    return when_printed(cardstorm::run_command_line(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "cardstorm: internal error: " << error.what() << "\n";
    return cardstorm::kEnvironment;
  }
}
