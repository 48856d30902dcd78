// front_wall: whether an answer came from a wall in front of the platform (CDN, WAF, captcha page) instead of the
// platform. Pure.
#pragma once

#include <vector>

#include "harness/net/http_client.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

/// By the scenario's own rules: status listed, and (if given) the header holds the text or the body does.
bool matches_wall(const std::vector<FrontWall>& rules, const HttpResponse& response);

/// By what the well-known walls are known for. Only for answers that no step expects: a platform behind a wall that
/// merely passes its answers on (a 503 with cf-ray) is not a wall.
bool is_known_wall(const HttpResponse& response);

}  // namespace cardstorm
