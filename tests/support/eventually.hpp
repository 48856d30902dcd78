// eventually: waits for a condition, never for a time.
#pragma once

#include <ctime>

#include "harness/core/clock.hpp"

namespace cardstorm::test {

/// Looks again and again, at most for `wait`; true when it came.
template <class Condition>
bool eventually(Condition condition, Nanos wait = 5s) {
  for (const Nanos end = monotonic_now() + wait; monotonic_now() < end;) {
    if (condition()) return true;
    const timespec moment{0, 2'000'000};
    ::nanosleep(&moment, nullptr);
  }
  return condition();
}

}  // namespace cardstorm::test
