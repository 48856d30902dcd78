// clock: every time stamp in a run is an offset in nanoseconds from the run's load start, taken from
// CLOCK_MONOTONIC, so that one clock serves all processes of one host.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cardstorm {

using Nanos = std::chrono::nanoseconds;
using namespace std::chrono_literals;

/// Seconds as a double, for reports only.
inline double seconds(Nanos t) { return std::chrono::duration<double>(t).count(); }
inline Nanos nanos_of_seconds(double s) { return std::chrono::duration_cast<Nanos>(std::chrono::duration<double>(s)); }

/// CLOCK_MONOTONIC in nanoseconds since boot. Any thread.
Nanos monotonic_now();
/// Processor time of the calling thread: what other threads and processes do does not count.
double thread_cpu_seconds();
/// Nanoseconds since 1970 as "2026-11-23T01:58:46.123Z".
std::string utc_text(std::int64_t ns);
/// The wall clock so, for people only: no judgement rests on it.
std::string wall_clock_text();

/// Offsets from the run's start. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Nanos now() const = 0;
};

/// The real one: `start` is the monotonic time that counts as zero.
class MonotonicClock final : public Clock {
 public:
  explicit MonotonicClock(Nanos start = monotonic_now()) : start_(start) {}
  [[nodiscard]] Nanos now() const override { return monotonic_now() - start_; }
  [[nodiscard]] Nanos start() const { return start_; }

 private:
  Nanos start_;
};

}  // namespace cardstorm
