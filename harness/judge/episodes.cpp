// episodes: see episodes.hpp.
#include "harness/judge/episodes.hpp"

#include <algorithm>
#include <cmath>

#include "harness/judge/round.hpp"

namespace cardstorm {
namespace {

struct Window {
  Nanos begin{0};
  std::uint64_t n = 0, good = 0;
  std::optional<Nanos> first_bad;  // planned time of the first step in it that was not good
};

/// A window with too few samples is neither: no evidence is not good news and not bad news.
enum class Light : std::uint8_t { none, good, bad };

Light light_of(const Window& w, const Slo& slo) {
  if (w.n == 0 || w.n < static_cast<std::uint64_t>(std::max(slo.samples_min, 0))) return Light::none;
  return static_cast<double>(w.good) < slo.good_share * static_cast<double>(w.n) ? Light::bad : Light::good;
}

void add(Window& w, const StepPoint& s) {
  ++w.n;
  if (s.good)
    ++w.good;
  else if (!w.first_bad)
    w.first_bad = s.planned;
}

std::span<const StepPoint> between(std::span<const StepPoint> steps, Nanos from, Nanos to) {
  const auto before = [](const StepPoint& s, Nanos t) { return s.planned < t; };
  const auto lo = std::lower_bound(steps.begin(), steps.end(), from, before);
  const auto hi = std::lower_bound(lo, steps.end(), to, before);
  return steps.subspan(static_cast<std::size_t>(lo - steps.begin()), static_cast<std::size_t>(hi - lo));
}

/// Whole windows only, counted from `origin` up to `to`.
std::vector<Window> windows_after(std::span<const StepPoint> steps, Nanos origin, Nanos to, Nanos width) {
  const auto count = to > origin ? static_cast<std::size_t>((to - origin) / width) : 0;
  std::vector<Window> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i].begin = origin + width * static_cast<std::int64_t>(i);
  for (const auto& s : between(steps, origin, to)) {
    const auto i = static_cast<std::size_t>((s.planned - origin) / width);
    if (i < count) add(out[i], s);
  }
  return out;
}

/// Whole windows that end at `origin`, back to `from`, in order of time.
std::vector<Window> windows_before(std::span<const StepPoint> steps, Nanos from, Nanos origin, Nanos width) {
  const auto count = origin > from ? (origin - from) / width : 0;
  return windows_after(steps, origin - width * count, origin, width);
}

/// Index of the first window of the first breach at or after `from`: breach_bad bad ones among breach_of in a row.
std::optional<std::size_t> find_breach(std::span<const Light> lights, std::size_t from, const Slo& slo) {
  const auto span = static_cast<std::size_t>(std::max(slo.breach_of, 1));
  for (std::size_t i = from; i < lights.size(); ++i) {
    if (lights[i] != Light::bad) continue;
    int bad = 0;
    for (std::size_t k = i; k < std::min(i + span, lights.size()); ++k) bad += lights[k] == Light::bad;
    if (bad >= slo.breach_bad) return i;
  }
  return std::nullopt;
}

/// Index of the first of recover_good good windows in a row at or after `from`; they must all lie before the horizon.
std::optional<std::size_t> find_recovery(std::span<const Light> lights, std::size_t from, const Slo& slo) {
  const int wanted = std::max(slo.recover_good, 1);
  int run = 0;
  for (std::size_t i = from; i < lights.size(); ++i) {
    run = lights[i] == Light::good ? run + 1 : 0;
    if (run == wanted) return i + 1 - static_cast<std::size_t>(wanted);
  }
  return std::nullopt;
}

std::vector<Light> lights_of(std::span<const Window> windows, const Slo& slo) {
  std::vector<Light> out;
  out.reserve(windows.size());
  for (const auto& w : windows) out.push_back(light_of(w, slo));
  return out;
}

bool was_steady(std::span<const StepPoint> steps, Nanos from, Nanos inject, const Slo& slo) {
  Window whole;
  for (const auto& s : between(steps, from, inject)) add(whole, s);
  if (light_of(whole, slo) != Light::good) return false;
  const auto windows = windows_before(steps, from, inject, slo.window);
  return !find_breach(lights_of(windows, slo), 0, slo);
}

struct Course {
  std::optional<Nanos> onset, recover;
  bool judged = true;
};

/// Onset, and the recovery that held: a breach after a recovery opens the same episode again.
Course course_of(std::span<const Window> windows, const Slo& slo) {
  const auto lights = lights_of(windows, slo);
  Course c;
  const auto breach = find_breach(lights, 0, slo);
  if (!breach) {
    const auto seen = std::count_if(lights.begin(), lights.end(), [](Light l) { return l != Light::none; });
    c.judged = !lights.empty() && 2 * static_cast<std::size_t>(seen) >= lights.size();
    return c;
  }
  c.onset = std::max(windows[*breach].begin, windows[*breach].first_bad.value_or(windows[*breach].begin));
  for (auto bad = breach; bad;) {
    const auto back = find_recovery(lights, *bad, slo);
    c.recover = back ? std::optional(windows[*back].begin) : std::nullopt;
    bad = back ? find_breach(lights, *back, slo) : std::nullopt;
  }
  return c;
}

std::uint64_t lost_between(std::span<const TradePoint> trades, Nanos from, Nanos to) {
  return static_cast<std::uint64_t>(std::count_if(trades.begin(), trades.end(), [&](const TradePoint& t) {
    return t.planned >= from && t.planned <= to && !t.good && !t.withheld;
  }));
}

}  // namespace

bool one_shot(std::string_view fault) { return fault == "node_kill"; }

void fold_edge(FaultTimes& times, const FaultChanged& edge) {
  switch (edge.edge) {
    case FaultEdge::injecting:
    case FaultEdge::injected:
      if (!times.injecting) times.injecting = edge.at;
      break;
    case FaultEdge::verified:
      if (!times.verified) times.verified = edge.at;
      break;
    case FaultEdge::healed:
      times.healed = edge.at;
      break;
    case FaultEdge::cleared:
      if (!times.cleared) times.cleared = edge.at;
      break;
    case FaultEdge::not_cleared:
      times.cleared.reset();
      break;
    case FaultEdge::failed:
      times.failed = true;
      break;
    case FaultEdge::not_verified:
    case FaultEdge::healing:
      break;
  }
}

Episode judge_episode(const Segment& segment, const FaultTimes& times, const Slo& slo, std::span<const StepPoint> steps,
                      std::span<const TradePoint> trades, Nanos cut) {
  const Nanos inject = times.injecting.value_or(segment.fault_at);
  const Nanos horizon = segment.horizon_at;
  const Nanos gone = times.cleared.value_or(times.healed.value_or(segment.heal_at));
  const Nanos clear = one_shot(segment.fault.fault) ? inject : gone;
  const Course course = course_of(windows_after(steps, inject, horizon, slo.window), slo);

  Episode e;
  e.fault = segment.fault.fault;
  e.on = segment.fault.on;
  e.verified = times.verified.has_value() && !times.failed;
  // What was never made needs no reverting: a stop or a lost record must not look like a fault that stayed.
  e.reverted = times.cleared.has_value() || !times.injecting;
  e.inject_s = seconds_rounded(inject);
  e.clear_s = seconds_rounded(clear);
  // H is the plan's, not the clock's: both sides of a drill must have the same.
  e.horizon_s = seconds_rounded(horizon - segment.fault_at);
  e.steady = was_steady(steps, times.steady_from.value_or(segment.begin), inject, slo);
  e.judged = course.judged;
  e.lost = lost_between(trades, inject, horizon);
  // A stop that comes before a recovery leaves it open whether and when there would have been one.
  if (cut < horizon && !course.recover) e.judged = false;
  if (course.onset) e.onset_s = seconds_rounded(*course.onset);
  if (!course.onset || !e.judged) {
    e.absorbed = e.judged;
    return e;
  }
  if (course.recover) {
    e.recover_s = seconds_rounded(*course.recover);
    e.ttr_s = seconds_rounded(*course.recover - *course.onset);
    e.lag_s = seconds_rounded(*course.recover - std::max(*course.onset, clear));
    return e;
  }
  e.censored = true;
  // Long enough without the fault to blame the target itself: 10 s, or half of a shorter observation; in any case one
  // window to come back in besides those that a recovery takes to be seen.
  const Nanos enough = std::max<Nanos>(std::min<Nanos>(10s, (horizon - segment.heal_at) / 2),
                                       slo.window * (std::max(slo.recover_good, 1) + 1));
  e.metastable = times.cleared.has_value() && horizon - *times.cleared >= enough;
  return e;
}

}  // namespace cardstorm
