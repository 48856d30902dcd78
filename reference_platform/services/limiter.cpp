// limiter: see limiter.hpp.
#include "reference_platform/services/limiter.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace platform::services {
namespace {

constexpr std::array<double, kPriorities> kShare = {1.0, 0.95, 0.85, 0.75, 0.6};
constexpr double kSmoothing = 0.5, kShrinkMost = 0.5, kUsualFalls = 0.5, kUsualRises = 0.05;

double ms_of(std::chrono::nanoseconds t) { return std::chrono::duration<double, std::milli>(t).count(); }

}  // namespace

const char* priority_name(Priority p) {
  static constexpr const char* kNames[] = {"callback", "pay", "create", "query", "list"};
  return kNames[static_cast<int>(p)];
}

bool Limiter::enter(Priority p) {
  const std::lock_guard lock(mutex_);
  if (in_flight_ >= std::max(1.0, limit_ * kShare.at(static_cast<std::size_t>(p)))) return false;
  peak_ = std::max(peak_, ++in_flight_);
  return true;
}

void Limiter::leave(Priority p, std::chrono::nanoseconds took, bool served, Time now) {
  const std::lock_guard lock(mutex_);
  --in_flight_;
  if (served) {
    Class& c = classes_.at(static_cast<std::size_t>(p));
    c.sum_ms += ms_of(took);
    ++c.samples;
  }
  if (window_began_ == Time{}) window_began_ = now;
  if (now - window_began_ >= options_.window) learn(now);
}

// It falls by steps and rises by its root; beyond where it began only while it is used, or an idle night would make it
// the largest.
void Limiter::learn(Time now) {
  const double slow = slowness();
  const double gradient = slow <= 0 ? 1 : std::clamp(options_.tolerance / slow, kShrinkMost, 1.0);
  const bool used = peak_ * 2 >= limit_;
  if (gradient < 1)
    limit_ = std::max(options_.min, limit_ * (1 - kSmoothing * (1 - gradient)));
  else if (used || limit_ < options_.initial)
    limit_ = std::min(options_.max, limit_ + std::sqrt(limit_));
  for (Class& c : classes_) {
    c.sum_ms = 0;
    c.samples = 0;
  }
  peak_ = in_flight_;
  window_began_ = now;
}

/// How many times its usual time the least slowed class took; 0 when nothing is known.
double Limiter::slowness() {
  std::optional<double> least;
  const bool quiet = peak_ * 2 < limit_;  // only then what is slow is slow by itself
  for (Class& c : classes_) {
    if (c.samples < options_.samples_min) continue;
    const double mean = c.sum_ms / c.samples;
    if (c.usual_ms == 0)
      c.usual_ms = mean;
    else if (mean < c.usual_ms)
      c.usual_ms += (mean - c.usual_ms) * kUsualFalls;
    else if (quiet)
      c.usual_ms += (mean - c.usual_ms) * kUsualRises;
    const double ratio = mean / std::max(c.usual_ms, static_cast<double>(options_.usual_min.count()));
    least = std::min(least.value_or(ratio), ratio);
  }
  return least.value_or(0);
}

double Limiter::limit() const {
  const std::lock_guard lock(mutex_);
  return limit_;
}
int Limiter::in_flight() const {
  const std::lock_guard lock(mutex_);
  return in_flight_;
}

bool FixedWindow::enter(std::chrono::steady_clock::time_point now) {
  const auto second = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::lock_guard lock(mutex_);
  if (second != second_) {
    second_ = second;
    count_ = 0;
  }
  return ++count_ <= per_second_;
}

bool FairShare::enter(const std::string& who, int weight) {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(who);
  const int mine = found == held_.end() ? 0 : found->second;
  const int buyers = static_cast<int>(held_.size()) + (mine == 0 ? 1 : 0);
  const int part = std::max(1, capacity_ / buyers);
  // Who has nothing gets in whatever the weight: a heavy order must not starve.
  if (mine > 0 && (total_ + weight) * 2 > capacity_ && mine + weight > part) return false;
  held_[who] += weight;
  total_ += weight;
  return true;
}

void FairShare::leave(const std::string& who, int weight) {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(who);
  total_ -= weight;
  if ((found->second -= weight) == 0) held_.erase(found);
}

}  // namespace platform::services
