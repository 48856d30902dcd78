// wait_until: how the tests of the platform wait: for a condition, never for a time. Shares no source with the harness.
#pragma once

#include <chrono>
#include <thread>

namespace platform {

/// Looks again and again until `done()` (true), at most for `limit` (then what a last look says). The limit is for what
/// never comes: it costs a passing test nothing.
template <class Condition>
bool wait_until(Condition done, std::chrono::milliseconds limit = std::chrono::seconds(30)) {
  for (const auto end = std::chrono::steady_clock::now() + limit; std::chrono::steady_clock::now() < end;) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return done();
}

}  // namespace platform
