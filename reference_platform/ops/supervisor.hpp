// supervisor: `cardstorm-platform up`: stores, nodes, their restarts, and the end of it all. The contract is in api.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "reference_platform/domain/switches.hpp"
#include "reference_platform/ops/process.hpp"
#include "reference_platform/store/pg.hpp"

namespace platform::ops {

struct UpOptions {
  std::string variant;
  std::string dir;  // logs and node settings; "" puts them into the folder of the stores
  std::string partners_url, partners_key_file, mint_dir;
  double restart_delay_s = 20;          // the fragile variant's operator
  std::string postgres_url, redis_url;  // "" starts private ones
  bool keep = false, foreground = false;
  int port = 0, control_port = 0;  // of the shop and of the operator; 0: free ones
  domain::Switches switches;       // of every node
  std::string queue;  // "" is usual_queue(); none, redis (the platform's own), kafka (a private broker), redis://... or
                      // kafka://...
  bool shadow = false;  // marked traffic goes into shadow tables
  int databases = 1;
  std::int64_t orders = 0;                                                 // old orders that are there from the start
  std::map<std::string, std::map<std::string, std::string>> node_options;  // role ("" for all) -> NodeConfig.options
};

/// What the supervisor needs from rooms that it must not know. `number`: of options.databases, which one.
struct Parts {
  std::string program;  // started as: program node NAME --config FILE --supervisor-fd 3
  std::string (*schema)(const UpOptions& options, int number) = nullptr;  // also of its shadow tables
  /// Made in the first database when all others are there: `other_schemas` in it are those where their views are seen.
  /// May be "".
  std::string (*audit_views)(const UpOptions& options, const std::vector<std::string>& other_schemas) = nullptr;
  void (*load)(store::Connection& db, const UpOptions& options, int number, bool shadow) = nullptr;
  void (*seed)(store::Connection& db, const UpOptions& options,
               int number) = nullptr;  // options.orders old orders, by all databases together
};

/// Returns 0 after an orderly end. Throws EnvironmentError (and std::runtime_error from `load`) with nothing left
/// running.
int run_supervisor(const UpOptions& options, const Parts& parts);

}  // namespace platform::ops
