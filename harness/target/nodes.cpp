// nodes: what all kinds of nodes share, and the one that hands each call to the right kind. See nodes.hpp and
// target.hpp.
#include "harness/target/nodes.hpp"

#include <csignal>

#include "harness/core/text.hpp"
#include "harness/lease/identity.hpp"

namespace cardstorm {

Result<Node> NodeControl::node(const std::string& name) {
  const auto all = nodes();
  if (!all) return all.error();
  std::vector<std::string> names;
  for (const Node& node : *all) {
    if (node.name == name) return node;
    names.push_back(node.name);
  }
  return Error{Errc::not_found, "the target has no node '" + name + "'", "it has: " + join(names, ", ")};
}

Status NodeControl::kill(const Node& victim) {
  const auto handle = PidFd::open({victim.pid, victim.start_time});
  if (!handle) return Error(handle.error()).in("node '" + victim.name + "'");
  return handle->signal(SIGKILL);
}

Result<bool> NodeControl::ended(const Node& victim) {
  if (victim.pid > 0) return !alive({victim.pid, victim.start_time});
  const auto now = node(victim.name);
  if (!now && now.error().code == Errc::not_found) return true;
  if (!now) return now.error();
  return now->instance != victim.instance;
}

Result<bool> NodeControl::replaced(const Node& victim) {
  const auto now = node(victim.name);
  if (!now && now.error().code == Errc::not_found) return false;
  if (!now) return now.error();
  const bool lives = now->pid == 0 || alive({now->pid, now->start_time});
  return now->ready && lives && !now->instance.empty() && now->instance != victim.instance;
}

Status NodeControl::revive(const Node&) { return ok(); }
Undo NodeControl::undo(const Node&) { return NoUndo{}; }

Error no_such_node(const std::string& name, const NodeSpecs& nodes) {
  std::vector<std::string> names;
  for (const auto& [alias, spec] : nodes) names.push_back(alias);
  return {Errc::not_found, "the target has no node '" + name + "'", "it has: " + join(names, ", ")};
}

namespace {

class AllNodes final : public NodeControl {
 public:
  AllNodes(const NodeSpecs& nodes, const std::string& log) : specs_(nodes) {
    std::map<std::string, NodeSpecs> by_kind;
    for (const auto& [alias, spec] : nodes) by_kind[spec.kind][alias] = spec;
    add(by_kind["docker"], make_docker_nodes(by_kind["docker"]));
    add(by_kind["kubernetes"], make_kubernetes_nodes(by_kind["kubernetes"]));
    add(by_kind["command"], make_command_nodes(by_kind["command"], log));
  }

  /// One kind that cannot be looked at makes the list unknown: a list without it would look like an outage.
  Result<std::vector<Node>> nodes() override {
    std::vector<Node> all;
    for (const auto& kind : kinds_) {
      auto some = kind->nodes();
      if (!some) return some;
      all.insert(all.end(), some->begin(), some->end());
    }
    return all;
  }
  Result<Node> node(const std::string& name) override {
    NodeControl* kind = of(name);
    if (kind == nullptr) return no_such_node(name, specs_);
    return kind->node(name);
  }
  Status kill(const Node& victim) override {
    NodeControl* kind = of(victim.name);
    if (kind == nullptr) return no_such_node(victim.name, specs_);
    return kind->kill(victim);
  }
  Result<bool> ended(const Node& victim) override {
    NodeControl* kind = of(victim.name);
    if (kind == nullptr) return no_such_node(victim.name, specs_);
    return kind->ended(victim);
  }
  Result<bool> replaced(const Node& victim) override {
    NodeControl* kind = of(victim.name);
    if (kind == nullptr) return no_such_node(victim.name, specs_);
    return kind->replaced(victim);
  }
  Status revive(const Node& victim) override {
    NodeControl* kind = of(victim.name);
    if (kind == nullptr) return no_such_node(victim.name, specs_);
    return kind->revive(victim);
  }
  Undo undo(const Node& victim) override {
    NodeControl* kind = of(victim.name);
    return kind == nullptr ? Undo(NoUndo{}) : kind->undo(victim);
  }

 private:
  void add(const NodeSpecs& some, std::unique_ptr<NodeControl> control) {
    if (some.empty()) return;
    for (const auto& [alias, spec] : some) of_[alias] = control.get();
    kinds_.push_back(std::move(control));
  }
  NodeControl* of(const std::string& alias) const {
    const auto found = of_.find(alias);
    return found == of_.end() ? nullptr : found->second;
  }

  const NodeSpecs specs_;
  std::vector<std::unique_ptr<NodeControl>> kinds_;
  std::map<std::string, NodeControl*> of_;
};

}  // namespace

std::unique_ptr<NodeControl> make_nodes(const NodeSpecs& nodes, const std::string& log) {
  return std::make_unique<AllNodes>(nodes, log);
}

}  // namespace cardstorm
