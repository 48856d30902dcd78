// control: the supervisor's own address: who is there (for programs, and as a page for people), stop, restart, more or
// fewer instances, a canary. The contract is in api.md.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/ops/child.hpp"
#include "reference_platform/ops/errands.hpp"
#include "reference_platform/ops/nodes.hpp"

namespace platform::ops {

/// Its threads look at children.nodes() and have everything else done by errands.
class Control {
 public:
  Control(const UpOptions& options, int port, Nodes& nodes, Children& children, Errands& errands, const Wake& stop);
  [[nodiscard]] int port() const { return server_->port(); }

 private:
  struct Canary {
    std::string role, name, version;
    int weight = 0;
  };

  edge::Response answer(const edge::Request& request);
  [[nodiscard]] edge::Response list() const;
  [[nodiscard]] edge::Response overview() const;
  edge::Response targets() const;
  edge::Response restart();
  edge::Response scale(const edge::Request& request);
  edge::Response canary(const edge::Request& request);
  edge::Response weigh_canary(int weight);
  /// What the operator says to the shop itself: the first instance of the role that answers.
  [[nodiscard]] edge::Response pass_on(const std::string& role, const edge::Request& request) const;
  edge::Response more(const std::string& role, std::size_t instances);
  edge::Response fewer(const std::string& role, std::size_t instances);
  /// `differs`: switches of its own were named, so that it is no mere change of the weight.
  edge::Response start_canary(Canary wanted, const domain::Switches& switches, bool differs);
  [[nodiscard]] edge::Response canary_answer() const;
  edge::Response end_canary(const std::string& role);

  [[nodiscard]] std::vector<NodeView> instances_of(const std::string& role) const;
  [[nodiscard]] bool wait(std::chrono::milliseconds limit, const std::function<bool()>& condition) const;
  [[nodiscard]] bool wait_ready(const std::vector<std::string>& names) const;
  /// Ends them in order and waits until they are gone.
  void let_go(const std::vector<std::string>& names);
  /// Tells the gateway who serves `role` from now on. "" or what it answered.
  [[nodiscard]] std::string tell_gateway(const std::string& role, const std::vector<std::string>& without) const;
  [[nodiscard]] edge::Response instances_answer(const std::string& role) const;

  const UpOptions& options_;
  Nodes& nodes_;
  Children& children_;
  Errands& errands_;
  const Wake& stop_;
  std::mutex changing_;                   // one change of instances at a time
  std::optional<Canary> canary_;          // guarded by changing_
  std::unique_ptr<edge::Server> server_;  // last: ends first
};

/// Asks a node's admin address; a hung one answers late, hence the limit.
bool answers_ready(const std::string& admin_url);

}  // namespace platform::ops
