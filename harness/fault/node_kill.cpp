// node_kill: SIGKILL to one instance. The target's own supervisor mends it: normal again when a ready instance of that name with
// another identity exists.
#include <csignal>
#include <optional>

#include "harness/core/text.hpp"
#include "harness/fault/fault.hpp"
#include "harness/target/identity.hpp"

namespace cardstorm {
namespace {

Result<Node> find(NodeControl& control, const std::string& name) {
  const auto nodes = control.nodes();
  if (!nodes) return nodes.error();
  std::vector<std::string> names;
  for (const auto& node : *nodes) {
    if (node.name == name) return node;
    names.push_back(node.name);
  }
  return Error{Errc::not_found, "the target has no node '" + name + "'", "it has: " + join(names, ", ")};
}

class NodeKill final : public Fault {
 public:
  NodeKill(NodeControl& control, std::string name) : control_(control), name_(std::move(name)) {}

  Json undo() override { return Json(); }
  [[nodiscard]] bool one_shot() const override { return true; }
  Status heal() override { return ok(); }

  Status inject() override {
    if (handle_) return ok();  // once is once
    const auto node = find(control_, name_);
    if (!node) return node.error();
    const ProcessId id{node->pid, node->start_time};
    auto handle = PidFd::open(id);
    if (!handle) return std::move(handle).error().in("node '" + name_ + "'");
    auto killed = handle->signal(SIGKILL);
    if (!killed) return killed;
    victim_ = id;
    handle_ = std::move(*handle);
    return ok();
  }

  Probe probe(std::string* note) override {
    if (handle_ && !exit_seen_) {
      // Reported once before anything else: a supervisor may have a new instance ready before the second look.
      exit_seen_ = handle_->exited();
      *note = "pid " + std::to_string(victim_.pid) + (exit_seen_ ? " has ended" : " still runs");
      return exit_seen_ ? Probe::in_force : Probe::unclear;
    }
    const auto node = find(control_, name_);
    if (!node) {
      *note = node.error().what;
      return handle_ && node.error().code == Errc::not_found ? Probe::in_force : Probe::unclear;
    }
    const ProcessId now{node->pid, node->start_time};
    const bool back = node->ready && !(now == victim_) && alive(now);
    *note = back ? "pid " + std::to_string(now.pid) + " is ready" : "no ready instance";
    return back ? Probe::normal : Probe::in_force;
  }

 private:
  NodeControl& control_;
  std::string name_;
  ProcessId victim_;
  std::optional<PidFd> handle_;
  bool exit_seen_ = false;
};

Result<std::unique_ptr<Fault>> make(const FaultSpec& spec, Target& target) {
  NodeControl* control = target.nodes();
  if (control == nullptr)
    return Error{Errc::unavailable, "node_kill needs the ability 'nodes', which this target does not offer",
                 "add 'nodes' to `touch:` of a target that has it, or take the fault out"};
  const std::string name = target.resolve(spec.on);
  const auto node = find(*control, name);
  if (!node) return Error(node.error()).in("node_kill on " + spec.on);
  // A dead one cannot be killed, and counting its absence as our effect would be a lie.
  if (!node->ready) return Error{Errc::unavailable, "node_kill on " + spec.on + ": '" + name + "' is not ready"};
  return std::unique_ptr<Fault>(std::make_unique<NodeKill>(*control, name));
}

}  // namespace

FaultEntry node_kill_fault() {
  return {"node_kill",
          "kills one instance with SIGKILL, once",
          "a machine dies, or the kernel ends a process that took too much memory",
          "nodes",
          {},
          make};
}

}  // namespace cardstorm
