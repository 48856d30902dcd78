// shapes: the rate over time as a list of pieces; each piece knows the area under it and where that area reaches a
// value.
#include "harness/plan/shapes.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "harness/core/rng.hpp"

namespace cardstorm {
namespace {

constexpr std::array<std::string_view, 6> kShapes{"constant", "ramp", "step", "poisson", "spike", "promotion"};
constexpr int kShapeBisections = 60;  // a day in doubles is exact to far below a nanosecond
constexpr double kDecays = 3;         // the wall falls by e^-3 within `lasts`

/// The rate over [begin, begin + length): from `from` in a straight line to `to`, or falling from `from` toward `to`
/// with `decay` per second.
struct Piece {
  double begin, length, from, to, decay = 0;

  [[nodiscard]] double area(double t) const {
    if (decay > 0) return to * t + (from - to) / decay * -std::expm1(-decay * t);
    return from * t + (to - from) * t * t / (2 * length);
  }
  /// Where the area from its begin reaches `wanted`, within the piece.
  [[nodiscard]] double reaches(double wanted) const {
    if (decay > 0) {
      double low = 0, high = length;
      for (int i = 0; i < kShapeBisections; ++i) {
        const double middle = (low + high) / 2;
        (area(middle) < wanted ? low : high) = middle;
      }
      return high;
    }
    const double slope = (to - from) / length;
    const double root = std::sqrt(std::max(0.0, from * from + 2 * slope * wanted));
    return from + root > 0 ? std::min(length, 2 * wanted / (from + root)) : length;
  }
};

/// Adds a piece, cut at the end of the load.
void add(std::vector<Piece>& pieces, double end, Piece piece) {
  if (piece.begin >= end || piece.length <= 0) return;
  if (const double room = end - piece.begin; piece.length > room) {
    if (piece.decay == 0) piece.to = piece.from + (piece.to - piece.from) * room / piece.length;
    piece.length = room;
  }
  pieces.push_back(piece);
}

std::vector<Piece> pieces_of(const Traffic& t, double end) {
  std::vector<Piece> out;
  if (t.mode == "constant" || t.mode == "poisson")
    add(out, end, {0, end, t.rate, t.rate});
  else if (t.mode == "ramp")
    add(out, end, {0, end, t.rate, t.rate_to});
  else if (t.mode == "step") {
    const double level = end / t.steps;
    for (std::uint32_t i = 0; i < t.steps; ++i) {
      const double rate = t.steps == 1 ? t.rate : t.rate + (t.rate_to - t.rate) * i / (t.steps - 1);
      add(out, end, {level * i, level, rate, rate});
    }
  } else {
    const double every = seconds(t.every), lasts = seconds(t.lasts);
    for (double at = 0; at < end; at += every) {
      const double wall = at == 0 ? 0 : lasts;  // the first one comes after one whole period of quiet
      if (t.mode == "spike")
        add(out, end, {at, wall, t.rate_to, t.rate_to});
      else
        add(out, end, {at, wall, t.rate_to, t.rate, kDecays / lasts});
      add(out, end, {at + wall, every - wall, t.rate, t.rate});
    }
  }
  return out;
}

std::vector<Nanos> poisson_times(double rate, Nanos length, std::uint64_t seed) {
  std::vector<Nanos> out;
  double at = 0;
  for (std::uint64_t i = 0;; ++i) {
    at += -std::log1p(-draw_unit(seed, stream_of("poisson"), i)) / rate;
    if (at >= seconds(length)) return out;
    out.push_back(std::min(nanos_of_seconds(at), length - Nanos(1)));
  }
}

}  // namespace

bool is_shape(std::string_view mode) { return std::find(kShapes.begin(), kShapes.end(), mode) != kShapes.end(); }

double shape_total(const Traffic& traffic, Nanos length) {
  double total = 0;
  for (const Piece& piece : pieces_of(traffic, seconds(length))) total += piece.area(piece.length);
  return total;
}

std::vector<Nanos> shape_times(const Traffic& traffic, Nanos length, std::uint64_t seed) {
  assert(is_shape(traffic.mode));
  if (traffic.mode == "poisson") return poisson_times(traffic.rate, length, seed);
  std::vector<Nanos> out;
  double before = 0;  // area of the pieces before
  for (const Piece& piece : pieces_of(traffic, seconds(length))) {
    const double here = piece.area(piece.length);
    for (double wanted = static_cast<double>(out.size()) + 0.5; wanted - before < here;
         wanted = static_cast<double>(out.size()) + 0.5) {
      const Nanos at = nanos_of_seconds(piece.begin + piece.reaches(wanted - before));
      out.push_back(std::clamp(at, out.empty() ? Nanos(0) : out.back(), length - Nanos(1)));
    }
    before += here;
  }
  return out;
}

}  // namespace cardstorm
