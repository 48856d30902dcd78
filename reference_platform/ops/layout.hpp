// layout: which nodes each variant of the platform consists of.
#pragma once

#include <string>
#include <vector>

namespace platform::ops {

struct Instance {
  std::string name, role;
};

/// Empty for an unknown variant. The first instance is the public one: buyers, partners and the audit come to it.
inline std::vector<Instance> layout(const std::string& variant) {
  if (variant == "fragile") return {{"shop", "shop"}};
  if (variant == "hardened")  // what a fault may kill has a twin
    return {{"gateway", "gateway"}, {"catalog", "catalog"},     {"order-1", "order"},     {"order-2", "order"},
            {"payment", "payment"}, {"inventory", "inventory"}, {"delivery", "delivery"}, {"selling", "selling"}};
  return {};
}

/// What `up` takes when it is not told otherwise.
inline int usual_databases(const std::string& variant) { return variant == "hardened" ? 2 : 1; }
inline const char* usual_queue(const std::string& variant) { return variant == "hardened" ? "redis" : "none"; }

}  // namespace platform::ops
