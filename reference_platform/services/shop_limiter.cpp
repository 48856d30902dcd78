// shop_limiter: see shop_limiter.hpp.
#include "reference_platform/services/shop_limiter.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>

namespace platform::services {
namespace {

using Clock = std::chrono::steady_clock;

class PerSecondWindow final : public ShopLimiter {
 public:
  PerSecondWindow(int per_second, LimiterClock now) : per_second_(per_second), now_(std::move(now)) {}

  bool admit(Urgency) override {
    const auto second = std::chrono::floor<std::chrono::seconds>(now_());
    const std::lock_guard lock(mutex_);
    if (second != window_) {
      window_ = second;
      count_ = 0;
    }
    return ++count_ <= per_second_;
  }

 private:
  const int per_second_;
  const LimiterClock now_;
  std::mutex mutex_;
  std::chrono::time_point<Clock, std::chrono::seconds> window_{};
  int count_ = 0;
};

class PriorityBuckets final : public ShopLimiter {
 public:
  PriorityBuckets(int per_second, LimiterClock now) : now_(std::move(now)) {
    for (std::size_t i = 0; i < kShares.size(); ++i)
      buckets_[i] = Bucket{per_second * kShares[i], per_second * kShares[i], now_()};
  }

  bool admit(Urgency urgency) override {
    if (urgency <= Urgency::pay) return true;
    const auto now = now_();
    const std::lock_guard lock(mutex_);
    Bucket& b = buckets_[static_cast<std::size_t>(urgency)];
    b.tokens = std::min(b.per_second, b.tokens + b.per_second * std::chrono::duration<double>(now - b.filled).count());
    b.filled = now;
    if (b.tokens < 1) return false;
    b.tokens -= 1;
    return true;
  }

 private:
  static constexpr std::array<double, 5> kShares{1, 1, 0.9, 0.7, 0.5};  // as in Urgency
  struct Bucket {
    double per_second = 0, tokens = 0;  // holds a second's worth at most
    Clock::time_point filled;
  };
  const LimiterClock now_;
  std::mutex mutex_;
  std::array<Bucket, 5> buckets_;
};

}  // namespace

std::unique_ptr<ShopLimiter> fixed_window(int per_second, LimiterClock now) {
  return std::make_unique<PerSecondWindow>(per_second, std::move(now));
}
std::unique_ptr<ShopLimiter> token_buckets(int per_second, LimiterClock now) {
  return std::make_unique<PriorityBuckets>(per_second, std::move(now));
}

}  // namespace platform::services
