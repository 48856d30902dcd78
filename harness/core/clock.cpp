// clock: the two system clocks, read in one place.
#include "harness/core/clock.hpp"

#include <cstdio>
#include <ctime>

namespace cardstorm {

Nanos monotonic_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::chrono::seconds(t.tv_sec) + Nanos(t.tv_nsec);
}

std::string wall_clock_text() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  tm parts{};
  gmtime_r(&t.tv_sec, &parts);
  char day[32], out[64];
  std::strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(out, sizeof out, "%s.%03ldZ", day, t.tv_nsec / 1'000'000);
  return out;
}

}  // namespace cardstorm
