// stats: see stats.hpp.
#include "harness/stats/stats.hpp"

#include <numeric>

#include "harness/core/rng.hpp"

namespace cardstorm {

double mean(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double variance(std::span<const double> values) {
  const double m = mean(values);
  double sum = 0;
  for (const double x : values) sum += (x - m) * (x - m);
  return sum / static_cast<double>(values.size() - 1);
}

double student_995(double degrees) {
  const double z = kNormal995, v = std::max(degrees, 1.5), z2 = z * z;
  return z + z * (z2 + 1) / (4 * v) + z * (5 * z2 * z2 + 16 * z2 + 3) / (96 * v * v) +
         z * (3 * z2 * z2 * z2 + 19 * z2 * z2 + 17 * z2 - 15) / (384 * v * v * v);
}

Interval welch_99(std::span<const double> a, std::span<const double> b) {
  const double na = static_cast<double>(a.size()), nb = static_cast<double>(b.size());
  const double va = variance(a) / na, vb = variance(b) / nb, delta = mean(b) - mean(a);
  if (va + vb <= 0) return {delta, delta};
  const double degrees = (va + vb) * (va + vb) / (va * va / (na - 1) + vb * vb / (nb - 1));
  const double half = student_995(degrees) * std::sqrt(va + vb);
  return {delta - half, delta + half};
}

Interval bootstrap(std::size_t count, const Resampling& how,
                   const std::function<double(std::span<const std::size_t>)>& statistic) {
  constexpr std::size_t kDrawn = 2000;
  const std::size_t block = std::min(how.block, count);
  std::vector<double> values;
  values.reserve(kDrawn);
  std::vector<std::size_t> chosen;
  Rng rng(how.seed, how.stream);
  for (std::size_t r = 0; r < kDrawn; ++r) {
    chosen.clear();
    while (chosen.size() < count) {
      const std::size_t from = rng.below(count - block + 1);
      for (std::size_t i = 0; i < block && chosen.size() < count; ++i) chosen.push_back(from + i);
    }
    values.push_back(statistic(chosen));
  }
  std::sort(values.begin(), values.end());
  return {nearest_rank<double>(values, how.tail), nearest_rank<double>(values, 1 - how.tail)};
}

}  // namespace cardstorm
