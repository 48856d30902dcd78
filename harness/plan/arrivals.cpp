// arrivals: base load in even slots, plus slices of the recording thinned (or cloned) until each phase peaks exactly at
// the stated peak. Kept or not is decided by index and seed alone, so one plan gives one list on every machine.
#include "harness/plan/arrivals.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "harness/core/rng.hpp"
#include "harness/plan/replay.hpp"
#include "harness/plan/shapes.hpp"

namespace cardstorm {
namespace {

using Times = std::vector<Nanos>;

constexpr std::size_t kTopWindows = 12;  // slices are chosen around one of so many busiest windows of the recording
constexpr Nanos kCloneSpread = 100ms;    // a clone stays in its original's tenth of a second
constexpr int kBisections = 64;          // more than a double has bits

/// A loaded stretch: steady, fault or observe of one segment.
struct Stretch {
  Nanos begin, end;
  std::size_t number;
  double load;
};

std::vector<Stretch> stretches_of(const Plan& plan) {
  std::vector<Stretch> out;
  for (const Segment& s : plan.segments) {
    const Nanos edges[]{s.begin, s.fault_at, s.heal_at, s.horizon_at};
    for (int i = 0; i < 3; ++i)
      if (edges[i] < edges[i + 1]) out.push_back({edges[i], edges[i + 1], out.size(), s.load});
  }
  return out;
}

/// How many of sorted `times` lie in [from, to).
std::size_t count_in(const Times& times, Nanos from, Nanos to) {
  return static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), to) -
                                  std::lower_bound(times.begin(), times.end(), from));
}

/// The largest count over all windows of length `window` inside [from, to).
std::size_t busiest(const Times& times, Nanos from, Nanos to, Nanos window) {
  std::size_t most = 0;
  auto tail = std::lower_bound(times.begin(), times.end(), from);
  for (auto head = tail; head != times.end() && *head < to; ++head) {
    while (*head - *tail >= window) ++tail;
    most = std::max(most, static_cast<std::size_t>(head - tail) + 1);
  }
  return most;
}

Times merged(const Times& a, const Times& b) {
  Times out(a.size() + b.size());
  std::merge(a.begin(), a.end(), b.begin(), b.end(), out.begin());
  return out;
}

/// One start per slot of 1/base_rate, at a seeded place inside its slot.
Times base_load(const Plan& plan) {
  Times out;
  std::uint64_t slot_number = 0;
  for (const Segment& s : plan.segments) {
    const double rate = plan.traffic.base_rate * s.load, length = seconds(s.horizon_at - s.begin);
    for (double slot = 0; rate > 0 && slot < length * rate; ++slot) {
      const double within = (slot + draw_unit(plan.seed, stream_of("base"), slot_number++)) / rate;
      const Nanos at = s.begin + nanos_of_seconds(within);
      if (at < s.horizon_at) out.push_back(at);  // the last slot may be cut short
    }
  }
  return out;
}

/// The recording as a ring, so that a slice may start anywhere and be longer than the recording.
class Ring {
 public:
  Ring(const Trace& trace, Nanos window) : at_(trace.at) {
    assert(at_.size() >= 2 && at_.back() > at_.front());
    // The ring closes with one mean gap between the last arrival and the first.
    const auto gaps = static_cast<std::int64_t>(at_.size()) - 1;
    span_ = at_.back() - at_.front() + std::max(Nanos(1), (at_.back() - at_.front()) / gaps);
    find_top_windows(window);
  }

  /// Start of one of the busiest windows.
  [[nodiscard]] Nanos top_window(std::uint64_t choice) const { return top_[choice % top_.size()]; }

  /// Arrivals of [from, from + length) as offsets from `from`; `from` may lie before or after the recording.
  [[nodiscard]] Times slice(Nanos from, Nanos length) const {
    Times out;
    auto round = (from - at_.front()) / span_;
    if (from - at_.front() < round * span_) --round;  // C++ rounds toward zero, a ring downwards
    for (Nanos shift = round * span_; at_.front() + shift < from + length; shift += span_) {
      auto it = std::lower_bound(at_.begin(), at_.end(), from - shift);
      for (; it != at_.end() && *it + shift < from + length; ++it) out.push_back(*it + shift - from);
    }
    return out;
  }

 private:
  void find_top_windows(Nanos window) {
    std::vector<std::pair<std::size_t, std::size_t>> counts;  // how many in the window that starts at arrival i; i
    for (std::size_t i = 0, end = 0; i < at_.size(); ++i) {
      while (end < at_.size() && at_[end] - at_[i] < window) ++end;
      counts.emplace_back(end - i, i);
    }
    std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    for (const auto& [count, i] : counts) {
      const Nanos at = at_[i];
      const bool apart =
          std::all_of(top_.begin(), top_.end(), [&](Nanos other) { return std::chrono::abs(other - at) >= window; });
      if (apart) top_.push_back(at);
      if (top_.size() == kTopWindows) break;
    }
  }

  const Times& at_;
  Nanos span_{0};
  Times top_;
};

/// The shape for one stretch: which recorded arrivals stay, for a factor f that makes the peak fit.
class Shaper {
 public:
  Shaper(const Plan& plan, const Ring& ring, const Stretch& stretch)
      : seed_(plan.seed), window_(plan.traffic.peak_window), stretch_(stretch) {
    const Nanos length = stretch.end - stretch.begin;
    // The busiest window lies in the core, one window away from both ends, where the neighbours cannot disturb it.
    const double room = seconds(length - 3 * window_);
    const Nanos peak_at = window_ + nanos_of_seconds(std::max(0.0, room) * unit("peak_at"));
    slice_ = ring.slice(ring.top_window(draw(seed_, stream_of("slice"), stretch.number)) - peak_at, length);
    phase_ = unit("thinning");
  }

  /// Low-discrepancy thinning: arrival i stays as often as the multiples of f cross a whole number
  /// (decision 0015).
  [[nodiscard]] Times kept(double f) const {
    Times out;
    for (std::size_t i = 0; i < slice_.size(); ++i) {
      const double before = std::floor(static_cast<double>(i) * f + phase_),
                   after = std::floor(static_cast<double>(i + 1) * f + phase_);
      const auto copies = static_cast<std::uint64_t>(after - before);
      for (std::uint64_t copy = 0; copy < copies; ++copy) out.push_back(stretch_.begin + place_of(i, copy));
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  /// The shape whose busiest window, together with the base load, holds `wanted` trades.
  [[nodiscard]] Times fitted(const Times& base, std::size_t wanted) const {
    const auto peak = [&](double f) {
      return busiest(merged(base, core_of(kept(f))), stretch_.begin, stretch_.end, window_);
    };
    double low = 0, high = 1;
    std::size_t reached = peak(high);
    while (reached < wanted &&
           high < 2.0 * static_cast<double>(wanted) + 2) {  // at that factor one arrival alone is enough
      low = high;
      reached = peak(high *= 2);
    }
    // Between neighbouring factors the peak moves by one, so the search can hit it exactly.
    for (int i = 0; i < kBisections && reached != wanted; ++i) {
      const double middle = (low + high) / 2;
      const std::size_t there = peak(middle);
      if (there < wanted) {
        low = middle;
      } else {
        high = middle;
        reached = there;
      }
    }
    return kept(high);
  }

  /// The part in the core: at least one window away from both ends.
  [[nodiscard]] Times core_of(const Times& times) const {
    return {std::lower_bound(times.begin(), times.end(), stretch_.begin + window_),
            std::lower_bound(times.begin(), times.end(), stretch_.end - window_)};
  }
  /// The rest, near the ends.
  [[nodiscard]] Times rim_of(const Times& times) const {
    Times out(times.begin(), std::lower_bound(times.begin(), times.end(), stretch_.begin + window_));
    const auto tail = std::max(stretch_.end - window_, stretch_.begin + window_);
    out.insert(out.end(), std::lower_bound(times.begin(), times.end(), tail), times.end());
    return out;
  }

 private:
  [[nodiscard]] double unit(std::string_view stream) const {
    return draw_unit(seed_, stream_of(stream), stretch_.number);
  }

  [[nodiscard]] Nanos place_of(std::size_t i, std::uint64_t copy) const {
    if (copy == 0) return slice_[i];
    const std::uint64_t stream = mix64(stream_of("clone") ^ (stretch_.number << 32U) ^ copy);
    const Nanos tenth = slice_[i] - slice_[i] % kCloneSpread;
    const Nanos at =
        tenth +
        Nanos(static_cast<std::int64_t>(draw(seed_, stream, i) % static_cast<std::uint64_t>(kCloneSpread.count())));
    return std::min(at, stretch_.end - stretch_.begin - Nanos(1));
  }

  std::uint64_t seed_;
  Nanos window_;
  Stretch stretch_;
  Times slice_;
  double phase_ = 0;
};

/// Whether one more arrival at `at` keeps every window that holds it within `cap`.
bool has_room(const Times& fixed, const Times& added, Nanos at, Nanos window, std::size_t cap) {
  const auto fits = [&](Nanos from) {
    return count_in(fixed, from, from + window) + count_in(added, from, from + window) < cap;
  };
  const auto all_fit = [&](const Times& starts) {
    auto it = std::upper_bound(starts.begin(), starts.end(), at - window);
    for (; it != starts.end() && *it <= at; ++it)
      if (!fits(*it)) return false;
    return true;
  };
  return fits(at) && all_fit(fixed) && all_fit(added);
}

std::size_t peak_trades(const Traffic& traffic, double load) {
  return static_cast<std::size_t>(
      std::llround(traffic.scale * traffic.peak_rate * load * seconds(traffic.peak_window)));
}

// ---- one trade's choices

/// The item whose share of the total holds `u` in [0, 1).
template <class Weight>
std::size_t pick(double u, std::size_t count, Weight&& weight) {
  double total = 0;
  for (std::size_t i = 0; i < count; ++i) total += weight(i);
  double left = u * total;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    left -= weight(i);
    if (left < 0) return i;
  }
  return count - 1;
}

/// "b" and 42 in five digits: b00042.
std::string numbered(std::string_view prefix, std::uint64_t number, std::size_t digits) {
  const std::string text = std::to_string(number);
  std::string out(prefix);
  if (text.size() < digits) out.append(digits - text.size(), '0');
  return out += text;
}

}  // namespace

namespace {

/// Mode shaped.
Times shaped_times(const Plan& plan, const Trace& trace) {
  const Times base = base_load(plan);
  if (trace.at.empty()) return base;

  const Nanos window = plan.traffic.peak_window;
  const Ring ring(trace, window);
  Times cores;
  struct Rim {
    Times times;
    std::size_t cap;
  };
  std::vector<Rim> rims;
  for (const Stretch& stretch : stretches_of(plan)) {
    const Shaper shaper(plan, ring, stretch);
    const std::size_t wanted = peak_trades(plan.traffic, stretch.load);
    const Times near(std::lower_bound(base.begin(), base.end(), stretch.begin),
                     std::lower_bound(base.begin(), base.end(), stretch.end));
    const Times shape = shaper.fitted(near, wanted);
    const Times core = shaper.core_of(shape);
    cores.insert(cores.end(), core.begin(), core.end());
    rims.push_back({shaper.rim_of(shape), wanted});
  }
  // Near the ends of a stretch two bursts could add up to more than the stated peak: there an arrival needs room.
  const Times fixed = merged(base, cores);
  Times added;
  for (const Rim& rim : rims)
    for (const Nanos at : rim.times)
      if (has_room(fixed, added, at, window, rim.cap)) added.push_back(at);
  return merged(fixed, added);
}

/// Steps of the golden ratio spread the mix evenly: a window of few trades has nearly the stated shares, and so nearly
/// the same number of steps. Independent draws would leave some windows with too few samples.
double turn_of(const Plan& plan, TradeId trade) {
  constexpr double kGolden = 0.6180339887498949;
  const double turn =
      draw_unit(plan.seed, stream_of("journey"), 0) + static_cast<double>(trade % 1'000'000'007ULL) * kGolden;
  return turn - std::floor(turn);
}

std::uint16_t journey_by_mix(const Plan& plan, TradeId trade) {
  assert(!plan.journeys.empty());
  return static_cast<std::uint16_t>(
      pick(turn_of(plan, trade), plan.journeys.size(), [&](std::size_t i) { return plan.journeys[i].weight; }));
}

/// What the routes file made of a recorded line; where several journeys may be meant, their weights decide.
std::uint16_t journey_of_line(const Plan& plan, const Trace& trace, std::uint32_t line, TradeId trade) {
  if (trace.choices.empty()) return journey_by_mix(plan, trade);
  const std::vector<std::uint16_t>& choice = trace.choices[trace.lines[line].choice];
  return choice[pick(turn_of(plan, trade), choice.size(),
                     [&](std::size_t i) { return plan.journeys[choice[i]].weight; })];
}

/// Buyers come in turn from a seeded start: the same buyer returns only after all the others.
std::string buyer_of(const Plan& plan, std::uint64_t person) {
  const std::uint64_t buyers = std::max<std::uint32_t>(plan.buyers, 1);
  return numbered("b", (draw(plan.seed, stream_of("buyer"), 0) % buyers + person) % buyers, 5);
}

}  // namespace

Nanos loaded_time(const std::vector<Segment>& segments) {
  Nanos out{0};
  for (const Segment& s : segments) out += s.horizon_at - s.begin;
  return out;
}

Nanos plan_time(const std::vector<Segment>& segments, Nanos at) {
  for (const Segment& s : segments) {
    if (at < s.horizon_at - s.begin) return s.begin + at;
    at -= s.horizon_at - s.begin;
  }
  return segments.empty() ? at : segments.back().horizon_at;
}

Nanos load_time(const std::vector<Segment>& segments, Nanos at) {
  Nanos before{0};
  for (const Segment& s : segments) {
    if (at < s.horizon_at) return before + std::max(Nanos(0), at - s.begin);
    before += s.horizon_at - s.begin;
  }
  return before;
}

PlannedTrades::PlannedTrades(const Plan& plan, const Trace& trace) : plan_(plan), trace_(trace) {
  const Nanos length = loaded_time(plan.segments);
  if (is_shape(plan.traffic.mode)) {
    for (const Nanos at : shape_times(plan.traffic, length, plan.seed)) times_.push_back(plan_time(plan.segments, at));
  } else if (is_replay(plan.traffic.mode)) {
    for (const Replayed& r : replay(plan.traffic, trace, length, plan.seed)) {
      origins_.push_back({r.line, r.person, journey_of_line(plan, trace, r.line, times_.size())});
      times_.push_back(plan_time(plan.segments, r.at));
    }
  } else {
    times_ = shaped_times(plan, trace);
  }
}

std::uint16_t PlannedTrades::journey(TradeId trade) const {
  return origins_.empty() ? journey_by_mix(plan_, trade) : origins_[trade].journey;
}

std::uint64_t PlannedTrades::stripe(TradeId trade) const { return origins_.empty() ? trade : origins_[trade].person; }

Arrival PlannedTrades::arrival(TradeId trade) const {
  Arrival out = cardstorm::arrival(plan_, trade, times_[trade], journey(trade));
  if (origins_.empty()) return out;
  const Origin& origin = origins_[trade];
  out.buyer = buyer_of(plan_, origin.person);
  if (!trace_.lines.empty()) out.trace_path = trace_.texts[trace_.lines[origin.line].path];
  return out;
}

std::vector<Nanos> arrival_times(const Plan& plan, const Trace& trace) { return PlannedTrades(plan, trace).times(); }

Arrival arrival(const Plan& plan, TradeId trade, Nanos at) {
  return arrival(plan, trade, at, journey_by_mix(plan, trade));
}

Arrival arrival(const Plan& plan, TradeId trade, Nanos at, std::uint16_t chosen) {
  assert(chosen < plan.journeys.size());
  const auto unit = [&](std::string_view stream) { return draw_unit(plan.seed, stream_of(stream), trade); };
  const Journey& journey = plan.journeys[chosen];

  Arrival out;
  out.trade = trade;
  out.at = at;
  out.journey = chosen;
  if (!journey.skus.empty())  // Zipf: the k-th of the list is asked for 1/k^skew as often as the first
    out.sku = journey.skus[pick(unit("sku"), journey.skus.size(), [&](std::size_t i) {
      return 1.0 / std::pow(static_cast<double>(i + 1), journey.skew);
    })];
  const std::uint64_t span = journey.quantity_max - journey.quantity_min + std::uint64_t{1};
  out.quantity =
      journey.quantity_min + static_cast<std::uint32_t>(draw(plan.seed, stream_of("quantity"), trade) % span);
  if (!journey.channels.empty())
    out.channel = journey.channels[draw(plan.seed, stream_of("channel"), trade) % journey.channels.size()];
  out.buyer = buyer_of(plan, trade);
  out.key = "cs-" + std::to_string(plan.seed) + "-" + std::to_string(trade);
  out.phone = numbered("199", draw(plan.seed, stream_of("phone"), trade) % 100'000'000, 8);
  return out;
}

}  // namespace cardstorm
