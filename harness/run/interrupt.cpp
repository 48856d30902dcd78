// interrupt: a handler that only writes a byte, and a thread that reads it.
#include "harness/run/interrupt.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <thread>

namespace cardstorm {
namespace {

std::atomic<int> g_pipe{-1};  // the only thing that a signal handler can reach

void on_signal(int number) {
  const int saved = errno;
  const char byte = static_cast<char>(number);
  const int fd = g_pipe.load();
  if (fd >= 0 && ::write(fd, &byte, 1) < 0) { /* a full pipe already holds a request */
  }
  errno = saved;
}

}  // namespace

struct Interrupt::Impl {
  int fds[2] = {-1, -1};
  std::stop_source source;
  std::atomic<int> number{0};
  std::thread reader;
  struct sigaction old_int {
  }, old_term{};
};

Interrupt::Interrupt(const char* doing) : impl_(new Impl) {
  [[maybe_unused]] const int made = ::pipe2(impl_->fds, O_CLOEXEC);
  assert(made == 0 && g_pipe.load() == -1);
  g_pipe = impl_->fds[1];
  impl_->reader = std::thread([impl = impl_, doing] {
    char byte = 0;
    while (::read(impl->fds[0], &byte, 1) == 1 && byte != 0) {
      int none = 0;
      if (impl->number.compare_exchange_strong(none, byte)) {
        std::cerr << "\ncardstorm: stopping: " << doing << std::endl;
        impl->source.request_stop();
      } else {
        std::cerr << "\ncardstorm: still " << doing << "; it cannot be cut short" << std::endl;
      }
    }
  });
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, &impl_->old_int);
  sigaction(SIGTERM, &action, &impl_->old_term);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &impl_->old_int, nullptr);
  sigaction(SIGTERM, &impl_->old_term, nullptr);
  g_pipe = -1;
  const char end = 0;
  [[maybe_unused]] const auto written = ::write(impl_->fds[1], &end, 1);
  impl_->reader.join();
  ::close(impl_->fds[0]);
  ::close(impl_->fds[1]);
  delete impl_;
}

std::stop_token Interrupt::token() const { return impl_->source.get_token(); }
int Interrupt::signal() const { return impl_->number.load(); }

}  // namespace cardstorm
