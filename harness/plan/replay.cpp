// replay: three ways to send a recording scale times (decision 0015).
#include "harness/plan/replay.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <tuple>
#include <unordered_map>

#include "harness/core/rng.hpp"

namespace cardstorm {
namespace {

/// Sessions of a slice as dense numbers in order of their first arrival in it.
struct Sessions {
  std::vector<std::uint32_t> of;
  std::uint32_t count = 0;
};

Sessions sessions_of(const Trace& trace, const Slice& slice) {
  Sessions out;
  std::unordered_map<std::uint32_t, std::uint32_t> numbers;
  for (std::size_t i = 0; i < slice.at.size(); ++i) {
    if (trace.lines.empty()) {
      out.of.push_back(out.count++);
      continue;
    }
    const auto [it, fresh] = numbers.try_emplace(trace.lines[slice.first_line + i].session, out.count);
    if (fresh) ++out.count;
    out.of.push_back(it->second);
  }
  return out;
}

Nanos scaled(Nanos t, double factor) { return Nanos(std::llround(static_cast<double>(t.count()) * factor)); }

/// Whether the ring goes round once more from `begin`: not for the rest that rounding or the clones' jitter leave at
/// the end.
bool goes_round(Nanos begin, Nanos length, Nanos rest) { return begin == 0s || begin + rest < length; }

std::vector<Replayed> compressed(const Slice& slice, const Sessions& sessions, double scale, Nanos length) {
  std::vector<Replayed> out;
  for (std::uint32_t round = 0; goes_round(scaled(round * slice.length, 1 / scale), length, kLoadStep); ++round)
    for (std::size_t i = 0; i < slice.at.size(); ++i) {
      const Nanos at = scaled(slice.at[i] + round * slice.length, 1 / scale);
      if (at < length)
        out.push_back({at, slice.first_line + static_cast<std::uint32_t>(i), round * sessions.count + sessions.of[i]});
    }
  return out;
}

/// Whole sessions: session k comes as often as the multiples of scale cross a whole number, so every one stays at a
/// scale of 1.5 and every second one has a clone.
std::vector<Replayed> cloned(const Slice& slice, const Sessions& sessions, double scale, Nanos length,
                             std::uint64_t seed) {
  std::vector<Replayed> out;
  const double phase = draw_unit(seed, stream_of("clone.phase"), 0);
  const auto crossed = [&](std::uint64_t k) {
    return static_cast<std::uint64_t>(std::floor(static_cast<double>(k) * scale + phase));
  };
  for (std::uint32_t round = 0; goes_round(round * slice.length, length, kCloneJitter + kLoadStep); ++round)
    for (std::size_t i = 0; i < slice.at.size(); ++i) {
      const std::uint64_t k = std::uint64_t{round} * sessions.count + sessions.of[i];
      const std::uint64_t first = crossed(k), end = crossed(k + 1);
      for (std::uint64_t person = first; person < end; ++person) {
        const Nanos jitter =
            person == first
                ? Nanos(0)
                : nanos_of_seconds(seconds(kCloneJitter) * draw_unit(seed, stream_of("clone.jitter"), person));
        const Nanos at = slice.at[i] + round * slice.length + jitter;
        if (at < length)
          out.push_back({at, slice.first_line + static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(person)});
      }
    }
  return out;
}

/// A Poisson process whose rate is constant within each window: scale x what was recorded in it.
std::vector<Replayed> resampled(const Slice& slice, double scale, Nanos length, std::uint64_t seed) {
  std::vector<Replayed> out;
  Rng rng(seed, "resample");
  double left = -std::log1p(-rng.unit());  // area under the rate until the next arrival
  for (Nanos round{0}; goes_round(round, length, kLoadStep); round += slice.length)
    for (Nanos begin{0}; begin < slice.length; begin += kResampleWindow) {
      const Nanos width = std::min(kResampleWindow, slice.length - begin);
      const auto low = std::lower_bound(slice.at.begin(), slice.at.end(), begin),
                 high = std::lower_bound(low, slice.at.end(), begin + width);
      const auto recorded = static_cast<std::uint64_t>(high - low);
      const double rate = scale * static_cast<double>(recorded) / seconds(width);
      double at = 0;
      while (rate > 0 && left < (seconds(width) - at) * rate) {
        at += left / rate;
        left = -std::log1p(-rng.unit());
        const auto line =
            static_cast<std::uint32_t>(low - slice.at.begin()) + static_cast<std::uint32_t>(rng.below(recorded));
        const Nanos when = round + begin + std::min(nanos_of_seconds(at), width - Nanos(1));
        if (when < length) out.push_back({when, slice.first_line + line, static_cast<std::uint32_t>(out.size())});
      }
      left -= (seconds(width) - at) * rate;
    }
  return out;
}

}  // namespace

bool is_replay(std::string_view mode) { return mode == "compress" || mode == "clone" || mode == "resample"; }

std::string_view lie_of(std::string_view mode) {
  if (mode == "shaped")
    return "which second comes when is chosen: each phase gets a busy slice of the recording, thinned or cloned to the "
           "stated peak";
  if (mode == "compress")
    return "think times, token lifetimes and payment limits shrink with the clock; the load is shorter than the "
           "evening was";
  if (mode == "clone")
    return "clones start within a second of their original: bursts come out somewhat burstier than so many more buyers "
           "would make them";
  if (mode == "resample")
    return "sessions and think times are gone; inside one second arrivals are random, so bursts shorter than that are "
           "lost";
  if (mode == "poisson") return "no bursts but chance: a real evening peaks many times higher at the same mean";
  if (mode == "constant") return "no bursts at all: a real evening peaks many times higher at the same mean";
  if (mode == "promotion")
    return "the wall is a formula: at once up, exponentially down; no recording stands behind it";
  return "even within each stretch: a real rise has bursts";
}

Slice slice_of_trace(const Traffic& traffic, const Trace& trace) {
  Slice out;
  if (trace.at.empty()) return out;
  const auto gaps = std::max<std::int64_t>(1, static_cast<std::int64_t>(trace.at.size()) - 1);
  const Nanos whole = trace.length > 0s
                          ? trace.length
                          : trace.at.back() + std::max(Nanos(1), (trace.at.back() - trace.at.front()) / gaps);
  const Nanos begin = std::min(traffic.from, whole),
              end = traffic.length > 0s ? std::min(whole, begin + traffic.length) : whole;
  const auto low = std::lower_bound(trace.at.begin(), trace.at.end(), begin),
             high = std::lower_bound(low, trace.at.end(), end);
  out.first_line = static_cast<std::uint32_t>(low - trace.at.begin());
  out.length = end - begin;
  for (auto it = low; it != high; ++it) out.at.push_back(*it - begin);
  return out;
}

Nanos replay_length(const Traffic& traffic, const Slice& slice) {
  Nanos out = slice.length;
  if (traffic.mode == "compress") out = scaled(out, 1 / traffic.scale);
  if (traffic.mode == "clone" && traffic.scale > 1) out += kCloneJitter;
  return std::chrono::ceil<std::chrono::milliseconds>(out);
}

std::vector<Replayed> replay(const Traffic& traffic, const Trace& trace, Nanos length, std::uint64_t seed) {
  assert(is_replay(traffic.mode) && traffic.scale > 0);
  const Slice slice = slice_of_trace(traffic, trace);
  if (slice.at.empty() || slice.length <= 0s) return {};
  std::vector<Replayed> out;
  if (traffic.mode == "resample")
    out = resampled(slice, traffic.scale, length, seed);
  else if (const Sessions sessions = sessions_of(trace, slice); traffic.mode == "compress")
    out = compressed(slice, sessions, traffic.scale, length);
  else
    out = cloned(slice, sessions, traffic.scale, length, seed);
  std::sort(out.begin(), out.end(), [](const Replayed& a, const Replayed& b) {
    return std::tie(a.at, a.line, a.person) < std::tie(b.at, b.line, b.person);
  });
  return out;
}

}  // namespace cardstorm
