// gateway_admin: see gateway_admin.hpp.
#include "reference_platform/services/gateway_admin.hpp"

#include <algorithm>
#include <charconv>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/answers.hpp"

namespace platform::services {
namespace {

using domain::Json;
using edge::Response;

constexpr std::size_t kGatewayAdminTextMax = 200, kInstancesMax = 100;

/// Adds them to `out`. False: something is no address.
bool read_urls(const Json& urls, const std::string& version, std::vector<Fleet::Member>& out) {
  for (const Json& url : urls.items()) {
    const std::string& text = url.text();
    if (!text.starts_with("http://") || text.ends_with('/') || text.size() > kGatewayAdminTextMax) return false;
    out.push_back({text, version});
  }
  return urls.is_array() && out.size() <= kInstancesMax;
}

bool good_canary(const std::string& version, std::int64_t percent) {
  return !version.empty() && version.size() <= kGatewayAdminTextMax && percent >= 0 && percent <= 100;
}

Response change_peers(Fleet& fleet, const Json& body) {
  const Json& canary = body["canary"];
  const std::string& version = canary["version"].text();
  const std::int64_t percent = canary.is_object() ? canary["percent"].integer(-1) : 0;
  std::vector<Fleet::Member> members;
  bool good = read_urls(body["urls"], "", members);
  if (canary.is_object()) good = good && good_canary(version, percent) && read_urls(canary["urls"], version, members);
  if (!good)
    return error_answer(
        400, "bad_peers",
        R"(wanted {"role","urls":["http://host:port"],"canary"?:{"version","percent":0 to 100,"urls":[]}})");
  fleet.assign(members);
  fleet.set_canary(version, static_cast<int>(percent));
  return json_answer(200, fleet.json());
}

Response change_weight(Fleet& fleet, const Json& body) {
  const std::string& version = body["version"].text();
  const std::int64_t percent = body["percent"].integer(-1);
  if (!good_canary(version, percent))
    return error_answer(400, "bad_weight", R"(wanted {"role","version","percent":0 to 100})");
  fleet.set_canary(version, static_cast<int>(percent));
  return json_answer(200, fleet.json());
}

}  // namespace

Response fleet_admin(const std::vector<Fleet*>& fleets, const edge::Request& r) {
  const bool peers = r.path == "/admin/peers", weights = r.path == "/admin/weights";
  if (r.method == "GET" && peers) {
    std::vector<std::string> items;
    for (const Fleet* fleet : fleets) items.push_back(fleet->json());
    return json_answer(200, domain::JsonObject().raw("roles", domain::json_array(items)).done());
  }
  if (r.method != "POST" || (!peers && !weights)) return error_answer(404, "not_found");
  const auto body = Json::parse(r.body);
  if (!body || !body->is_object())
    return error_answer(400, peers ? "bad_peers" : "bad_weight", "the body is no JSON object");
  const auto fleet =
      std::find_if(fleets.begin(), fleets.end(), [&](const Fleet* f) { return f->role() == (*body)["role"].text(); });
  if (fleet == fleets.end()) return error_answer(404, "unknown_role");
  return peers ? change_peers(**fleet, *body) : change_weight(**fleet, *body);
}

bool read_canary(const std::string& text, std::string& version, int& percent) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return false;
  version = text.substr(0, equals);
  const char *from = text.data() + equals + 1, *to = text.data() + text.size();
  const auto [end, error] = std::from_chars(from, to, percent);
  return error == std::errc() && end == to && percent >= 0 && percent <= 100;
}

}  // namespace platform::services
