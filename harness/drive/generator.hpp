// generator: the driver measures itself. A late or starved generator must not look like a bad platform.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/core/clock.hpp"
#include "harness/core/events.hpp"
#include "harness/core/histogram.hpp"

namespace cardstorm {

/// Processor time of the whole host, in ticks since boot, all processors together.
struct HostTicks {
  std::uint64_t total = 0, steal = 0;
};
/// From the text of /proc/stat; nullopt when its first line is not what it should be.
std::optional<HostTicks> host_ticks_of(std::string_view proc_stat);

/// The host's ticks now; nullopt where there is no /proc/stat.
std::optional<HostTicks> host_ticks_now();

class SelfMeasure {
 public:
  /// `cpu_seconds`: the thread's processor time at the start, which is not counted.
  SelfMeasure(Nanos now, double cpu_seconds, std::optional<HostTicks> host);
  /// A request (or a trade that was too late to send) was due so long ago.
  void sent(Nanos lateness);
  /// To be called about once a second; shares are over the time since the last call.
  void sample(Nanos now, double cpu_seconds, std::optional<HostTicks> host);
  [[nodiscard]] const Histogram& lateness() const { return lateness_; }
  /// Takes in another thread's measure, which ended with `cpu_seconds` of processor time: lateness of all requests,
  /// processor time together, shares of the worst.
  void merge(const SelfMeasure& other, double cpu_seconds);
  [[nodiscard]] GeneratorSeen seen(Nanos now, double cpu_seconds, const std::string& scheduling) const;

 private:
  Histogram lateness_;
  Nanos sampled_at_;
  double cpu_start_, cpu_, cpu_others_ = 0;
  std::optional<HostTicks> host_;
  double cpu_share_max_ = 0, steal_share_max_ = 0;
};

}  // namespace cardstorm
