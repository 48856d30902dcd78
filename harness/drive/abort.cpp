// abort: windows are sums over tenths of a second, so that a minute's window costs no more memory than its tenths.
#include "harness/drive/abort.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "harness/core/relation.hpp"
#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kGraceMax = 900ms;
constexpr auto kBucket = AbortTally::kBucket;

std::int64_t bucket_of(Nanos t) { return t / kBucket - (t < Nanos(0) && t % kBucket != Nanos(0) ? 1 : 0); }

Nanos window_of(const AbortRule& rule) { return std::max(rule.window, Nanos(kBucket)); }

/// The p99 of `counts` in milliseconds.
double p99_ms(const AbortTally::Coarse& counts, std::uint64_t total) {
  const auto rank = static_cast<std::uint64_t>(std::ceil(0.99 * static_cast<double>(total)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    seen += counts[i];
    if (seen >= rank) return seconds(AbortTally::upper(i)) * 1000;
  }
  return seconds(AbortTally::upper(counts.size() - 1)) * 1000;
}

}  // namespace

std::string text_of(const AbortRule& rule) {
  std::string bound = fixed(rule.bound, 4);
  bound.erase(bound.find_last_not_of('0') + 1);
  if (bound.ends_with('.')) bound.pop_back();
  return rule.metric + " " + rule.relation + " " + bound + " over " + duration_text(rule.window) +
         (rule.phase.empty() ? "" : " in phase " + rule.phase);
}

// ---- one shard's tally

void AbortTally::Cell::add(const Cell& other) {
  steps += other.steps;
  good += other.good;
  latencies += other.latencies;
  sent += other.sent;
  for (std::size_t i = 0; i < latency.size(); ++i) {
    latency[i] += other.latency[i];
    lateness[i] += other.lateness[i];
  }
}

std::size_t AbortTally::bin(Nanos duration) {
  // 1/8 octave: three bits behind the leading one.
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(duration / 1us, 0));
  if (us < 8) return static_cast<std::size_t>(us);
  const int shift = static_cast<int>(std::bit_width(us)) - 4;
  return std::min<std::size_t>(static_cast<std::size_t>(shift) * 8 + static_cast<std::size_t>(us >> shift),
                               Coarse{}.size() - 1);
}

Nanos AbortTally::upper(std::size_t bin) {
  if (bin < 16) return std::chrono::microseconds(bin + 1);
  const auto shift = bin / 8 - 1;
  return std::chrono::microseconds((bin % 8 + 9) << shift);
}

AbortTally::Cell& AbortTally::cell(Nanos planned) {
  const std::int64_t bucket = bucket_of(planned);
  for (auto at = cells_.rbegin(); at != cells_.rend(); ++at)  // mostly the latest
    if (at->first == bucket) return at->second;
  return cells_.emplace_back(bucket, Cell{}).second;
}

void AbortTally::step(Nanos planned, bool good, std::optional<Nanos> latency) {
  Cell& at = cell(planned);
  ++at.steps;
  at.good += good ? 1 : 0;
  if (!latency) return;
  ++at.latencies;
  ++at.latency[bin(*latency)];
}

void AbortTally::sent(Nanos due, Nanos lateness) {
  Cell& at = cell(due);
  ++at.sent;
  ++at.lateness[bin(lateness)];
}

// ---- all shards

AbortWatch::AbortWatch(const Plan& plan, std::uint32_t shards, std::function<Phase(Nanos)> phase_at)
    : rules_(plan.abort),
      step_limit_(plan.slo.step_limit),
      grace_(std::min(plan.slo.step_limit, kGraceMax)),
      samples_min_(static_cast<std::uint64_t>(std::max(plan.slo.samples_min, 1))),
      phase_at_(std::move(phase_at)),
      told_(shards, Nanos::min()),
      open_(shards) {}

void AbortWatch::tell(std::uint32_t shard, Nanos now, AbortTally& tally, const std::vector<Nanos>& open) {
  told_[shard] = now;
  open_[shard] = open;
  for (const auto& [bucket, cell] : tally.cells_) {
    if (bucket < first_) continue;  // its windows have been judged, or it lies before the load
    while (first_ + static_cast<std::int64_t>(cells_.size()) <= bucket) cells_.emplace_back();
    cells_[static_cast<std::size_t>(bucket - first_)].add(cell);
  }
  tally.cells_.clear();
}

std::optional<AbortBreach> AbortWatch::decide() {
  const Nanos seen = *std::min_element(told_.begin(), told_.end());
  if (broken_ || rules_.empty() || seen == Nanos::max() || seen < Nanos(0)) return std::nullopt;
  const std::int64_t last = bucket_of(seen - grace_);
  std::int64_t longest = 0;
  for (; decided_ < last; ++decided_) {
    const std::int64_t end = decided_ + 1;
    for (const AbortRule& rule : rules_) {
      const std::int64_t begin = end - window_of(rule) / kBucket;
      longest = std::max(longest, end - begin);
      if (begin < 0 || !in_phase(rule, begin, end)) continue;
      const auto got = value(rule, begin, end, seen);
      if (!got || holds(*got, rule.relation, rule.bound).value_or(true)) continue;  // unknown is no breach
      broken_ = true;
      return AbortBreach{text_of(rule), *got, end * Nanos(kBucket)};
    }
  }
  for (; first_ < decided_ - longest - 1 && !cells_.empty() && longest > 0; ++first_) cells_.pop_front();
  return std::nullopt;
}

bool AbortWatch::in_phase(const AbortRule& rule, std::int64_t from, std::int64_t to) const {
  if (rule.phase.empty() || !phase_at_) return rule.phase.empty();
  for (std::int64_t at = from; at < to; ++at)
    if (to_text(phase_at_(at * Nanos(kBucket))) != rule.phase) return false;
  return to_text(phase_at_(to * Nanos(kBucket) - 1ns)) == rule.phase;
}

std::optional<double> AbortWatch::value(const AbortRule& rule, std::int64_t from, std::int64_t to, Nanos seen) const {
  AbortTally::Cell sum;
  for (std::int64_t at = std::max(from, first_); at < std::min(to, first_ + static_cast<std::int64_t>(cells_.size()));
       ++at)
    sum.add(cells_[static_cast<std::size_t>(at - first_)]);
  for (const auto& shard : open_)
    for (const Nanos planned : shard) {
      if (bucket_of(planned) < from || bucket_of(planned) >= to || seen - planned <= step_limit_) continue;
      ++sum.steps;
      ++sum.latencies;
      ++sum.latency[AbortTally::bin(seen - planned)];  // at least so long
    }
  if (rule.metric == "good_share")
    return sum.steps < samples_min_ ? std::nullopt
                                    : std::optional(static_cast<double>(sum.good) / static_cast<double>(sum.steps));
  if (rule.metric == "p99_ms")
    return sum.latencies < samples_min_ ? std::nullopt : std::optional(p99_ms(sum.latency, sum.latencies));
  if (rule.metric == "lateness_p99_ms")
    return sum.sent < samples_min_ ? std::nullopt : std::optional(p99_ms(sum.lateness, sum.sent));
  return std::nullopt;
}

}  // namespace cardstorm
