// shop_window: the goods as visitors see them, kept for a moment or not at all (A06).
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "reference_platform/domain/trade.hpp"

namespace platform::services {

class ShopWindow {
 public:
  using Goods = std::vector<domain::Good>;
  using Shared = std::shared_ptr<const Goods>;
  using Load = std::function<Goods()>;

  /// `keep` 0: nothing is kept. `single_flight`: one visitor loads what has expired, the others take the old or wait
  /// for the new; without it each of them loads (stampede).
  ShopWindow(std::chrono::milliseconds keep, bool single_flight) : keep_(keep), single_flight_(single_flight) {}

  /// Any thread. Passes on what `load` throws, unless an old value is there.
  Shared get(const Load& load);

 private:
  Shared load_alone(const Load& load);
  Shared put(Goods goods);

  const std::chrono::milliseconds keep_;
  const bool single_flight_;
  std::mutex mutex_;
  std::condition_variable loaded_;
  Shared goods_;
  std::chrono::steady_clock::time_point expires_{};
  bool loading_ = false;
};

}  // namespace platform::services
