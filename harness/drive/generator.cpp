// generator: lateness, processor time and stolen time of the driver's own thread.
#include "harness/drive/generator.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace cardstorm {

std::optional<HostTicks> host_ticks_of(std::string_view proc_stat) {
  // "cpu  user nice system idle iowait irq softirq steal guest guest_nice": guest is part of user already.
  constexpr int kColumns = 8;
  if (!proc_stat.starts_with("cpu ")) return std::nullopt;
  const char* at = proc_stat.data() + 4;
  const char* const end = proc_stat.data() + std::min(proc_stat.find('\n'), proc_stat.size());
  HostTicks ticks;
  for (int column = 0; column < kColumns; ++column) {
    while (at != end && *at == ' ') ++at;
    std::uint64_t value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc()) return std::nullopt;
    at = next;
    ticks.total += value;
    if (column == kColumns - 1) ticks.steal = value;
  }
  return ticks;
}

std::optional<HostTicks> host_ticks_now() {
  // Only the first line is wanted, so no whole-file reader: this runs on the sending thread.
  const int fd = ::open("/proc/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::array<char, 512> text{};
  const auto n = ::read(fd, text.data(), text.size());
  ::close(fd);
  return n > 0 ? host_ticks_of({text.data(), static_cast<std::size_t>(n)}) : std::nullopt;
}

SelfMeasure::SelfMeasure(Nanos now, double cpu_seconds, std::optional<HostTicks> host)
    : sampled_at_(now), cpu_start_(cpu_seconds), cpu_(cpu_seconds), host_(host) {}

void SelfMeasure::sent(Nanos lateness) { lateness_.record(std::max(Nanos(0), lateness)); }

void SelfMeasure::sample(Nanos now, double cpu_seconds, std::optional<HostTicks> host) {
  const double wall = seconds(now - sampled_at_);
  if (wall <= 0) return;
  cpu_share_max_ = std::max(cpu_share_max_, (cpu_seconds - cpu_) / wall);
  if (host && host_ && host->total > host_->total && host->steal >= host_->steal)
    steal_share_max_ = std::max(steal_share_max_, static_cast<double>(host->steal - host_->steal) /
                                                      static_cast<double>(host->total - host_->total));
  sampled_at_ = now;
  cpu_ = cpu_seconds;
  host_ = host;
}

void SelfMeasure::merge(const SelfMeasure& other, double cpu_seconds) {
  lateness_.merge(other.lateness_);
  cpu_others_ += cpu_seconds - other.cpu_start_ + other.cpu_others_;
  cpu_share_max_ = std::max(cpu_share_max_, other.cpu_share_max_);
  steal_share_max_ = std::max(steal_share_max_, other.steal_share_max_);
}

GeneratorSeen SelfMeasure::seen(Nanos now, double cpu_seconds, const std::string& scheduling) const {
  return {now,
          lateness_.quantile(0.5),
          lateness_.quantile(0.99),
          cpu_seconds - cpu_start_ + cpu_others_,
          cpu_share_max_,
          steal_share_max_,
          scheduling};
}

}  // namespace cardstorm
