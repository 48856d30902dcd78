// recovery_watch: counts per second.
#include "harness/run/recovery_watch.hpp"

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
  Count all{0, 0};
  for (auto it = seconds_.end() - static_cast<std::ptrdiff_t>(wanted); it != seconds_.end(); ++it) {
    if (it->ok == 0) return false;
    all.ok += it->ok;
    all.bad += it->bad;
  }
  return static_cast<double>(all.ok) >= slo_.good_share * static_cast<double>(all.ok + all.bad);
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
