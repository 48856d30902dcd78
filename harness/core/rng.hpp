// rng: random numbers that depend on (seed, stream, index) only, never on the order of calls or on
// threads: one seed gives one plan. Mixing function: splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
#pragma once

#include <cstdint>
#include <string_view>

namespace cardstorm {

/// The splitmix64 finaliser: a bijection that spreads every input bit.
constexpr std::uint64_t mix64(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// FNV-1a of a name, to give each use of randomness a stream of its own.
constexpr std::uint64_t stream_of(std::string_view name) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return h;
}

/// Number `index` of stream `stream` under `seed`. Pure.
constexpr std::uint64_t draw(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return mix64(mix64(mix64(seed) ^ stream) ^ index);
}

/// The same as a real number in [0, 1).
constexpr double draw_unit(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return static_cast<double>(draw(seed, stream, index) >> 11) * 0x1.0p-53;
}

/// A small sequential generator on top, for code that wants "the next one".
class Rng {
 public:
  Rng(std::uint64_t seed, std::string_view stream) : seed_(seed), stream_(stream_of(stream)) {}
  std::uint64_t next() { return draw(seed_, stream_, index_++); }
  /// In [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  /// In [0, n); n > 0. The bias is below n / 2^64.
  std::uint64_t below(std::uint64_t n) { return next() % n; }

 private:
  std::uint64_t seed_, stream_, index_ = 0;
};

}  // namespace cardstorm
