// tally: one pass over the history that counts trades and steps, keeps every step's point for the windows, and decides
// which trades were good once all witnesses are known (rule 1).
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/judge/check.hpp"
#include "harness/judge/episodes.hpp"

namespace cardstorm {

/// What the record says about one planned trade.
struct TradeRow {
  Nanos planned{0}, ended{0};
  Nanos left{-1};  // when its first request was sent; < 0: never
  std::uint16_t journey = 0;
  bool seen = false, over = false;  // TradePlanned, TradeEnded came
  TradeOutcome outcome = TradeOutcome::unfinished;
  Cause cause = Cause::none;
  std::int64_t amount_cents = -1;  // of the order that the buyer saw; < 0: none
  bool good = false;               // filled by conclude()
  /// Never sent, or cut off on its way, because of us: not a good trade, but none that the platform lost.
  [[nodiscard]] bool withheld() const {
    if (cause == Cause::interrupted) return outcome == TradeOutcome::not_sent || outcome == TradeOutcome::unfinished;
    return outcome == TradeOutcome::not_sent && cause == Cause::late_generator;
  }
};

class Tally {
 public:
  explicit Tally(const Plan& plan);
  void observe(const Event& event);
  /// Decides each trade and the steps that waited for it. Call once, after the last event.
  void conclude(const Evidence& evidence);

  // What was counted. Trades by id.
  std::vector<TradeRow> trades;
  std::vector<StepPoint> steps;          // sorted by planned time after conclude()
  std::vector<TradePoint> trade_points;  // the same
  std::uint64_t steps_planned = 0, steps_ended = 0,
                strays = 0;  // strays: ended twice, never planned, or beyond the plan
  std::uint64_t resends = 0;
  std::map<Cause, std::uint64_t> step_causes;
  std::shared_ptr<Histogram> latencies = std::make_shared<Histogram>();
  std::vector<PhaseMarked> phases;
  std::map<std::uint32_t, FaultTimes> faults;  // by segment
  std::optional<GeneratorSeen> generator;
  std::optional<Nanos> done;               // the mark of the run's end
  Nanos cut{Nanos::max()};                 // when a stop of the run cut off what was under way; max: it did not
  std::map<std::string, bool> situations;  // name -> occurred
  std::map<std::string, std::vector<Nanos>>
      pays;  // when buyers had asked to pay, by channel; of channels that a fault is on

  /// Phase in which a trade was planned, by the marks; by the plan where there are none.
  [[nodiscard]] Phase phase_at(Nanos t) const;
  /// What the trade was worth: its order, or what it would have ordered. 0 for journeys that buy nothing.
  [[nodiscard]] std::int64_t worth_cents(TradeId trade) const;
  /// The trade whose buyer saw that order.
  [[nodiscard]] std::optional<TradeId> trade_of(const std::string& order) const;

 private:
  /// A refused or skipped step waits until the witnesses have spoken about its trade.
  struct Waiting {
    TradeId trade;
    StepPoint point;
    bool refused;
  };
  struct Taken {
    Nanos at;
    std::uint64_t quantity;
  };

  TradeRow* row_of(TradeId trade);
  void step(const StepEnded& s);
  void note_situations(const Event& event);
  [[nodiscard]] bool confirmed_sold_out(TradeId id, const TradeRow& row, const Evidence& e) const;
  void collect_taken(const Evidence& e);

  const Plan& plan_;
  std::vector<Waiting> waiting_;
  std::map<std::string, OrderSeen> orders_;
  std::map<std::string, std::vector<Taken>> taken_;  // per SKU
};

}  // namespace cardstorm
