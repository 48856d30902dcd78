// target_spec: what a target file says about a system under test. What is not said there is not touched.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/clock.hpp"

namespace cardstorm {

/// How one node can be killed and looked at. kind: supervised (kind reference), docker, kubernetes, command.
struct NodeSpec {
  std::string node;  // its name over there: supervised node, container, or ""
  std::string kind = "supervised";
  std::string socket = "/var/run/docker.sock";                     // docker: the Engine API's unix socket
  std::string kubectl = "kubectl", context, name_space, selector;  // kubernetes
  std::uint32_t max = 1;                                           // kubernetes: pods killed at once
  std::vector<std::string> kill, undo,
      probe;  // command: argv each; probe exits 0 when the node is up; undo may be empty
};

/// A database that faults may take from outside, and that the audit may read.
struct DatabaseSpec {
  std::string url;                     // postgresql://user@host:port/db or mysql://user@host:port/db, without password
  std::string password_file;           // "" = none
  std::string lock_table, lock_where;  // the named test row that db_pool_exhaustion may lock ("" = no row lock)
  std::uint32_t slots = 0;             // connections that it may take (0 = none)
  Nanos limit{10s};                    // the server itself ends every session of ours that is idle so long
};

/// Where the judge reads the platform's own books, read only.
struct AuditSpec {
  std::string path;                            // by HTTP
  std::string database;                        // or: name under `databases`
  std::string orders, cards, wallets, ledger;  // queries whose columns are named as the rows of audit.jsonl
  std::uint32_t rows_max = 1'000'000;
  Nanos timeout{60s};
};

/// A stop condition over the platform's own metrics: the run stops when the PromQL query gives anything but an empty or
/// zero answer, or when it gives no data (`absent_is_bad`).
struct GuardRule {
  std::string name, query;
  bool absent_is_bad = true;
};

struct PartnersSpec {  // simulators that run already (cardstorm partners up); "" = the run starts its own
  std::string url, token_file, journal;  // journal: the folder they write, read by the judge
};

struct TargetSpec {
  std::string name, kind;                                    // kind: reference | external
  std::string variant;                                       // reference: fragile | hardened
  std::string environment = "lab";                           // lab | staging | production
  std::string url;                                           // external
  std::vector<std::string> allow{"127.0.0.0/8", "::1/128"};  // CIDR; binds load and faults alike
  std::vector<std::string> touch;                            // abilities that faults may use: pool, channels, nodes
  std::map<std::string, NodeSpec> nodes;  // alias -> node, so that a scenario can say "order" for both variants
  std::map<std::string, DatabaseSpec> databases;
  AuditSpec audit;
  std::map<std::string, std::string>
      options;  // reference: restart_delay and others, given to the supervisor as --key value

  // Connect
  std::string version_path, version_pointer, version_header;  // external: where the version is read
  std::string mark_header = "X-Cardstorm-Mark";
  std::string client_header;         // such as X-Forwarded-For, "" = none
  std::string client_pool;           // CIDR of invented client addresses
  std::vector<std::string> sources;  // local addresses that connections come from
  std::string unix_socket;           // connect here instead of TCP
  bool http2 = false, tls_verify = true;
  std::string tls_ca;
  std::vector<std::string> tracing;           // traceparent, sw8
  std::string trace_link;                     // template with ${trace_id}
  std::vector<std::string> must_not_resolve;  // names of real partners: no drill may reach them
  std::string preflight_journey;  // one marked trade of this journey must succeed before the first planned arrival
  std::vector<std::string>
      production_allows;  // production: "load", "peak <= 50", "payment_delay on alpha": all else is refused
  PartnersSpec partners;
  std::string guard_prometheus;
  Nanos guard_every{1s};
  std::vector<GuardRule> guard;
  std::string redis, kafka;  // addresses that doctor looks at
};

}  // namespace cardstorm
