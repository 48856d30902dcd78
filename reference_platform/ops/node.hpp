// node: what every node process gets from the supervisor, and the frame it runs in.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reference_platform/domain/switches.hpp"
#include "reference_platform/edge/http.hpp"
#include "reference_platform/store/pg.hpp"
#include "reference_platform/store/redis.hpp"

namespace platform::ops {

/// `cardstorm-platform node NAME --config FILE` reads this from the JSON file that the supervisor wrote.
struct NodeConfig {
  std::string name, role, variant;         // "order-2", "order", "hardened"
  std::vector<std::string> database_urls;  // one, or two in hardened: store/shards.hpp says which row lives where
  std::vector<std::string>
      shadow_urls;  // the same databases' shadow tables, for marked traffic; empty: marks are only carried along
  std::string redis_url, partners_url, partners_key;
  std::string queue_url;         // redis://host:port or kafka://host:port; "" takes orders without a queue
  std::string public_url;        // where partners send notifies: the gateway's or the shop's address
  int port = 0, admin_port = 0;  // chosen by the supervisor, the same again after a restart
  std::map<std::string, std::vector<std::string>> peers;  // role -> urls of its instances
  std::map<std::string, std::string> options;
  domain::Switches switches;  // weaknesses and planted bugs that are on

  [[nodiscard]] const std::string& database_url() const { return database_urls.front(); }
};

/// What a service hands to the frame. The frame serves `business` on config.port with `server`, the admin calls of
/// api.md on config.admin_port (own threads), runs until SIGTERM or the supervisor is gone, then drains.
struct Service {
  edge::ServerOptions server;
  edge::Handler business;
  store::PoolControl* pool = nullptr;      // for /admin/pool; nullptr: 404
  std::function<std::string()> not_ready;  // "" when ready, else the reason
  std::function<std::string()> metrics;    // Prometheus text, may be empty
  std::function<void()> stop;              // ends background threads
  edge::Handler admin;                     // the role's own calls under /admin/, on the admin address; empty: 404
  bool watched_by_workers =
      false;  // anti-pattern A13: health, readiness and metrics are answered by the business workers
};

/// One function per role, defined in reference_platform/services/<role>.cpp, listed in services/registry.def.
using MakeService = Service (*)(const NodeConfig&);
struct RoleEntry {
  const char* variant;
  const char* role;
  MakeService make;
};

/// Runs a node until it is told to stop; returns its exit code.
int run_node(const NodeConfig& config, const Service& service);

}  // namespace platform::ops
