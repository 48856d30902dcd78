// pace: how long a step usually takes, for tests of who is held up by what. The median of many: a machine that stands still for a moment does not decide.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace platform {

class Pace {
 public:
  template <class Step>
  void measure(Step step) {
    const auto began = std::chrono::steady_clock::now();
    step();
    took_.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began));
  }
  /// Of one step at least.
  [[nodiscard]] std::chrono::milliseconds median() const {
    auto sorted = took_;
    std::sort(sorted.begin(), sorted.end());
    return sorted.at(sorted.size() / 2);
  }

 private:
  std::vector<std::chrono::milliseconds> took_;
};

}  // namespace platform
