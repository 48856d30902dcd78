// recovery_watch: counts per second.
#include "harness/run/recovery_watch.hpp"

#include <algorithm>

namespace cardstorm {

void RecoveryWatch::second(std::uint64_t steps_ok, std::uint64_t steps_bad) {
  seconds_.push_back({steps_ok - ok_, steps_bad - bad_});
  ok_ = steps_ok;
  bad_ = steps_bad;
  while (seconds_.size() > 30) seconds_.pop_front();
}

bool RecoveryWatch::healthy() const {
  const auto wanted = static_cast<std::size_t>(slo_.recover_good);
  if (seconds_.size() < wanted) return false;
  return std::all_of(seconds_.end() - static_cast<std::ptrdiff_t>(wanted), seconds_.end(), [&](const Count& c) {
    const double all = static_cast<double>(c.ok + c.bad);
    return all > 0 && static_cast<double>(c.ok) / all >= slo_.good_share;
  });
}

double RecoveryWatch::recent_share() const {
  std::uint64_t ok = 0, all = 0;
  for (std::size_t i = seconds_.size() > 3 ? seconds_.size() - 3 : 0; i < seconds_.size(); ++i) {
    ok += seconds_[i].ok;
    all += seconds_[i].ok + seconds_[i].bad;
  }
  return all == 0 ? -1 : static_cast<double>(ok) / static_cast<double>(all);
}

}  // namespace cardstorm
