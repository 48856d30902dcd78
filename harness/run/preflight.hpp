// preflight: what must hold before the first planned arrival. A wrong address or a platform that pays at the real bank
// is our mistake, and must not look like an outage, or cost money.
#pragma once

#include <string>

#include "harness/core/result.hpp"
#include "harness/drive/client_settings.hpp"
#include "harness/mint/mint.hpp"
#include "harness/net/allow.hpp"
#include "harness/net/http_client.hpp"
#include "harness/plan/plan.hpp"
#include "harness/plan/target_spec.hpp"

namespace cardstorm {

struct PreflightParts {
  const Plan& plan;
  const TargetSpec& target;
  const Mint& mint;
  const AllowList& allow;
  HttpClientLimits limits;  // how connections to the target are made
  std::string url, mark;
  ClientSettings clients;
  std::string journal;  // folder of the partners' journals, "" = no simulator to be reached
};

/// The address is allowed and answers; no name that must not resolve does; and, where the target file names a preflight
/// journey, one marked trade of it succeeds and its payment arrives in the partners' journals. The first thing that
/// does not hold is the error.
Status preflight(const PreflightParts& parts);

}  // namespace cardstorm
