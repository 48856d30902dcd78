// abort: the plan's stop conditions over sliding windows, judged while the run goes on. Pure: times come from outside.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/events.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

/// A rule that the run broke: over the window that ended at `at` the metric was `value`.
struct AbortBreach {
  std::string rule;
  double value;
  Nanos at;
};

/// The rule in words: "good_share >= 0.95 over 10s in phase steady".
std::string text_of(const AbortRule& rule);

/// What one sending thread saw since it last told, in tenths of a second of planned time.
class AbortTally {
 public:
  static constexpr Nanos kBucket = 100ms;
  /// Durations, coarsely: steps of 1/8 octave from a microsecond on.
  using Coarse = std::array<std::uint32_t, 256>;
  struct Cell {
    std::uint32_t steps = 0, good = 0, latencies = 0, sent = 0;
    Coarse latency{}, lateness{};
    void add(const Cell& other);
  };

  /// A step has ended, or will never be sent. `latency`: nullopt when it is none (a poll, a step that was not sent).
  void step(Nanos planned, bool good, std::optional<Nanos> latency);
  /// A request was due at `due` and left so much later.
  void sent(Nanos due, Nanos lateness);

  static std::size_t bin(Nanos duration);
  static Nanos upper(std::size_t bin);

 private:
  friend class AbortWatch;
  Cell& cell(Nanos planned);
  std::deque<std::pair<std::int64_t, Cell>> cells_;  // by bucket, in no order; few
};

/// Decides over all shards. A window [t - rule.window, t) that lies in the rule's phase as a whole is judged once, when
/// every shard has told what it saw up to t and a grace (for answers on their way: the step limit, at most 0.9 s) has
/// passed: within 1.2 s of its end when shards tell ten times a second. A step that is open beyond the step limit
/// counts as not good, a younger one not at all yet. A window with too few samples decides nothing.
class AbortWatch {
 public:
  AbortWatch(const Plan& plan, std::uint32_t shards, std::function<Phase(Nanos)> phase_at);

  /// Shard `shard` has seen `tally` up to `now` (it is emptied), and these planned times of steps that wait for an
  /// answer.
  void tell(std::uint32_t shard, Nanos now, AbortTally& tally, const std::vector<Nanos>& open);
  /// The shard has ended; the others decide without it.
  void leave(std::uint32_t shard) { told_[shard] = Nanos::max(); }
  /// The first rule that is broken by now, at most once.
  std::optional<AbortBreach> decide();

  [[nodiscard]] bool wanted() const { return !rules_.empty(); }

 private:
  [[nodiscard]] bool in_phase(const AbortRule& rule, std::int64_t from, std::int64_t to) const;
  [[nodiscard]] std::optional<double> value(const AbortRule& rule, std::int64_t from, std::int64_t to,
                                            Nanos seen) const;

  std::vector<AbortRule> rules_;
  Nanos step_limit_, grace_;
  std::uint64_t samples_min_;
  std::function<Phase(Nanos)> phase_at_;
  std::vector<Nanos> told_;               // by shard: up to when
  std::vector<std::vector<Nanos>> open_;  // by shard
  std::int64_t first_ = 0;                // bucket of cells_.front()
  std::deque<AbortTally::Cell> cells_;
  std::int64_t decided_ = 0;  // windows that end up to this bucket have been judged
  bool broken_ = false;
};

}  // namespace cardstorm
