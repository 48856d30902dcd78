// histogram: log-linear counts of durations, as in HdrHistogram (Tene): constant memory, relative error
// below 1/256, exact merge. Values are nanoseconds; above ~2.4 h they land in the last bucket, max stays exact.
#pragma once

#include <array>
#include <cstdint>

#include "harness/core/clock.hpp"

namespace cardstorm {

class Histogram {
 public:
  void record(Nanos value, std::uint64_t count = 1);
  void merge(const Histogram& other);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Nanos max() const { return Nanos(max_); }
  /// Smallest recorded bucket value with at least q of all at or below it; 0 when empty. q in [0, 1].
  [[nodiscard]] Nanos quantile(double q) const;

 private:
  static constexpr int kSubBits = 9, kTiers = 34;
  static std::size_t bucket_of(std::int64_t ns);
  static std::int64_t upper_of(std::size_t bucket);
  std::array<std::uint64_t, (kTiers + 1) << kSubBits> buckets_{};
  std::uint64_t count_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace cardstorm
