// upstream: the gateway's view of the roles behind it: which instances of which version there are, which of them may be
// asked, and how many requests may wait there. Instances come and go while it runs.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
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

struct Instance {
  Instance(std::string at, std::string v) : url(std::move(at)), version(std::move(v)) {}
  const std::string url, version;  // version "" is the one that everybody gets who is not in a canary's share
  std::atomic<bool> healthy{true};
  std::atomic<int> in_flight{0};
};
using InstanceRef = std::shared_ptr<Instance>;

/// All instances of a role. Any thread.
class Fleet {
 public:
  explicit Fleet(std::string role) : role_(std::move(role)) {}

  struct Member {
    std::string url, version;
  };
  /// From now on exactly these. One that is no longer named gets no new requests; what it has is finished. One that
  /// stays keeps what is known of it.
  void assign(const std::vector<Member>& members);
  /// So many of a hundred buyers get this version, always the same ones; 0 ends it.
  void set_canary(const std::string& version, int percent);

  /// In turn among the healthy ones of the version that this buyer gets, then of any version; when none is healthy, any
  /// other than `not_this`: better a try than a sure refusal. nullptr: there is none.
  InstanceRef pick(const std::string& buyer, const Instance* not_this = nullptr);
  /// Asks each instance whether it can serve; puts it in or takes it out. A single one is only asked after it failed.
  void check_health();

  [[nodiscard]] const std::string& role() const { return role_; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] int healthy() const;
  /// {"role","canary":{"version","percent"},"instances":[{"url","version","healthy","in_flight"}]}
  [[nodiscard]] std::string json() const;

 private:
  [[nodiscard]] std::vector<InstanceRef> all() const;

  const std::string role_;
  mutable std::mutex mutex_;
  std::vector<InstanceRef> instances_;
  std::string canary_;
  int percent_ = 0;
  std::atomic<unsigned> turn_{0};
};

struct UpstreamOptions {
  int concurrent_max = 16;
  std::chrono::milliseconds total{2000}, first_try{300};
};

/// A bulkhead before a role. Requests through it must be repeatable (reads, or idempotent by key): one that breaks, is
/// refused, is slow or was only accepted (202) in its first short try goes to the twin.
class Upstream {
 public:
  Upstream(std::string name, Fleet& fleet, UpstreamOptions options)
      : name_(std::move(name)), fleet_(fleet), options_(options) {}

  /// Any thread. 429 at once when concurrent_max requests are there already.
  edge::Response send(const edge::Request& request, const edge::Headers& headers);
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int in_flight() const { return in_flight_; }

 private:
  static edge::CallResult ask(Instance& instance, const edge::Request& request, edge::Headers headers,
                              std::chrono::milliseconds limit);

  const std::string name_;
  Fleet& fleet_;
  const UpstreamOptions options_;
  std::atomic<int> in_flight_{0};
  RetryBudget budget_;
};

}  // namespace platform::services
