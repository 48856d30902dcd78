// plan: a scenario with every choice made. Pure values: one (scenario, target, trace, seed) gives one plan.json,
// byte for byte. Arrival i is computed from it (see arrivals.hpp), never stored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/events.hpp"
#include "harness/core/json.hpp"

namespace cardstorm {

/// Takes a value out of an answer: JSON Pointer into the body, kept under `name` for later ${name}.
struct Extract { std::string name, pointer; };

/// What an answer must look like. A status outside `status` ends the step as failed; 409 and friends that are
/// listed in Step::sold_out_status are a refusal to be confirmed by the witnesses.
struct Expect { std::vector<int> status{200}; std::string pointer; std::vector<std::string> values; };

/// Repeat a request until a value at `pointer` is in `until` (then ok) or in `fail_on`, or the trade's deadline passes.
struct Poll { Nanos every{500ms}; std::string pointer; std::vector<std::string> until, fail_on; };

/// What a step's answer tells the judge. `pointers` below name where; templates name which of our values.
enum class Fact : std::uint8_t { none, order, pay, cards, goods, refund, wallet };

struct Step {
  std::string name, method = "GET", path, body;           // path and body are templates: ${sku}, ${order_no}, ${key}, ...
  std::vector<std::pair<std::string, std::string>> headers;  // values are templates
  Nanos think{0};               // pause after the step before (planned end of the pause when that one was quick)
  Nanos timeout{5s};            // for one request
  bool resend = true;           // a broken step is sent again at most once, after 1-3 s, with the same key
  Expect expect;
  std::vector<int> sold_out_status;      // refusals that the witnesses must confirm, such as 409
  std::string sold_out_pointer;          // and the value that tells them from other 409s ("" = any)
  std::string sold_out_value;
  std::optional<Poll> poll;
  std::vector<Extract> extract;
  Fact fact = Fact::none;
  std::string order;            // template: the order number that the fact belongs to (fact != none, wallet excepted)
  std::string channel;          // template, fact = pay: "alpha", "beta", "wallet"
  std::string cards_pointer;    // fact = cards: array of strings, or of objects with member "secret"
  std::string amount_pointer;   // fact = order, refund, wallet: integer cents
  std::string reference_pointer;  // fact = goods
  std::string kind;             // fact = goods: membership | topup | equipment;  fact = wallet: wallet id template
};

struct Journey {
  std::string name, flow, goods;   // flow: browse|buy|bulk|refund|topup...; goods: class, both only group the report
  double weight = 1;
  Nanos deadline{30s};             // from planned start
  std::vector<Step> steps;
  /// What the buyer asks for: names of SKUs to choose from (weighted, first = hottest) and quantity range.
  std::vector<std::string> skus;
  std::uint32_t quantity_min = 1, quantity_max = 1;
  std::vector<std::string> channels;  // chosen per trade, uniformly
};

struct FaultSpec {
  std::string fault, on;     // kind and node/channel name
  Nanos duration{15s};       // from verified to heal; a kill is one-shot
  Json params = Json::object();
  bool operator==(const FaultSpec&) const = default;
};

/// One fault and its time: steady, fault, observe up to the horizon, then a load-free gap. Offsets from load start.
/// A quiet segment has no fault (fault.fault is empty) and is steady to its end: fault_at = heal_at = horizon_at.
struct Segment {
  std::uint32_t index; Nanos begin, fault_at, heal_at, horizon_at, end; FaultSpec fault;
  double load = 1;               // times base_rate and peak_rate, for scenarios that climb in steps
};

struct Slo {                 // for windows; see judge/episodes.hpp
  Nanos window{1s};
  double good_share = 0.95;  // of planned steps in the window that are good
  Nanos step_limit{1s};      // a step slower than this (plan to end) is not good; polls are exempt
  int samples_min = 20;
  int breach_of = 3, breach_bad = 2;  // breach: 2 of 3 windows bad
  int recover_good = 5;               // recovered: so many good windows in a row; time is the start of the first
};

struct Expectation { std::string metric, relation; double bound; };  // "success_rate" ">=" 0.995

struct Traffic {
  std::string trace;               // path as written
  std::string trace_sha256;
  double base_rate = 5;            // trades/s, evenly spaced with seeded jitter
  double peak_rate = 16;           // the stated peak P, trades per second in the peak window
  Nanos peak_window{1s};
  double scale = 1.5;
};

struct SkuStock { std::string sku, goods; std::uint32_t cards; std::int64_t price_cents; };  // what is minted or stocked

struct Plan {
  std::string scenario, why, target, version;   // version: of cardstorm
  std::uint64_t seed = 1;
  Traffic traffic;
  std::vector<Segment> segments;
  Nanos load_end{0}, drain{20s};
  std::uint64_t planned_trades = 0, planned_steps = 0;
  std::vector<Journey> journeys;   // index = TradePlanned::journey
  std::vector<SkuStock> stock;
  Slo slo;
  std::vector<Expectation> expect;
  std::vector<std::string> checks;   // which checks to judge; empty = all registered
  std::uint32_t in_flight_max = 4000, connections_max = 1000;
  std::uint32_t buyers = 2000;     // how many buyer identities are used in turn
};

/// plan.json. Round trip: plan_of_json(json_of_plan(p)) == p in all bytes of the dump.
Json json_of_plan(const Plan& plan);
Result<Plan> plan_of_json(const Json& json);

}  // namespace cardstorm
