// histogram: tier t holds values of one power of two, cut into 2^kSubBits equal parts; tier 0 is exact below
// 2^kSubBits.
#include "harness/core/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cardstorm {

std::size_t Histogram::bucket_of(std::int64_t ns) {
  const auto v = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
  const int tier = std::max(0, static_cast<int>(std::bit_width(v)) - kSubBits);
  if (tier > kTiers) return ((static_cast<std::size_t>(kTiers) + 1) << kSubBits) - 1;
  // In tier t > 0 the top bit is always set, so the kept bits run from 2^(kSubBits-1) to 2^kSubBits.
  return (static_cast<std::size_t>(tier) << kSubBits) + static_cast<std::size_t>(v >> tier);
}

std::int64_t Histogram::upper_of(std::size_t bucket) {
  const auto tier = bucket >> kSubBits;
  const auto kept = static_cast<std::int64_t>(bucket & ((1U << kSubBits) - 1));
  return ((kept + 1) << tier) - 1;
}

void Histogram::record(Nanos value, std::uint64_t count) {
  buckets_[bucket_of(value.count())] += count;
  count_ += count;
  max_ = std::max(max_, static_cast<std::int64_t>(value.count()));
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Nanos Histogram::quantile(double q) const {
  if (count_ == 0) return Nanos(0);
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return Nanos(std::min(upper_of(i), max_));
  }
  return Nanos(max_);
}

}  // namespace cardstorm
