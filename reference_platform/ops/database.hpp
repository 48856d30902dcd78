// database: an empty, filled and audited database for one life of the platform.
#pragma once

#include <string>

#include "reference_platform/ops/supervisor.hpp"

namespace platform::ops {

struct Database {
  std::string url, auditor_url;
  std::string schema;              // in a database that is not ours: dropped at the end
};

/// Applies the schema, loads the catalogue, and lets the role `auditor` read the audit views. In a database that was given to us
/// (`ours` false) everything goes into a schema of its own, so that it neither meets nor leaves anything there.
Database prepare_database(const std::string& url, bool ours, const std::string& variant, const std::string& mint_dir, const Parts& parts);
/// Drops what prepare_database made in a given database. Never throws.
void drop_database(const Database& database) noexcept;

}  // namespace platform::ops
