// epoll_wait: see http_transport.hpp.
#include <poll.h>
#include <sys/epoll.h>

#include <atomic>
#include <cerrno>
#include <ctime>

#include "harness/net/http_transport.hpp"

namespace cardstorm {

int wait_events(int epoll, epoll_event* events, int room, Nanos wait) {
  // Kernels before 5.11 and some container profiles know no epoll_pwait2; ppoll is exact everywhere, at one more call.
  static std::atomic<bool> exact{true};
  const timespec limit{wait.count() / 1'000'000'000, wait.count() % 1'000'000'000};
  if (wait <= Nanos(0)) return ::epoll_wait(epoll, events, room, 0);
  if (exact.load(std::memory_order_relaxed)) {
    const int count = ::epoll_pwait2(epoll, events, room, &limit, nullptr);
    if (count >= 0 || errno == EINTR) return count;
    exact = false;
  }
  pollfd ready{epoll, POLLIN, 0};
  return ::ppoll(&ready, 1, &limit, nullptr) > 0 ? ::epoll_wait(epoll, events, room, 0) : 0;
}

void sleep_through(Nanos wait) {
  const Nanos until = monotonic_now() + wait;
  const timespec at{until.count() / 1'000'000'000, until.count() % 1'000'000'000};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
}

}  // namespace cardstorm
