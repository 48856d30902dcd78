// gateway_routes: see gateway_routes.hpp.
#include "reference_platform/services/gateway_routes.hpp"

namespace platform::services {
namespace {

constexpr Route kRoutes[] = {
    {"*", "notify/topup/**", Backend::delivery, Priority::callback},
    {"*", "notify/*", Backend::payment, Priority::callback},
    {"POST", "orders/*/pay", Backend::order, Priority::pay},
    {"POST", "orders/*/refund", Backend::order, Priority::pay},
    {"POST", "wallet/recharge", Backend::order, Priority::pay},
    {"POST", "orders/**", Backend::order, Priority::create},
    {"POST", "sessions", Backend::order, Priority::create},
    {"*", "orders/**", Backend::order, Priority::query},
    {"*", "wallet/**", Backend::order, Priority::query},
    {"*", "account/**", Backend::order, Priority::query},
    {"*", "sessions", Backend::order, Priority::query},
    {"POST", "shared/**", Backend::selling, Priority::create},
    {"*", "shared/**", Backend::selling, Priority::query},
    {"POST", "api/v1/upstream/**", Backend::selling, Priority::create},
    {"*", "api/v1/upstream/**", Backend::selling, Priority::query},
    {"*", "audit/**", Backend::audit, Priority::query},
    {"*", "goods/**", Backend::catalog, Priority::list},
};

/// The next part of a path; takes it off.
std::string_view next_part(std::string_view& path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  const std::string_view part = path.substr(0, path.find('/'));
  path.remove_prefix(part.size());
  return part;
}

bool fits(std::string_view pattern, std::string_view path) {
  for (;;) {
    const std::string_view want = next_part(pattern), have = next_part(path);
    if (want == "**") return true;
    if (want.empty() || have.empty()) return want == have;
    if (want != "*" && want != have) return false;
  }
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

const Route* route_for(std::string_view method, std::string_view path) {
  for (const Route& route : kRoutes) {
    if ((method == route.method || std::string_view(route.method) == "*") && fits(route.path, path)) return &route;
  }
  return nullptr;
}

}  // namespace platform::services
