// database: empty, filled and audited databases for one life of the platform.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "reference_platform/ops/supervisor.hpp"

namespace platform::ops {

struct Databases {
  std::vector<std::string> urls, shadow_urls;  // shadow_urls empty without options.shadow
  std::string auditor_url;                     // sees the audit views over all of them
  std::vector<std::string> schemas;            // in a database that is not ours: dropped at the end
  std::string given;                           // its address
};

/// Applies schema and catalogue to options.databases databases at the same time, adds old orders, and lets the role
/// `auditor` read the audit views. In our own cluster (`ours`) these are the databases shop_0 and shop_1, their shadow
/// tables in the schema `shadow`, and the first one sees the others' books through postgres_fdw. In a database that was
/// given to us each of them is a schema of its own, so that it neither meets nor leaves anything there. Throws
/// EnvironmentError with nothing left behind.
Databases prepare_databases(const std::string& url, bool ours, const UpOptions& options, const Parts& parts);
/// From the system's randomness.
std::string random_hex(int digits);
/// Drops what prepare_databases made in a given database. Never throws.
void drop_databases(const Databases& databases) noexcept;

}  // namespace platform::ops
