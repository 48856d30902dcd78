// overview: what an operator sees of all nodes at once: a page and the same as JSON, made from what the nodes say on
// their admin addresses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace platform::ops {

struct NodeSeen {
  std::string name, role, admin_url;
  bool alive = false;
  int pid = 0, restarts = 0;
};

/// {"at_ms","variant","version","nodes":[{"name","role","alive","ready","reason","pid","restarts","pool":{...}|null,
/// "served":{"buckets":[[seconds|null, count]],"status":{"200": count}}|null,"metrics":{name: value}}]}.
/// Asks every living node (/ready, /admin/pool, /metrics), 300 ms each at most, all at the same time. Of the metrics:
/// counters and gauges, no histograms.
std::string overview_json(const std::string& variant, const std::vector<NodeSeen>& nodes);

/// The page that shows it (operator_page.cpp).
const std::string& operator_page();

/// Counters and gauges of a Prometheus text by their full name; at most `max`.
std::vector<std::pair<std::string, double>> plain_metrics(const std::string& text, std::size_t max);

}  // namespace platform::ops
