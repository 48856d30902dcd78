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

/// Takes a value out of an answer and keeps it under `name` for later ${name}. `pointer` is, by `from`: a JSON Pointer
/// into the body; the name of a header or cookie; or a regular expression (see Pattern) over the body whose first group
/// is the value.
struct Extract {
  enum class From : std::uint8_t { json, header, cookie, regex };
  std::string name, pointer;
  From from = From::json;
};

/// A business assertion: what stands at `pointer` (JSON Pointer) must hold against `value` (a template).
/// relation: == != < <= > >= (numbers when both are), matches (a Pattern), exists.
struct Assertion {
  std::string pointer, relation, value;
};

/// How the front wall before the platform gives itself away, so that its answers are not taken for the platform's.
/// An answer matches when its status is listed and (if given) the header is there with that text, or the body holds the
/// text.
struct FrontWall {
  std::vector<int> status;
  std::string header, header_has, body_has;
};

/// Signs the form or JSON fields of a request, as shops' APIs want it; the result goes into field or header `into`.
/// kind: md5_sorted (EasyPay: sorted non-empty k=v joined by & + key), md5_sorted_key (SharedStock: + "&key=" + key),
/// hmac_sha256 (hex, over METHOD\nPATH\nTIMESTAMP\nmd5hex(body); header Timestamp is added). The key is a template over
/// a data file's columns, or the text of `key_file`, which is read when the run begins: no key stands in a plan.
struct Signing {
  std::string kind, key, into;
  bool in_header = false;
  std::string key_file = {};
};

/// What an answer must look like. A status outside `status` ends the step as failed; 409 and friends that are
/// listed in Step::sold_out_status are a refusal to be confirmed by the witnesses.
/// `body_has`: text that a page without JSON must hold. `all`: further assertions, each must hold.
struct Expect {
  std::vector<int> status{200};
  std::string pointer;
  std::vector<std::string> values;
  std::string body_has = {};
  std::vector<Assertion> all = {};
};

/// Repeat a request until a value at `pointer` is in `until` (then ok) or in `fail_on`, or the trade's deadline passes.
/// `regex` instead of `pointer`: the first group over a page without JSON.
struct Poll {
  Nanos every{500ms};
  std::string pointer;
  std::vector<std::string> until, fail_on;
  std::string regex = {};
};

/// An acceptance whose outcome is not known yet (HTTP 202, 排队中). An answer with one of `status`, and with one of
/// `values` at `pointer` (JSON Pointer; "" = the status alone says it), ends nothing: the same request is sent again
/// `every` later, until another answer comes or the trade's deadline passes. Unlike a poll, only these answers repeat;
/// every other one is read as without it.
struct Pending {
  std::vector<int> status;
  Nanos every{500ms};
  std::string pointer = {};
  std::vector<std::string> values = {};
};

/// What a step's answer tells the judge. `pointers` below name where; templates name which of our values.
enum class Fact : std::uint8_t { none, order, pay, cards, goods, refund, wallet };

struct Step {
  std::string name, method = "GET", path, body;  // path and body are templates: ${sku}, ${order_no}, ${key}, ...
  std::vector<std::pair<std::string, std::string>> headers;  // values are templates
  Nanos think{0};      // pause after the step before (planned end of the pause when that one was quick)
  Nanos timeout{5s};   // for one request
  bool resend = true;  // a broken step is sent again at most once, after 1-3 s, with the same key
  Expect expect;
  std::vector<int> sold_out_status;  // refusals that the witnesses must confirm, such as 409
  std::string sold_out_pointer;      // and the value that tells them from other 409s ("" = any)
  std::string sold_out_value;
  std::optional<Poll> poll;
  std::optional<Pending> pending;  // never beside `poll`
  std::vector<Extract> extract;
  Fact fact = Fact::none;
  std::string order;              // template: the order number that the fact belongs to (fact != none, wallet excepted)
  std::string channel;            // template, fact = pay: "alpha", "beta", "wallet"
  std::string cards_pointer;      // fact = cards: array of strings, or of objects with member "secret"
  std::string amount_pointer;     // fact = order, refund, wallet: integer cents
  std::string reference_pointer;  // fact = goods
  std::string kind;               // fact = goods: membership | topup | equipment;  fact = wallet: wallet id template
  std::vector<std::pair<std::string, std::string>>
      form;  // fields of an urlencoded body (templates); then `body` is empty
  std::optional<Signing> sign;
  std::uint32_t redirects = 0;  // how many redirects are followed, inside the allow-list
  bool cookies = true;          // cookies set by the platform are kept for the trade and sent back
  std::string cards_regex;      // fact = cards of a page without JSON: every first group is a card text
  std::string sold_out_has;     // or: the text that tells a sold out page
  std::string amount_from;      // template, instead of amount_pointer
  bool amount_yuan = false;     // amounts are decimal yuan ("12.50"), not cents
};

struct Journey {
  std::string name, flow, goods;  // flow: browse|buy|bulk|refund|topup...; goods: class, both only group the report
  double weight = 1;
  Nanos deadline{30s};  // from planned start
  std::vector<Step> steps;
  /// What the buyer asks for: names of SKUs to choose from (weighted, first = hottest) and quantity range.
  std::vector<std::string> skus;
  std::uint32_t quantity_min = 1, quantity_max = 1;
  std::vector<std::string> channels;  // chosen per trade, uniformly
  double skew = 1;  // Zipf exponent over `skus`: 0 is even, 1 the k-th is asked for 1/k as often as the first
  /// A buyer who has waited so long for one answer to a GET presses again, up to `refresh` times, each one `patience`
  /// after the last; with refresh = 0 he leaves. patience = 0: he waits for the step's timeout.
  Nanos patience{0};
  std::uint32_t refresh = 0;
  double resubmit = 0;  // share of buyers who press an effectful button twice at the same time (same key)
  /// Rows of a data file: column names and rows, one per trade in turn (or drawn by the seed); ${data.column}. The rows
  /// are not in plan.json, since they may hold passwords: their number and digest are.
  std::vector<std::string> data_columns;
  std::vector<std::vector<std::string>> data_rows;
  std::string data_file, data_sha256;  // the file as written, for people
  std::uint32_t data_count = 0;
  bool data_random = false;
};

struct FaultSpec {
  std::string fault, on;  // kind and node/channel name
  Nanos duration{15s};    // from verified to heal; a kill is one-shot
  Json params = Json::object();
  bool operator==(const FaultSpec&) const = default;
};

/// One fault and its time: steady, fault, observe up to the horizon, then a load-free gap. Offsets from load start.
/// A quiet segment has no fault (fault.fault is empty) and is steady to its end: fault_at = heal_at = horizon_at.
struct Segment {
  std::uint32_t index;
  Nanos begin, fault_at, heal_at, horizon_at, end;
  FaultSpec fault;
  double load = 1;  // times base_rate and peak_rate, for scenarios that climb in steps
};

struct Slo {  // for windows; see judge/episodes.hpp
  Nanos window{1s};
  double good_share = 0.95;  // of planned steps in the window that are good
  Nanos step_limit{1s};      // a step slower than this (plan to end) is not good; polls are exempt
  int samples_min = 20;
  int breach_of = 3, breach_bad = 2;  // breach: 2 of 3 windows bad
  int recover_good = 5;               // recovered: so many good windows in a row; time is the start of the first
};

// "success_rate" ">=" 0.995
struct Expectation {
  std::string metric, relation;
  double bound;
};

/// The run ends early when `metric` (good_share of planned steps, p99_ms, lateness_p99_ms) misses its bound over a
/// whole sliding window while `phase` lasts ("" = any). Decided within 1.2 s of the breach.
struct AbortRule {
  std::string metric, relation;
  double bound;
  Nanos window{10s};
  std::string phase;
};

struct Traffic {
  std::string trace;  // path as written
  std::string trace_sha256;
  double base_rate = 5;   // trades/s, evenly spaced with seeded jitter
  double peak_rate = 16;  // the stated peak P, trades per second in the peak window
  Nanos peak_window{1s};
  double scale = 1.5;
  /// What makes the arrivals. shaped: base load plus slices of the recording, fitted to scale x peak_rate (needed for
  /// faults). compress | clone | resample: the recording itself, scale times, each with its own lie
  /// (decision 0015). constant | ramp | step | poisson | spike | promotion: no recording.
  std::string mode = "shaped";
  double rate = 0,
         rate_to = 0;  // constant, poisson: rate; ramp, step: rate -> rate_to; spike, promotion: rate, peak rate_to
  std::uint32_t steps = 5;      // step: how many levels
  Nanos every{60s}, lasts{5s};  // spike, promotion: period and length of a burst
  Nanos from{0}, length{0};     // of the recording, relative to its first arrival; 0 = all
  std::string routes = {};      // routes file: log routes -> journeys; "" = arrivals only, the mix decides
  std::string routes_sha256 = {};
  std::uint32_t shards = 1;           // sending threads; the plan is the same for any number
  double connects_per_second = 2000;  // at most, over all shards
  Nanos late_max{250ms};              // later than this is not sent
};

// what is minted or stocked
struct SkuStock {
  std::string sku, goods;
  std::uint32_t cards;
  std::int64_t price_cents;
};

struct Plan {
  std::string scenario, why, target, version;  // version: of cardstorm
  std::uint64_t seed = 1;
  Traffic traffic;
  std::vector<Segment> segments;
  Nanos load_end{0}, drain{20s};
  std::uint64_t planned_trades = 0, planned_steps = 0;
  std::vector<Journey> journeys;  // index = TradePlanned::journey
  std::vector<SkuStock> stock;
  Slo slo;
  std::vector<Expectation> expect;
  std::vector<std::string> checks;  // which checks to judge; empty = all registered
  std::uint32_t in_flight_max = 4000, connections_max = 1000;
  std::uint32_t buyers = 2000;  // how many buyer identities are used in turn
  std::vector<AbortRule> abort;
  std::vector<FrontWall> front_walls;
};

/// plan.json. Round trip: plan_of_json(json_of_plan(p)) == p in all bytes of the dump.
Json json_of_plan(const Plan& plan);
Result<Plan> plan_of_json(const Json& json);

}  // namespace cardstorm
