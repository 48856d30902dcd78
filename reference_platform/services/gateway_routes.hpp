// gateway_routes: which path belongs to which role, and how important it is. The table is the routing; nothing else
// decides.
#pragma once

#include <span>
#include <string_view>

#include "reference_platform/services/limiter.hpp"

namespace platform::services {

enum class Backend { catalog, order, payment, delivery, audit, selling, count };

struct Route {
  const char* method;  // "*": any
  const char* path;    // "*": one part; "**" at the end: all that follows, or nothing
  Backend backend;
  Priority priority;
};

/// The first one that fits; nullptr: the shop has no such path.
const Route* route_for(std::string_view method, std::string_view path);
/// All of them, in the order in which they are tried.
std::span<const Route> routes();

}  // namespace platform::services
