// breaker: see breaker.hpp.
#include "reference_platform/services/breaker.hpp"

#include <algorithm>

namespace platform::services {

Breaker::State Breaker::state(Time now) {
  const std::lock_guard lock(mutex_);
  if (state_ == State::closed) trip_if_bad(now);
  if (state_ == State::open && now >= open_until_) {
    state_ = State::half_open;
    good_probes_ = 0;
    probing_ = false;
  }
  return state_;
}

void Breaker::begin(Time now) {
  const std::lock_guard lock(mutex_);
  running_.insert(now);
}

void Breaker::end(Time began, Time now, bool good) {
  const std::lock_guard lock(mutex_);
  if (const auto it = running_.find(began); it != running_.end()) running_.erase(it);
  const bool bad = !good || now - began > options_.slow;
  if (state_ != State::closed) return;  // late answers of the time before say nothing new
  calls_.push_back({now, bad});
  bad_in_a_row_ = bad ? bad_in_a_row_ + 1 : 0;
  trip_if_bad(now);
}

bool Breaker::take_probe(Time now) {
  if (state(now) != State::half_open) return false;
  const std::lock_guard lock(mutex_);
  if (probing_) return false;
  return probing_ = true;
}

void Breaker::probed(Time now, bool good) {
  const std::lock_guard lock(mutex_);
  probing_ = false;
  if (state_ != State::half_open) return;
  if (!good) {
    ++bad_probes_;
    return trip(now);
  }
  if (++good_probes_ < options_.probes_good) return;
  state_ = State::closed;
  bad_probes_ = 0;
  calls_.clear();
  bad_in_a_row_ = 0;
}

void Breaker::hurry() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::open) open_until_ = std::min(open_until_, tripped_ + options_.open);
}

void Breaker::trip_if_bad(Time now) {
  while (!calls_.empty() && calls_.front().at < now - options_.window) calls_.pop_front();
  // What still runs since before the last opening was counted then.
  const auto slow = static_cast<int>(std::count_if(
      running_.begin(), running_.end(), [&](Time began) { return began >= tripped_ && now - began > options_.slow; }));
  int bad = slow;
  for (const Call& call : calls_) bad += call.bad ? 1 : 0;
  const int all = static_cast<int>(calls_.size()) + slow;
  const bool share = all >= options_.calls_min && bad >= options_.bad_share * all;
  if (share || bad_in_a_row_ + slow >= options_.calls_min) trip(now);
}

void Breaker::trip(Time now) {
  state_ = State::open;
  tripped_ = now;
  open_until_ = now + std::min(options_.open * (1 << std::min(bad_probes_, 10)), options_.open_max);
  calls_.clear();
  bad_in_a_row_ = 0;
}

}  // namespace platform::services
