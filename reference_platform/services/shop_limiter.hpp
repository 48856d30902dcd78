// shop_limiter: how many requests per second the fragile variant lets in (A09).
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace platform::services {

/// From the most to the least urgent.
enum class Urgency { callback, pay, create, query, list };

class ShopLimiter {
 public:
  virtual ~ShopLimiter() = default;
  /// False: refuse it with 429. Any thread.
  virtual bool admit(Urgency urgency) = 0;
};

using LimiterClock = std::function<std::chrono::steady_clock::time_point()>;

/// A09: one fixed window per second for everything.
std::unique_ptr<ShopLimiter> fixed_window(int per_second, LimiterClock now = std::chrono::steady_clock::now);
/// A token bucket per urgency: the less urgent, the smaller its share of `per_second`. Callbacks and payments are never
/// refused here; queue and pools bound them.
std::unique_ptr<ShopLimiter> token_buckets(int per_second, LimiterClock now = std::chrono::steady_clock::now);

}  // namespace platform::services
