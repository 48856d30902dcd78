// events: the facts of a run, as values. Whoever saw a fact writes it down when it happens; nobody judges
// here. All times are offsets from load start; a trade is a buyer's journey, a step one of its requests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "harness/core/clock.hpp"

namespace cardstorm {

using TradeId = std::uint64_t;  // index of the arrival in the plan, from 0

/// What is known about an effect. A timeout is unknown, not failure.
enum class Outcome : std::uint8_t { ok, failed, unknown };

/// How a planned trade ended: a closed set that sums to `planned`.
enum class TradeOutcome : std::uint8_t { ok, failed, unknown, not_sent, unfinished };

/// Why a step or trade did not go well. Closed set; names in to_text(Cause).
enum class Cause : std::uint8_t {
  none,
  sold_out,  // refused as sold out: good if the witnesses confirm it
  refused,   // connection refused, or no byte was sent: definitely no effect
  reset,     // connection broke after the first byte
  timeout,   // no full answer in the step's time
  http_4xx,  // documented refusal
  http_429,  // shed before processing
  http_5xx,
  bad_body,        // not what the journey expects: no JSON, missing value, wrong value
  deadline,        // the trade's deadline passed (poll never saw its end state, `pending` no answer)
  earlier_step,    // an earlier step of the trade broke, this one was never sent
  in_flight_cap,   // the target held all permitted in-flight requests: counts against the target
  late_generator,  // our own lateness: makes the generator untrusted
  interrupted,     // the run was stopped
  address,         // redirect or DNS left the allow-list
  dns,             // the name does not resolve
  tls,             // no secure connection: certificate, protocol
  redirect,        // a loop, or more redirects than the step allows
  too_large,       // body or headers beyond our bound
  front_wall,      // a wall in front of the platform answered (403, captcha, 429 of a WAF), not the platform
};

enum class Phase : std::uint8_t { warmup, steady, fault, observe, gap, drain, done };

/// A fault's life. `verified`: a probe at the injection point saw the effect. `cleared`: a probe saw normal.
enum class FaultEdge : std::uint8_t {
  injecting,
  injected,
  verified,
  not_verified,
  healing,
  healed,
  cleared,
  not_cleared,
  failed
};

struct PhaseMarked {
  Nanos at;
  Phase phase;
  std::uint32_t segment;
};
struct TradePlanned {
  TradeId trade;
  Nanos planned;
  std::uint16_t journey;
  std::uint16_t steps;
};
struct StepEnded {
  TradeId trade;
  std::uint16_t step;
  Nanos planned, sent, done;  // sent = done = planned when never sent
  Outcome outcome;
  Cause cause;
  std::uint16_t status;    // HTTP status of the last answer, 0 when none
  std::uint16_t requests;  // all requests of this step: 1, plus polls and questions again, plus resends
  std::uint16_t resends;
};
struct TradeEnded {
  TradeId trade;
  Nanos at;
  TradeOutcome outcome;
  Cause cause;
};

/// The buyer learned the order's number (from the create answer).
struct OrderSeen {
  TradeId trade;
  Nanos at;
  std::string order, sku;
  std::uint32_t quantity;
  std::int64_t amount_cents;
};
/// The buyer asked to pay; `channel` "wallet" is the platform's own wallet. Outcome as the buyer saw it.
struct PaySeen {
  TradeId trade;
  Nanos at;
  std::string order, channel;
  Outcome outcome;
};
/// A card secret was disclosed to the buyer. Never its text: sku and index from the mint, or for a text that is
/// not ours genuine = false and a digest.
struct CardSeen {
  TradeId trade;
  Nanos at;
  std::string order;
  bool genuine;
  std::uint32_t sku, index;
  std::string digest;
};
/// Anything else was received: kind "membership", "topup", "equipment"; reference as the platform gave it, hashed.
struct GoodsSeen {
  TradeId trade;
  Nanos at;
  std::string order, kind, reference;
};
/// The buyer saw the final state of a refund.
struct RefundSeen {
  TradeId trade;
  Nanos at;
  std::string order;
  std::int64_t amount_cents;
  Outcome outcome;
};
/// A wallet balance was read: asked at `asked`, answered at `at`.
struct WalletSeen {
  TradeId trade;
  Nanos asked, at;
  std::string wallet;
  std::int64_t balance_cents;
};

struct FaultChanged {
  Nanos at;
  std::uint32_t segment;
  std::string fault, on;
  FaultEdge edge;
  std::string note;
};
struct NodeChanged {
  Nanos at;
  std::string node;
  bool up;
  std::int64_t pid;
  std::string note;
};
/// The target was restarted by the harness in a gap, because it had not recovered.
struct TargetRestarted {
  Nanos at;
  std::uint32_t segment;
  std::string reason;
};
struct Sampled {
  Nanos at;
  std::string name;
  double value;
};
/// Written once at the end by the driver: how good the generator itself was.
struct GeneratorSeen {
  Nanos at;
  Nanos lateness_p50, lateness_p99;
  double cpu_seconds;
  double cpu_share_max, steal_share_max;
  std::string scheduling;  // "rr", "nice-10", "plain"
};

using Event = std::variant<PhaseMarked, TradePlanned, StepEnded, TradeEnded, OrderSeen, PaySeen, CardSeen, GoodsSeen,
                           RefundSeen, WalletSeen, FaultChanged, NodeChanged, TargetRestarted, Sampled, GeneratorSeen>;

std::string_view to_text(Outcome v);
std::string_view to_text(TradeOutcome v);
std::string_view to_text(Cause v);
std::string_view to_text(Phase v);
std::string_view to_text(FaultEdge v);
/// The event's name in exports: "step_ended" and so on.
std::string_view name_of(const Event& e);
/// The time by which events are merged.
Nanos time_of(const Event& e);

/// Where events go. Implementations state their thread rule.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void write(const Event& e) = 0;
  /// Hands what is buffered to the system, so that a crash of ours does not lose it. Most sinks buffer nothing.
  virtual void flush() {}
};

}  // namespace cardstorm
