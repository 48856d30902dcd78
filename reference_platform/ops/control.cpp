// control: see control.hpp.
#include "reference_platform/ops/control.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <thread>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/ops/overview.hpp"
#include "reference_platform/ops/switch_table.hpp"

namespace platform::ops {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using edge::Response;

constexpr edge::CallOptions kReadyCall{100ms, 300ms}, kGatewayCall{500ms, 3000ms}, kPassCall{500ms, 5000ms};
constexpr auto kReadyLimit = 30s, kGoneLimit = 10s;
constexpr auto kGrace = 300ms;  // for requests that the gateway has just sent to who is about to go
constexpr std::int64_t kInstancesMax = 8;

Response good(const json::object& body) { return {200, json::serialize(body), "application/json", {}}; }
Response bad(int status, const char* code, const std::string& message) {
  return {status, json::serialize(json::object{{"error", code}, {"message", message}}), "application/json", {}};
}

std::string text_of(const json::object& o, const char* key) {
  const auto* v = o.if_contains(key);
  return v != nullptr && v->is_string() ? std::string(v->as_string()) : "";
}
std::optional<std::int64_t> number_of(const json::object& o, const char* key) {
  const auto* v = o.if_contains(key);
  if (v == nullptr || !v->is_int64()) return std::nullopt;
  return v->as_int64();
}
/// nullopt also for what the shop itself refuses: a member said twice has two meanings.
std::optional<json::object> object_of(const std::string& body) {
  if (!domain::Json::parse(body)) return std::nullopt;
  json::error_code wrong;
  auto value = json::parse(body, wrong);
  if (wrong || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

/// Everything in the body must be known and have an effect.
std::string unknown_key(const json::object& o, std::initializer_list<const char*> known) {
  for (const auto& member : o)
    if (std::none_of(known.begin(), known.end(), [&member](const char* k) { return member.key() == k; }))
      return std::string(member.key());
  return "";
}

/// Who names one node must not hit all of them.
std::optional<Response> wants_nothing(const edge::Request& r) {
  if (r.body.empty()) return std::nullopt;
  const auto body = object_of(r.body);
  if (!body) return bad(400, "bad_json", "POST " + r.path + " takes no body, or {}: it is for the whole platform");
  if (const auto key = unknown_key(*body, {}); !key.empty())
    return bad(400, "unknown_key", "'" + key + "' is not known; POST " + r.path + " is for the whole platform");
  return std::nullopt;
}

/// "A06=on,A09=on" or "B07": what is wrong, or "".
template <typename Set>
std::string set_all(const std::string& list, Set set) {
  for (std::size_t from = 0; from < list.size();) {
    const auto to = std::min(list.find(',', from), list.size());
    if (const auto wrong = set(list.substr(from, to - from))) return *wrong;
    from = to + 1;
  }
  return "";
}

}  // namespace

bool answers_ready(const std::string& admin_url) {
  return edge::call("GET", admin_url + "/ready", "", {}, kReadyCall).status == 200;
}

Control::Control(const UpOptions& options, int port, Nodes& nodes, Children& children, Errands& errands,
                 const Wake& stop)
    : options_(options), nodes_(nodes), children_(children), errands_(errands), stop_(stop) {
  edge::ServerOptions o;
  o.port = port;
  o.threads = 3;  // a change may take half a minute; looking and stopping must go on
  o.queue_max = 64;
  server_ = edge::serve(o, [this](const edge::Request& r) { return answer(r); });
}

Response Control::answer(const edge::Request& r) {
  if (r.method == "GET" && r.path == "/nodes") return list();
  if (r.method == "GET" && r.path == "/") return {200, operator_page(), "text/html; charset=utf-8", {}};
  if (r.method == "GET" && r.path == "/overview") return overview();
  if (r.method == "GET" && r.path == "/targets") return targets();
  if (r.method == "POST" && (r.path == "/stop" || r.path == "/restart")) {
    if (const auto mistake = wants_nothing(r)) return *mistake;
  }
  if (r.method == "POST" && r.path == "/stop") {
    stop_.ring();
    return good({{"stopping", true}});
  }
  if (r.path.starts_with("/ops/")) return pass_on("payment", r);
  if (r.path == "/operator/merchants") return pass_on("selling", r);
  if (r.path.starts_with("/operator/")) return pass_on("order", r);
  if (r.method != "POST" || (r.path != "/restart" && r.path != "/scale" && r.path != "/canary"))
    return bad(404, "not_found",
               "GET / (a page), GET /overview, GET /nodes, GET /targets, POST /stop, POST /restart, POST /scale, POST "
               "/canary; /operator/... and /ops/... of hardened");
  const std::unique_lock changing(changing_, std::try_to_lock);
  if (!changing) return bad(409, "busy", "another change is being made: try again when it has ended");
  return r.path == "/restart" ? restart() : r.path == "/scale" ? scale(r) : canary(r);
}

// Every call there may come twice: the same again changes nothing more.
Response Control::pass_on(const std::string& role, const edge::Request& r) const {
  edge::Headers headers;
  for (const char* name : {"content-type", "x-cardstorm-mark", "x-request-id"})
    if (const std::string& value = r.header(name); !value.empty()) headers.emplace_back(name, value);
  const auto instances = instances_of(role);
  if (instances.empty()) return bad(404, "not_found", options_.variant + " has no role '" + role + "'");
  for (const NodeView& n : instances) {
    if (!n.alive) continue;
    const auto answer =
        edge::call(r.method, n.url + r.path + (r.query.empty() ? "" : "?" + r.query), r.body, headers, kPassCall);
    if (answer.status != 0) return {answer.status, answer.body, "application/json", {}};
  }
  return bad(503, "not_ready", "no instance of '" + role + "' answers");
}

Response Control::list() const {
  json::array out;
  for (const NodeView& n : children_.nodes()) {
    json::object node{{"name", n.name},
                      {"role", n.role},
                      {"url", n.url},
                      {"admin_url", n.admin_url},
                      {"pid", n.pid},
                      {"start_time", n.start_time},
                      {"ready", n.alive && !n.leaving && answers_ready(n.admin_url)},
                      {"restarts", n.restarts}};
    if (!n.version.empty()) node["version"] = n.version;
    out.push_back(std::move(node));
  }
  return good({{"nodes", std::move(out)}});
}

// Prometheus' http_sd: whoever comes and goes by scaling is scraped and forgotten without a new configuration.
Response Control::targets() const {
  json::array out;
  for (const NodeView& n : children_.nodes()) {
    const auto host = n.admin_url.find("://");
    json::object labels{{"instance", n.name}, {"role", n.role}};
    if (!n.version.empty()) labels["version"] = n.version;
    out.push_back(json::object{{"targets", json::array{n.admin_url.substr(host == std::string::npos ? 0 : host + 3)}},
                               {"labels", std::move(labels)}});
  }
  return {200, json::serialize(out), "application/json", {}};
}

Response Control::overview() const {
  std::vector<NodeSeen> seen;
  for (const NodeView& n : children_.nodes()) seen.push_back({n.name, n.role, n.admin_url, n.alive, n.pid, n.restarts});
  return {200, overview_json(options_.variant, seen), "application/json", {}};
}

bool Control::wait(std::chrono::milliseconds limit, const std::function<bool()>& condition) const {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until || errands_.closed()) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

bool Control::wait_ready(const std::vector<std::string>& names) const {
  return wait(kReadyLimit, [&] {
    const auto nodes = children_.nodes();
    return std::all_of(nodes.begin(), nodes.end(), [&names](const NodeView& n) {
      return std::find(names.begin(), names.end(), n.name) == names.end() || (n.alive && answers_ready(n.admin_url));
    });
  });
}

Response Control::restart() {
  if (!errands_.ask([this] { children_.restart_nodes(); }))
    return bad(503, "stopping", "the platform is being stopped");
  std::vector<std::string> all;
  for (const NodeView& n : children_.nodes()) all.push_back(n.name);
  if (wait_ready(all)) return good({{"restarted", true}});
  return bad(504, "not_ready", "the nodes were restarted but are not all ready");
}

std::vector<NodeView> Control::instances_of(const std::string& role) const {
  auto all = children_.nodes();
  std::erase_if(all, [&role](const NodeView& n) { return n.role != role || n.leaving || !n.version.empty(); });
  return all;
}

Response Control::instances_answer(const std::string& role) const {
  json::array names;
  for (const auto& n : instances_of(role)) names.push_back(json::string(n.name));
  return good({{"role", role}, {"instances", std::move(names)}});
}

std::string Control::tell_gateway(const std::string& role, const std::vector<std::string>& without) const {
  json::array urls;
  for (const auto& n : instances_of(role))
    if (std::find(without.begin(), without.end(), n.name) == without.end()) urls.push_back(json::string(n.url));
  json::object body{{"role", role}, {"urls", std::move(urls)}};
  std::string gateway;
  for (const NodeView& n : children_.nodes()) {
    if (n.role == "gateway") gateway = n.admin_url;
    if (canary_ && canary_->role == role && n.name == canary_->name && !n.leaving &&
        std::find(without.begin(), without.end(), n.name) == without.end())
      body["canary"] = json::object{
          {"version", canary_->version}, {"percent", canary_->weight}, {"urls", json::array{json::string(n.url)}}};
  }
  const auto told = edge::call("POST", gateway + "/admin/peers", json::serialize(body),
                               {{"content-type", "application/json"}}, kGatewayCall);
  if (told.status == 200) return "";
  return "the gateway did not take the new list of instances: " +
         (told.status == 0 ? told.error : std::to_string(told.status) + " " + told.body);
}

void Control::let_go(const std::vector<std::string>& names) {
  std::this_thread::sleep_for(kGrace);
  errands_.ask([&] { nodes_.leave(names); });
  const bool gone = wait(kGoneLimit, [&] {
    const auto nodes = children_.nodes();
    return std::none_of(nodes.begin(), nodes.end(), [](const NodeView& n) { return n.leaving; });
  });
  if (!gone) errands_.ask([this] { children_.kill_leaving(); });
}

Response Control::scale(const edge::Request& r) {
  const auto body = object_of(r.body);
  if (!body) return bad(400, "bad_json", R"(wanted {"role":"order","instances":3})");
  if (const auto key = unknown_key(*body, {"role", "instances"}); !key.empty())
    return bad(400, "unknown_key", "'" + key + "' is not known; known are role and instances");
  const std::string role = text_of(*body, "role");
  const auto wanted = number_of(*body, "instances");
  if (instances_of(role).empty() || !scalable(role))
    return bad(400, "bad_role",
               "'" + role + "' cannot be scaled; catalog, order, payment, inventory and delivery of hardened can");
  if (!wanted || *wanted < 1 || *wanted > kInstancesMax)
    return bad(400, "bad_instances", "'instances' is a whole number from 1 to " + std::to_string(kInstancesMax));
  const auto have = instances_of(role).size(), want = static_cast<std::size_t>(*wanted);
  return want > have ? more(role, want - have) : want < have ? fewer(role, have - want) : instances_answer(role);
}

Response Control::more(const std::string& role, std::size_t count) {
  std::vector<std::string> names;
  const bool done = errands_.ask([&] {
    for (std::size_t i = 0; i < count; ++i) names.push_back(nodes_.start_another(role));
  });
  if (!done) return bad(503, "stopping", "the platform is being stopped");
  if (!wait_ready(names)) {
    let_go(names);
    return bad(504, "not_ready", "the new instances did not become ready and were ended");
  }
  if (const std::string wrong = tell_gateway(role, {}); !wrong.empty()) {
    let_go(names);
    return bad(502, "gateway", wrong);
  }
  return instances_answer(role);
}

Response Control::fewer(const std::string& role, std::size_t count) {
  const auto have = instances_of(role);
  std::vector<std::string> names;
  for (std::size_t i = have.size() - count; i < have.size(); ++i) names.push_back(have[i].name);
  if (const std::string wrong = tell_gateway(role, names); !wrong.empty()) return bad(502, "gateway", wrong);
  let_go(names);
  return instances_answer(role);
}

Response Control::canary(const edge::Request& r) {
  const auto body = object_of(r.body);
  if (!body)
    return bad(400, "bad_json",
               R"(wanted {"role":"order","version":"v2","bug":"B07","weight":10}, or weight 0 to end it)");
  if (const auto key = unknown_key(*body, {"role", "version", "bug", "trait", "weight"}); !key.empty())
    return bad(400, "unknown_key", "'" + key + "' is not known; known are role, version, bug, trait and weight");
  const std::string role = text_of(*body, "role");
  const auto weight = number_of(*body, "weight");
  if (instances_of(role).empty() || !scalable(role))
    return bad(400, "bad_role",
               "'" + role + "' cannot have a canary; catalog, order, payment, inventory and delivery of hardened can");
  if (!weight || *weight < 0 || *weight > 100)
    return bad(400, "bad_weight", "'weight' is a whole number of percent from 0 to 100");
  if (*weight == 0) return end_canary(role);
  for (const char* key : {"version", "bug", "trait"})
    if (body->contains(key) && !body->at(key).is_string())
      return bad(400, "bad_switch", "'" + std::string(key) + "' is a text");
  domain::Switches switches = options_.switches;
  std::string wrong = set_all(text_of(*body, "bug"), [&](const std::string& s) { return switches.set_bug(s); });
  if (wrong.empty())
    wrong = set_all(text_of(*body, "trait"), [&](const std::string& s) { return switches.set_trait(s); });
  for (const auto& t : domain::trait_entries())
    if (wrong.empty() && switches.on(t.trait) && !hardened_honours(t.trait))
      wrong = "hardened cannot have " + std::string(t.id) + ": it can have " + honoured_traits();
  if (!wrong.empty()) return bad(400, "bad_switch", wrong);
  const std::string version = text_of(*body, "version");
  return start_canary({role, "", version.empty() ? "canary" : version, static_cast<int>(*weight)}, switches,
                      !text_of(*body, "bug").empty() || !text_of(*body, "trait").empty());
}

Response Control::start_canary(Canary wanted, const domain::Switches& switches, bool differs) {
  if (canary_ && canary_->role == wanted.role && canary_->version == wanted.version && !differs)
    return weigh_canary(wanted.weight);
  if (canary_)
    return bad(409, "canary_exists",
               canary_->role + " has the canary " + canary_->version + ": end it first with weight 0");
  if (!errands_.ask([&] { wanted.name = nodes_.start_canary(wanted.role, wanted.version, switches, wanted.weight); }))
    return bad(503, "stopping", "the platform is being stopped");
  canary_ = wanted;
  std::string wrong = wait_ready({wanted.name}) ? "" : "it did not become ready";
  if (wrong.empty()) wrong = tell_gateway(wanted.role, {});
  if (!wrong.empty()) {
    let_go({wanted.name});
    canary_.reset();
    return bad(502, "no_canary", wrong);
  }
  return canary_answer();
}

Response Control::canary_answer() const {
  return good(
      {{"role", canary_->role}, {"canary", canary_->name}, {"version", canary_->version}, {"weight", canary_->weight}});
}

Response Control::weigh_canary(int weight) {
  if (!errands_.ask([&] { nodes_.weigh_canary(canary_->name, weight); }))
    return bad(503, "stopping", "the platform is being stopped");
  canary_->weight = weight;
  const std::string wrong = tell_gateway(canary_->role, {});
  return wrong.empty() ? canary_answer() : bad(502, "gateway", wrong);
}

Response Control::end_canary(const std::string& role) {
  if (!canary_ || canary_->role != role) return bad(404, "no_canary", "'" + role + "' has no canary");
  if (const std::string wrong = tell_gateway(role, {canary_->name}); !wrong.empty()) return bad(502, "gateway", wrong);
  let_go({canary_->name});
  canary_.reset();
  return good({{"role", role}, {"weight", 0}});
}

}  // namespace platform::ops
