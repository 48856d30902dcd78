// gateway_admin: the gateway's own calls on its admin address: instances come and go, a canary gets its share.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/services/upstream.hpp"

namespace platform::services {

/// GET /admin/peers · POST /admin/peers {"role","urls":[...],"canary"?:{"version","percent","urls":[...]}}: exactly
/// these from now on · POST /admin/weights {"role","version","percent"}. Answers the fleet as it is now; 400 bad_peers,
/// bad_weight; 404 unknown_role.
edge::Response fleet_admin(const std::vector<Fleet*>& fleets, const edge::Request& request);

/// "v2=10": of options["canary.<role>"]. False: it is none.
bool read_canary(const std::string& text, std::string& version, int& percent);

}  // namespace platform::services
