// plan_json: plan.json. Members stand in a fixed order, times are whole nanoseconds, so that one plan is one text.
#include <algorithm>
#include <array>
#include <string_view>

#include "harness/core/json_fields.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

template <>
inline constexpr std::array<std::string_view, 7> kTexts<Fact>{"none",  "order",  "pay",   "cards",
                                                              "goods", "refund", "wallet"};
template <>
inline constexpr std::array<std::string_view, 4> kTexts<Extract::From>{"json", "header", "cookie", "regex"};

template <Is<FaultSpec> S, class V>
void fields(S& s, V& v) {
  v("fault", s.fault);
  v("on", s.on);
  v("duration_ns", s.duration);
  v("params", s.params);
}

template <Is<Segment> S, class V>
void fields(S& s, V& v) {
  v("index", s.index);
  v("begin_ns", s.begin);
  v("fault_at_ns", s.fault_at);
  v("heal_at_ns", s.heal_at);
  v("horizon_at_ns", s.horizon_at);
  v("end_ns", s.end);
  v("fault", s.fault);
  v("load", s.load);
}

template <Is<AbortRule> S, class V>
void fields(S& s, V& v) {
  v("metric", s.metric);
  v("relation", s.relation);
  v("bound", s.bound);
  v("window_ns", s.window);
  v("phase", s.phase);
}

template <Is<FrontWall> S, class V>
void fields(S& s, V& v) {
  v("status", s.status);
  v("header", s.header);
  v("header_has", s.header_has);
  v("body_has", s.body_has);
}

template <Is<Traffic> S, class V>
void fields(S& s, V& v) {
  const Traffic usual;
  v("trace", s.trace);
  v("trace_sha256", s.trace_sha256);
  v("base_rate", s.base_rate);
  v("peak_rate", s.peak_rate);
  v("peak_window_ns", s.peak_window);
  v("scale", s.scale);
  v("mode", s.mode, unless(usual.mode));
  v("rate", s.rate, if_any);
  v("rate_to", s.rate_to, if_any);
  v("steps", s.steps, unless(usual.steps));
  v("every_ns", s.every, unless(usual.every));
  v("lasts_ns", s.lasts, unless(usual.lasts));
  v("from_ns", s.from, if_any);
  v("length_ns", s.length, if_any);
  v("routes", s.routes, if_any);
  v("routes_sha256", s.routes_sha256, if_any);
  v("shards", s.shards, unless(usual.shards));
  v("connects_per_second", s.connects_per_second, unless(usual.connects_per_second));
  v("late_max_ns", s.late_max, unless(usual.late_max));
}

template <Is<Extract> S, class V>
void fields(S& s, V& v) {
  v("name", s.name);
  v("pointer", s.pointer);
  v("from", s.from, unless(Extract::From::json));
}

template <Is<Assertion> S, class V>
void fields(S& s, V& v) {
  v("pointer", s.pointer);
  v("relation", s.relation);
  v("value", s.value);
}

template <Is<Expect> S, class V>
void fields(S& s, V& v) {
  v("status", s.status);
  v("pointer", s.pointer);
  v("values", s.values);
  v("body_has", s.body_has, if_any);
  v("all", s.all, if_any);
}

template <Is<Signing> S, class V>
void fields(S& s, V& v) {
  v("kind", s.kind);
  v("key", s.key);
  v("into", s.into);
  v("in_header", s.in_header);
  v("key_file", s.key_file);
}

template <Is<Poll> S, class V>
void fields(S& s, V& v) {
  v("every_ns", s.every);
  v("pointer", s.pointer);
  v("until", s.until);
  v("fail_on", s.fail_on);
  v("regex", s.regex, if_any);
}

template <Is<Pending> S, class V>
void fields(S& s, V& v) {
  v("status", s.status);
  v("every_ns", s.every);
  v("pointer", s.pointer);
  v("values", s.values);
}

template <Is<Step> S, class V>
void fields(S& s, V& v) {
  v("name", s.name);
  v("method", s.method);
  v("path", s.path);
  v("body", s.body);
  v("headers", s.headers);
  v("think_ns", s.think);
  v("timeout_ns", s.timeout);
  v("resend", s.resend);
  v("expect", s.expect);
  v.group("sold_out", [&s](auto& in) {
    in("status", s.sold_out_status);
    in("pointer", s.sold_out_pointer);
    in("value", s.sold_out_value);
  });
  v("poll", s.poll);
  v("extract", s.extract);
  v("fact", s.fact);
  v("order", s.order);
  v("channel", s.channel);
  v("cards_pointer", s.cards_pointer);
  v("amount_pointer", s.amount_pointer);
  v("reference_pointer", s.reference_pointer);
  v("kind", s.kind);
  v("pending", s.pending, if_any);
  v("form", s.form, if_any);
  v("sign", s.sign, if_any);
  v("redirects", s.redirects, if_any);
  v("cookies", s.cookies, unless(true));
  v("cards_regex", s.cards_regex, if_any);
  v("sold_out_has", s.sold_out_has, if_any);
  v("amount_from", s.amount_from, if_any);
  v("amount_yuan", s.amount_yuan, if_any);
}

template <Is<Journey> S, class V>
void fields(S& s, V& v) {
  v("name", s.name);
  v("flow", s.flow);
  v("goods", s.goods);
  v("weight", s.weight);
  v("deadline_ns", s.deadline);
  v("steps", s.steps);
  v("skus", s.skus);
  v("quantity_min", s.quantity_min);
  v("quantity_max", s.quantity_max);
  v("channels", s.channels);
  v("skew", s.skew, unless(1.0));
  v("patience_ns", s.patience, if_any);
  v("refresh", s.refresh, if_any);
  v("resubmit", s.resubmit, if_any);
  v.group(
      "data",
      [&s](auto& in) {
        in("file", s.data_file);
        in("sha256", s.data_sha256);
        in("columns", s.data_columns);
        in("rows", s.data_count);
        in("random", s.data_random);
      },
      only_if(!s.data_file.empty()));
}

template <Is<SkuStock> S, class V>
void fields(S& s, V& v) {
  v("sku", s.sku);
  v("goods", s.goods);
  v("cards", s.cards);
  v("price_cents", s.price_cents);
}

template <Is<Slo> S, class V>
void fields(S& s, V& v) {
  v("window_ns", s.window);
  v("good_share", s.good_share);
  v("step_limit_ns", s.step_limit);
  v("samples_min", s.samples_min);
  v("breach_of", s.breach_of);
  v("breach_bad", s.breach_bad);
  v("recover_good", s.recover_good);
}

template <Is<Expectation> S, class V>
void fields(S& s, V& v) {
  v("metric", s.metric);
  v("relation", s.relation);
  v("bound", s.bound);
}

template <Is<Plan> S, class V>
void fields(S& s, V& v) {
  v.schema("cardstorm.plan/1", "give the plan.json of a run folder");
  v("scenario", s.scenario);
  v("why", s.why);
  v("target", s.target);
  v("version", s.version);
  v("seed", s.seed);
  v("traffic", s.traffic);
  v("segments", s.segments);
  v("load_end_ns", s.load_end);
  v("drain_ns", s.drain);
  v("planned_trades", s.planned_trades);
  v("planned_steps", s.planned_steps);
  v("journeys", s.journeys);
  v("stock", s.stock);
  v("slo", s.slo);
  v("expect", s.expect);
  v("checks", s.checks);
  v("in_flight_max", s.in_flight_max);
  v("connections_max", s.connections_max);
  v("buyers", s.buyers);
  v("abort", s.abort, if_any);
  v("front_walls", s.front_walls, if_any);
}

namespace {

constexpr std::uint64_t kPlannedMax = 1'000'000'000;  // trades or steps; the loader stops far below

/// Where two JSON values first differ, as a pointer, for an error that helps.
std::string first_difference(const Json& a, const Json& b, const std::string& path) {
  if (a == b) return {};
  for (const auto& [key, value] : a.members())
    if (auto found = first_difference(value, b[key], path + "/" + key); !found.empty()) return found;
  for (const auto& [key, value] : b.members())
    if (!a.has(key)) return path + "/" + key;
  for (std::size_t i = 0; i < std::min(a.items().size(), b.items().size()); ++i)
    if (auto found = first_difference(a.items()[i], b.items()[i], path + "/" + std::to_string(i)); !found.empty())
      return found;
  return path.empty() ? "/" : path;
}

}  // namespace

Json json_of_plan(const Plan& plan) { return json_of_fields(plan); }

Result<Plan> plan_of_json(const Json& json) {
  auto plan = read_fields<Plan>(json);
  if (!plan) return plan;
  for (const auto& [name, count] :
       {std::pair{"planned_trades", plan->planned_trades}, std::pair{"planned_steps", plan->planned_steps}})
    if (count > kPlannedMax)  // who reads the record makes room for as many
      return Error{Errc::invalid, std::string("the plan's ") + name + " cannot be " + json[name].text(),
                   "give a plan.json that this version wrote"};
  // What we wrote reads back to the same bytes; anything else was edited or torn, and a judge must not guess.
  const Json again = json_of_plan(*plan);
  if (again.dump() != json.dump())
    return Error{Errc::invalid,
                 "the plan has missing, unknown or mistyped members, first at " + first_difference(again, json, ""),
                 "give a plan.json that this version wrote"};
  return plan;
}

}  // namespace cardstorm
