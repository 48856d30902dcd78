// target_spec: what a target file says about a system under test.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace cardstorm {

struct TargetSpec {
  std::string name, kind;            // kind: reference | external
  std::string variant;               // reference: fragile | hardened
  std::string environment = "lab";   // lab | staging | production
  std::string url;                   // external
  std::vector<std::string> allow{"127.0.0.0/8", "::1/128"};   // CIDR; binds load and faults alike
  std::vector<std::string> touch;    // abilities that faults may use: pool, channels, nodes
  std::map<std::string, std::string> nodes;   // alias -> node name, so that a scenario can say "order" for both variants
  std::string audit_path;            // "" = no final audit by API
  std::map<std::string, std::string> options;   // reference: restart_delay and others, given to the supervisor as --key value
};

}  // namespace cardstorm
