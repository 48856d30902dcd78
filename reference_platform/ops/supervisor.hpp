// supervisor: `cardstorm-platform up`: stores, nodes, their restarts, and the end of it all. The contract is in api.md.
#pragma once

#include <string>
#include <vector>

#include "reference_platform/ops/process.hpp"
#include "reference_platform/store/pg.hpp"

namespace platform::ops {

struct UpOptions {
  std::string variant;
  std::string dir;                 // logs and node settings; "" puts them into the folder of the stores
  std::string partners_url, partners_key_file, mint_dir;
  double restart_delay_s = 20;     // the fragile variant's operator
  std::string postgres_url, redis_url;   // "" starts private ones
  bool keep = false, foreground = false;
};

/// What the supervisor needs from rooms that it must not know.
struct Parts {
  std::string program;             // started as: program node NAME --config FILE --supervisor-fd 3
  std::string (*schema)(const std::string& variant, int number, int databases) = nullptr;   // of database `number` of `databases`
  std::string (*audit_views)(const std::string& variant, const std::vector<std::string>& other_schemas) = nullptr;
  void (*load)(store::Connection& db, const std::string& variant, const std::string& mint_dir, int number, int databases) = nullptr;
};

/// Returns 0 after an orderly end. Throws EnvironmentError (and std::runtime_error from `load`) with nothing left running.
int run_supervisor(const UpOptions& options, const Parts& parts);

}  // namespace platform::ops
