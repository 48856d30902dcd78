// signals: SIGTERM and SIGINT as a descriptor to poll. Made before any thread, so that all threads inherit the block.
#pragma once

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace platform::ops {

/// Call first in main: a signal that finds a thread which does not block it would end the process.
inline void block_stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

class StopSignals {
 public:
  StopSignals() {
    block_stop_signals();
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals() { ::close(fd_); }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace platform::ops
