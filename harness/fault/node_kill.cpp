// node_kill: SIGKILL to one instance, by the means of its node: a process, a container, pods, or a command of the user.
// Normal again when a ready instance with another identity exists. Mostly the target's own supervisor makes it; where
// none does, heal() starts it.
#include <optional>

#include "harness/fault/fault.hpp"
#include "harness/lease/identity.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kReviveEvery{1s};

class NodeKill final : public Fault {
 public:
  NodeKill(NodeControl& control, Node victim) : control_(control), victim_(std::move(victim)) {}

  Result<Undo> undo() override { return control_.undo(victim_); }
  [[nodiscard]] bool one_shot() const override { return true; }

  Status inject() override {
    if (asked_) return ok();  // once is once
    auto node = control_.node(victim_.name);
    if (!node) return std::move(node).error();
    if (node->instance.empty()) return Error{Errc::unavailable, "node '" + victim_.name + "' does not run"};
    if (node->pid > 0) {
      auto handle = PidFd::open({node->pid, node->start_time});
      if (!handle) return std::move(handle).error().in("node '" + victim_.name + "'");
      handle_ = std::move(*handle);
    }
    victim_ = std::move(*node);
    asked_ = true;  // a call that fails half-way may have killed all the same
    auto killed = control_.kill(victim_);
    killed_ = bool(killed);
    return killed;
  }

  Status heal() override {
    if (!asked_ || revived_) return ok();
    // The lane asks with every look; a start that fails is not tried ten times a second.
    if (revival_ && monotonic_now() - revive_at_ < kReviveEvery) return *revival_;
    revive_at_ = monotonic_now();
    revival_ = control_.revive(victim_);
    revived_ = bool(*revival_);
    return *revival_;
  }

  Probe probe(std::string* note) override {
    if (!asked_) return look_at_the_living(note);
    // Reported once before anything else: a supervisor may have a new instance ready before the second look.
    if (killed_ && !end_seen_) return look_for_the_end(note);
    const auto replaced = control_.replaced(victim_);
    if (!replaced) {
      *note = replaced.error().what;
      return Probe::unclear;
    }
    *note = *replaced ? "a ready instance stands in its place" : "no ready instance";
    return *replaced ? Probe::normal : Probe::in_force;
  }

 private:
  Probe look_at_the_living(std::string* note) {
    const auto node = control_.node(victim_.name);
    if (!node) {
      *note = node.error().what;
      return Probe::unclear;
    }
    *note = node->ready ? node->instance + " is ready" : "no ready instance";
    return node->ready ? Probe::normal : Probe::in_force;
  }
  Probe look_for_the_end(std::string* note) {
    const auto ended = handle_ ? Result<bool>(handle_->exited()) : control_.ended(victim_);
    if (!ended) {
      *note = ended.error().what;
      return Probe::unclear;
    }
    end_seen_ = *ended;
    *note = victim_.instance + (end_seen_ ? " has ended" : " still runs");
    return end_seen_ ? Probe::in_force : Probe::unclear;
  }

  NodeControl& control_;
  Node victim_;
  std::optional<PidFd> handle_;    // where it is a process of this machine: the surest witness of its end
  std::optional<Status> revival_;  // what came of the last try
  Nanos revive_at_{0};
  bool asked_ = false, killed_ = false, end_seen_ = false, revived_ = false;
};

Result<std::unique_ptr<Fault>> make_node_kill(const FaultSpec& spec, Target& target) {
  NodeControl* control = target.nodes();
  if (control == nullptr)
    return Error{Errc::unavailable, "node_kill needs the ability 'nodes', which this target does not offer",
                 "add 'nodes' to `touch:` of a target that has it, or take the fault out"};
  const std::string name = target.resolve(spec.on);
  auto node = control->node(name);
  if (!node) return std::move(node).error().in("node_kill on " + spec.on);
  // A dead one cannot be killed, and counting its absence as our effect would be a lie.
  if (!node->ready) return Error{Errc::unavailable, "node_kill on " + spec.on + ": '" + name + "' is not ready"};
  return std::unique_ptr<Fault>(std::make_unique<NodeKill>(*control, std::move(*node)));
}

}  // namespace

FaultEntry node_kill_fault() {
  return {"node_kill",
          "kills one instance with SIGKILL, once",
          "a machine dies, or the kernel ends a process that took too much memory",
          "nodes",
          {},
          make_node_kill};
}

}  // namespace cardstorm
