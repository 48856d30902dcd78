// durations: how long many like actions took. A machine that stands still for a moment makes one of them long, not
// most. Shares no source with the harness.
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace platform {

class Durations {
 public:
  template <class Action>
  void measure(Action&& action) {
    const auto began = std::chrono::steady_clock::now();
    std::forward<Action>(action)();
    all_.push_back(std::chrono::steady_clock::now() - began);
  }
  /// What nine of ten took at most.
  [[nodiscard]] std::chrono::nanoseconds nine_of_ten() {
    std::sort(all_.begin(), all_.end());
    return all_.at(all_.size() * 9 / 10 - 1);
  }

 private:
  std::vector<std::chrono::nanoseconds> all_;
};

}  // namespace platform
