// plan_json: plan.json. Members stand in a fixed order, times are whole nanoseconds, so that one plan is one text.
#include <array>
#include <string_view>

#include "harness/plan/plan.hpp"

namespace cardstorm {
namespace {

constexpr std::int64_t kPlannedMax = 1'000'000'000;  // trades or steps; the loader stops far below
constexpr std::array<std::string_view, 7> kFactNames{"none", "order", "pay", "cards", "goods", "refund", "wallet"};
constexpr std::array<std::string_view, 4> kFrom{"json", "header", "cookie", "regex"};
constexpr std::string_view kSchema = "cardstorm.plan/1";

Json ns(Nanos t) { return t.count(); }

Json list_of(const std::vector<std::string>& texts) {
  Json out = Json::array();
  for (const std::string& text : texts) out.push(text);
  return out;
}
Json list_of(const std::vector<int>& numbers) {
  Json out = Json::array();
  for (const int number : numbers) out.push(number);
  return out;
}
template <class T, class F>
Json list_of(const std::vector<T>& values, F&& one) {
  Json out = Json::array();
  for (const T& value : values) out.push(one(value));
  return out;
}

Json json_of_fault(const FaultSpec& f) {
  return Json::object({{"fault", f.fault}, {"on", f.on}, {"duration_ns", ns(f.duration)}, {"params", f.params}});
}

Json json_of_segment(const Segment& s) {
  return Json::object({{"index", s.index},
                       {"begin_ns", ns(s.begin)},
                       {"fault_at_ns", ns(s.fault_at)},
                       {"heal_at_ns", ns(s.heal_at)},
                       {"horizon_at_ns", ns(s.horizon_at)},
                       {"end_ns", ns(s.end)},
                       {"fault", json_of_fault(s.fault)},
                       {"load", s.load}});
}

Json json_of_abort(const AbortRule& a) {
  return Json::object({{"metric", a.metric},
                       {"relation", a.relation},
                       {"bound", a.bound},
                       {"window_ns", ns(a.window)},
                       {"phase", a.phase}});
}

Json json_of_wall(const FrontWall& w) {
  return Json::object(
      {{"status", list_of(w.status)}, {"header", w.header}, {"header_has", w.header_has}, {"body_has", w.body_has}});
}

/// Appends a member that most plans do not have: one that says what is usual is left out.
template <class T>
void set_unless(Json& out, const char* key, const T& value, const T& usual = {}) {
  if (value != usual) out.push_member(key, value);
}

Json json_of_traffic(const Traffic& t) {
  Json out = Json::object({{"trace", t.trace},
                           {"trace_sha256", t.trace_sha256},
                           {"base_rate", t.base_rate},
                           {"peak_rate", t.peak_rate},
                           {"peak_window_ns", ns(t.peak_window)},
                           {"scale", t.scale}});
  const Traffic usual;
  set_unless(out, "mode", t.mode, usual.mode);
  set_unless(out, "rate", t.rate, usual.rate);
  set_unless(out, "rate_to", t.rate_to, usual.rate_to);
  set_unless(out, "steps", t.steps, usual.steps);
  set_unless(out, "every_ns", t.every.count(), usual.every.count());
  set_unless(out, "lasts_ns", t.lasts.count(), usual.lasts.count());
  set_unless(out, "from_ns", t.from.count());
  set_unless(out, "length_ns", t.length.count());
  set_unless(out, "routes", t.routes);
  set_unless(out, "routes_sha256", t.routes_sha256);
  set_unless(out, "shards", t.shards, usual.shards);
  set_unless(out, "connects_per_second", t.connects_per_second, usual.connects_per_second);
  set_unless(out, "late_max_ns", t.late_max.count(), usual.late_max.count());
  return out;
}

Json json_of_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  return list_of(pairs, [](const auto& h) { return Json(Json::Array{h.first, h.second}); });
}

Json json_of_extract(const Extract& e) {
  Json out = Json::object({{"name", e.name}, {"pointer", e.pointer}});
  if (e.from != Extract::From::json) out.push_member("from", kFrom[static_cast<std::size_t>(e.from)]);
  return out;
}

Json json_of_expect(const Expect& e) {
  Json out = Json::object({{"status", list_of(e.status)}, {"pointer", e.pointer}, {"values", list_of(e.values)}});
  set_unless(out, "body_has", e.body_has);
  if (!e.all.empty())
    out.push_member("all", list_of(e.all, [](const Assertion& a) {
                      return Json::object({{"pointer", a.pointer}, {"relation", a.relation}, {"value", a.value}});
                    }));
  return out;
}

Json json_of_signing(const Signing& s) {
  return Json::object(
      {{"kind", s.kind}, {"key", s.key}, {"into", s.into}, {"in_header", s.in_header}, {"key_file", s.key_file}});
}

Json json_of_step(const Step& s) {
  Json poll;
  if (s.poll) {
    poll = Json::object({{"every_ns", ns(s.poll->every)},
                         {"pointer", s.poll->pointer},
                         {"until", list_of(s.poll->until)},
                         {"fail_on", list_of(s.poll->fail_on)}});
    set_unless(poll, "regex", s.poll->regex);
  }
  Json out = Json::object({{"name", s.name},
                           {"method", s.method},
                           {"path", s.path},
                           {"body", s.body},
                           {"headers", json_of_pairs(s.headers)},
                           {"think_ns", ns(s.think)},
                           {"timeout_ns", ns(s.timeout)},
                           {"resend", s.resend},
                           {"expect", json_of_expect(s.expect)},
                           {"sold_out", Json::object({{"status", list_of(s.sold_out_status)},
                                                      {"pointer", s.sold_out_pointer},
                                                      {"value", s.sold_out_value}})},
                           {"poll", poll},
                           {"extract", list_of(s.extract, json_of_extract)},
                           {"fact", kFactNames[static_cast<std::size_t>(s.fact)]},
                           {"order", s.order},
                           {"channel", s.channel},
                           {"cards_pointer", s.cards_pointer},
                           {"amount_pointer", s.amount_pointer},
                           {"reference_pointer", s.reference_pointer},
                           {"kind", s.kind}});
  if (s.pending)
    out.push_member("pending", Json::object({{"status", list_of(s.pending->status)},
                                             {"every_ns", ns(s.pending->every)},
                                             {"pointer", s.pending->pointer},
                                             {"values", list_of(s.pending->values)}}));
  if (!s.form.empty()) out.push_member("form", json_of_pairs(s.form));
  if (s.sign) out.push_member("sign", json_of_signing(*s.sign));
  set_unless(out, "redirects", s.redirects);
  set_unless(out, "cookies", s.cookies, true);
  set_unless(out, "cards_regex", s.cards_regex);
  set_unless(out, "sold_out_has", s.sold_out_has);
  set_unless(out, "amount_from", s.amount_from);
  set_unless(out, "amount_yuan", s.amount_yuan);
  return out;
}

Json json_of_journey(const Journey& j) {
  Json out = Json::object({{"name", j.name},
                           {"flow", j.flow},
                           {"goods", j.goods},
                           {"weight", j.weight},
                           {"deadline_ns", ns(j.deadline)},
                           {"steps", list_of(j.steps, json_of_step)},
                           {"skus", list_of(j.skus)},
                           {"quantity_min", j.quantity_min},
                           {"quantity_max", j.quantity_max},
                           {"channels", list_of(j.channels)}});
  set_unless(out, "skew", j.skew, 1.0);
  set_unless(out, "patience_ns", j.patience.count());
  set_unless(out, "refresh", j.refresh);
  set_unless(out, "resubmit", j.resubmit);
  if (!j.data_file.empty())
    out.push_member("data", Json::object({{"file", j.data_file},
                                          {"sha256", j.data_sha256},
                                          {"columns", list_of(j.data_columns)},
                                          {"rows", j.data_count},
                                          {"random", j.data_random}}));
  return out;
}

// ---- and back. A missing or mistyped member is found by comparing the dumps at the end of plan_of_json.

Nanos time_in(const Json& j, std::string_view key) { return Nanos(j[key].integer()); }
std::uint32_t count_in(const Json& j, std::string_view key) { return static_cast<std::uint32_t>(j[key].integer()); }

std::vector<std::string> texts_in(const Json& j) {
  std::vector<std::string> out;
  for (const Json& item : j.items()) out.push_back(item.string());
  return out;
}
std::vector<int> numbers_in(const Json& j) {
  std::vector<int> out;
  for (const Json& item : j.items()) out.push_back(static_cast<int>(item.integer()));
  return out;
}

FaultSpec fault_in(const Json& j) {
  FaultSpec f;
  f.fault = j["fault"].string();
  f.on = j["on"].string();
  f.duration = time_in(j, "duration_ns");
  f.params = j["params"];
  return f;
}

Segment segment_in(const Json& j) {
  return {count_in(j, "index"),        time_in(j, "begin_ns"), time_in(j, "fault_at_ns"), time_in(j, "heal_at_ns"),
          time_in(j, "horizon_at_ns"), time_in(j, "end_ns"),   fault_in(j["fault"]),      j["load"].number(1)};
}

std::vector<std::pair<std::string, std::string>> pairs_in(const Json& j) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Json& h : j.items())
    if (h.items().size() == 2) out.emplace_back(h.items()[0].string(), h.items()[1].string());
  return out;
}

Extract extract_in(const Json& j) {
  Extract e{j["name"].string(), j["pointer"].string()};
  for (std::size_t i = 0; i < kFrom.size(); ++i)
    if (kFrom[i] == j["from"].string()) e.from = static_cast<Extract::From>(i);
  return e;
}

Step step_in(const Json& j) {
  Step s;
  s.name = j["name"].string();
  s.method = j["method"].string();
  s.path = j["path"].string();
  s.body = j["body"].string();
  s.headers = pairs_in(j["headers"]);
  s.think = time_in(j, "think_ns");
  s.timeout = time_in(j, "timeout_ns");
  s.resend = j["resend"].boolean();
  const Json& expect = j["expect"];
  s.expect.status = numbers_in(expect["status"]);
  s.expect.pointer = expect["pointer"].string();
  s.expect.values = texts_in(expect["values"]);
  s.expect.body_has = expect["body_has"].string();
  for (const Json& a : expect["all"].items())
    s.expect.all.push_back({a["pointer"].string(), a["relation"].string(), a["value"].string()});
  const Json& sold_out = j["sold_out"];
  s.sold_out_status = numbers_in(sold_out["status"]);
  s.sold_out_pointer = sold_out["pointer"].string();
  s.sold_out_value = sold_out["value"].string();
  if (const Json& poll = j["poll"]; poll.is_object())
    s.poll = Poll{time_in(poll, "every_ns"), poll["pointer"].string(), texts_in(poll["until"]),
                  texts_in(poll["fail_on"]), poll["regex"].string()};
  if (const Json& pending = j["pending"]; pending.is_object())
    s.pending = Pending{numbers_in(pending["status"]), time_in(pending, "every_ns"), pending["pointer"].string(),
                        texts_in(pending["values"])};
  for (const Json& e : j["extract"].items()) s.extract.push_back(extract_in(e));
  for (std::size_t i = 0; i < kFactNames.size(); ++i)
    if (kFactNames[i] == j["fact"].string()) s.fact = static_cast<Fact>(i);
  s.order = j["order"].string();
  s.channel = j["channel"].string();
  s.cards_pointer = j["cards_pointer"].string();
  s.amount_pointer = j["amount_pointer"].string();
  s.reference_pointer = j["reference_pointer"].string();
  s.kind = j["kind"].string();
  s.form = pairs_in(j["form"]);
  if (const Json& sign = j["sign"]; sign.is_object())
    s.sign = Signing{sign["kind"].string(), sign["key"].string(), sign["into"].string(), sign["in_header"].boolean(),
                     sign["key_file"].string()};
  s.redirects = count_in(j, "redirects");
  s.cookies = j["cookies"].boolean(true);
  s.cards_regex = j["cards_regex"].string();
  s.sold_out_has = j["sold_out_has"].string();
  s.amount_from = j["amount_from"].string();
  s.amount_yuan = j["amount_yuan"].boolean();
  return s;
}

Journey journey_in(const Json& j) {
  Journey out;
  out.name = j["name"].string();
  out.flow = j["flow"].string();
  out.goods = j["goods"].string();
  out.weight = j["weight"].number();
  out.deadline = time_in(j, "deadline_ns");
  for (const Json& s : j["steps"].items()) out.steps.push_back(step_in(s));
  out.skus = texts_in(j["skus"]);
  out.quantity_min = count_in(j, "quantity_min");
  out.quantity_max = count_in(j, "quantity_max");
  out.channels = texts_in(j["channels"]);
  out.skew = j["skew"].number(1);
  out.patience = time_in(j, "patience_ns");
  out.refresh = count_in(j, "refresh");
  out.resubmit = j["resubmit"].number();
  if (const Json& data = j["data"]; data.is_object()) {
    out.data_file = data["file"].string();
    out.data_sha256 = data["sha256"].string();
    out.data_columns = texts_in(data["columns"]);
    out.data_count = count_in(data, "rows");
    out.data_random = data["random"].boolean();
  }
  return out;
}

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

Json json_of_plan(const Plan& p) {
  Json out = Json::object(
      {{"schema", kSchema},
       {"scenario", p.scenario},
       {"why", p.why},
       {"target", p.target},
       {"version", p.version},
       {"seed", p.seed},
       {"traffic", json_of_traffic(p.traffic)},
       {"segments", list_of(p.segments, json_of_segment)},
       {"load_end_ns", ns(p.load_end)},
       {"drain_ns", ns(p.drain)},
       {"planned_trades", p.planned_trades},
       {"planned_steps", p.planned_steps},
       {"journeys", list_of(p.journeys, json_of_journey)},
       {"stock",
        list_of(p.stock,
                [](const SkuStock& s) {
                  return Json::object(
                      {{"sku", s.sku}, {"goods", s.goods}, {"cards", s.cards}, {"price_cents", s.price_cents}});
                })},
       {"slo", Json::object({{"window_ns", ns(p.slo.window)},
                             {"good_share", p.slo.good_share},
                             {"step_limit_ns", ns(p.slo.step_limit)},
                             {"samples_min", p.slo.samples_min},
                             {"breach_of", p.slo.breach_of},
                             {"breach_bad", p.slo.breach_bad},
                             {"recover_good", p.slo.recover_good}})},
       {"expect", list_of(p.expect,
                          [](const Expectation& e) {
                            return Json::object({{"metric", e.metric}, {"relation", e.relation}, {"bound", e.bound}});
                          })},
       {"checks", list_of(p.checks)},
       {"in_flight_max", p.in_flight_max},
       {"connections_max", p.connections_max},
       {"buyers", p.buyers}});
  if (!p.abort.empty()) out.push_member("abort", list_of(p.abort, json_of_abort));
  if (!p.front_walls.empty()) out.push_member("front_walls", list_of(p.front_walls, json_of_wall));
  return out;
}

Result<Plan> plan_of_json(const Json& json) {
  if (json["schema"].string() != kSchema)
    return Error{Errc::invalid,
                 "this is not a plan: schema '" + std::string(kSchema) + "' was wanted, '" + json["schema"].string() +
                     "' was found",
                 "give the plan.json of a run folder"};
  Plan p;
  p.scenario = json["scenario"].string();
  p.why = json["why"].string();
  p.target = json["target"].string();
  p.version = json["version"].string();
  p.seed = static_cast<std::uint64_t>(json["seed"].integer());
  const Json& t = json["traffic"];
  p.traffic.trace = t["trace"].string();
  p.traffic.trace_sha256 = t["trace_sha256"].string();
  p.traffic.base_rate = t["base_rate"].number();
  p.traffic.peak_rate = t["peak_rate"].number();
  p.traffic.peak_window = time_in(t, "peak_window_ns");
  p.traffic.scale = t["scale"].number();
  p.traffic.mode = t["mode"].string().empty() ? p.traffic.mode : t["mode"].string();
  p.traffic.rate = t["rate"].number();
  p.traffic.rate_to = t["rate_to"].number();
  p.traffic.steps = static_cast<std::uint32_t>(t["steps"].integer(p.traffic.steps));
  p.traffic.every = Nanos(t["every_ns"].integer(p.traffic.every.count()));
  p.traffic.lasts = Nanos(t["lasts_ns"].integer(p.traffic.lasts.count()));
  p.traffic.from = time_in(t, "from_ns");
  p.traffic.length = time_in(t, "length_ns");
  p.traffic.routes = t["routes"].string();
  p.traffic.routes_sha256 = t["routes_sha256"].string();
  p.traffic.shards = static_cast<std::uint32_t>(t["shards"].integer(p.traffic.shards));
  p.traffic.connects_per_second = t["connects_per_second"].number(p.traffic.connects_per_second);
  p.traffic.late_max = Nanos(t["late_max_ns"].integer(p.traffic.late_max.count()));
  for (const Json& s : json["segments"].items()) p.segments.push_back(segment_in(s));
  p.load_end = time_in(json, "load_end_ns");
  p.drain = time_in(json, "drain_ns");
  for (const char* count : {"planned_trades", "planned_steps"})  // who reads the record makes room for as many
    if (json[count].integer() < 0 || json[count].integer() > kPlannedMax)
      return Error{Errc::invalid, std::string("the plan's ") + count + " cannot be " + json[count].text(),
                   "give a plan.json that this version wrote"};
  p.planned_trades = static_cast<std::uint64_t>(json["planned_trades"].integer());
  p.planned_steps = static_cast<std::uint64_t>(json["planned_steps"].integer());
  for (const Json& j : json["journeys"].items()) p.journeys.push_back(journey_in(j));
  for (const Json& s : json["stock"].items())
    p.stock.push_back({s["sku"].string(), s["goods"].string(), count_in(s, "cards"), s["price_cents"].integer()});
  const Json& slo = json["slo"];
  p.slo = {time_in(slo, "window_ns"),
           slo["good_share"].number(),
           time_in(slo, "step_limit_ns"),
           static_cast<int>(slo["samples_min"].integer()),
           static_cast<int>(slo["breach_of"].integer()),
           static_cast<int>(slo["breach_bad"].integer()),
           static_cast<int>(slo["recover_good"].integer())};
  for (const Json& e : json["expect"].items())
    p.expect.push_back({e["metric"].string(), e["relation"].string(), e["bound"].number()});
  p.checks = texts_in(json["checks"]);
  p.in_flight_max = count_in(json, "in_flight_max");
  p.connections_max = count_in(json, "connections_max");
  p.buyers = count_in(json, "buyers");
  for (const Json& a : json["abort"].items())
    p.abort.push_back({a["metric"].string(), a["relation"].string(), a["bound"].number(), time_in(a, "window_ns"),
                       a["phase"].string()});
  for (const Json& w : json["front_walls"].items())
    p.front_walls.push_back(
        {numbers_in(w["status"]), w["header"].string(), w["header_has"].string(), w["body_has"].string()});
  // What we wrote reads back to the same bytes; anything else was edited or torn, and a judge must not guess.
  const Json again = json_of_plan(p);
  if (again.dump() != json.dump())
    return Error{Errc::invalid,
                 "the plan has missing, unknown or mistyped members, first at " + first_difference(again, json, ""),
                 "give a plan.json that this version wrote"};
  return p;
}

}  // namespace cardstorm
