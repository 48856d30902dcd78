// stats: figures of samples, each with one definition: order statistics, mean and variance, and intervals from
// resamples or from the spread of runs. Pure; what is drawn depends on seed and stream alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace cardstorm {

/// The smallest of `sorted` with at least a share `q` of them at or below it: definition 1 of Hyndman and Fan 1996. 0
/// of nothing.
template <class T>
T nearest_rank(std::span<const T> sorted, double q) {
  if (sorted.empty()) return T{};
  const double rank = std::ceil(q * static_cast<double>(sorted.size()) - 1e-9);
  return sorted[std::min(static_cast<std::size_t>(std::max(1.0, rank)), sorted.size()) - 1];
}

/// The one of `sorted` whose place is closest to `q` of the way from the first to the last; halves go up. 0 of nothing.
template <class T>
T closest_rank(std::span<const T> sorted, double q) {
  if (sorted.empty()) return T{};
  return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1) + 0.5)];
}

/// The upper median, closest_rank of one half; 0 of nothing. Reorders `values`.
template <class T>
T median_in(std::vector<T>& values) {
  if (values.empty()) return T{};
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}
inline double median(std::vector<double> values) { return median_in(values); }

/// 0 of nothing.
double mean(std::span<const double> values);
/// Of the sample, over n - 1; at least two values.
double variance(std::span<const double> values);

struct Interval {
  double low = 0, high = 0;
};

/// The upper 99.5 % point of Student's t (Cornish-Fisher expansion of Abramowitz and Stegun 26.7.5; within 2 % from 4
/// degrees of freedom on), and that of the normal distribution, to which it tends.
inline constexpr double kNormal995 = 2.576;
double student_995(double degrees);

/// mean(b) - mean(a) to 99 %, without equal variances (Welch 1947). At least two values on each side.
Interval welch_99(std::span<const double> a, std::span<const double> b);

/// How resamples are drawn: `stream` names the figure, so that each has draws of its own.
struct Resampling {
  std::string_view stream;
  std::uint64_t seed = 1;
  std::size_t block = 1;  // neighbours that are drawn together, since they share their causes (Künsch 1989); 1 = singly
  double tail = 0.005;    // left out at each end
};

/// The percentile interval (Efron 1979) of `statistic` over 2000 resamples of indices into `count` > 0 things.
Interval bootstrap(std::size_t count, const Resampling& how,
                   const std::function<double(std::span<const std::size_t>)>& statistic);

}  // namespace cardstorm
