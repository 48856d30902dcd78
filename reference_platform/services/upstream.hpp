// upstream: the gateway's view of one backend: its instances, which of them may be asked, and how many requests may wait there.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "reference_platform/edge/http.hpp"

namespace platform::services {

/// At most a tenth of the requests, and ten at once, may be made a second time because the first was slow.
class RetryBudget {
 public:
  void earn();
  [[nodiscard]] bool left() const { return credit_ >= kCost; }
  bool spend();

 private:
  static constexpr int kCost = 10, kMax = 100;
  std::atomic<int> credit_{kMax};
};

struct UpstreamOptions { int concurrent_max = 16; std::chrono::milliseconds total{2000}, first_try{300}; };

/// Requests through it must be repeatable (reads, or idempotent by key): one that breaks, is refused, or is slow goes to the twin.
class Upstream {
 public:
  Upstream(std::string name, const std::vector<std::string>& urls, UpstreamOptions options);

  /// Any thread. 503 at once when concurrent_max requests are there already.
  edge::Response send(const edge::Request& request, const edge::Headers& headers);
  /// Asks each instance whether it can serve; puts it in or takes it out. Nothing to do for a backend without twin.
  void check_health();
  [[nodiscard]] int healthy() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Instance {
    std::string url;
    std::atomic<bool> healthy{true};
  };
  Instance& pick(const Instance* not_this);
  edge::CallResult ask(Instance& instance, const edge::Request& request, edge::Headers headers, std::chrono::milliseconds limit);

  const std::string name_;
  const UpstreamOptions options_;
  std::deque<Instance> instances_;
  std::atomic<unsigned> turn_{0};
  std::atomic<int> in_flight_{0};
  RetryBudget budget_;
};

}  // namespace platform::services
