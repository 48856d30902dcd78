// command_nodes: nodes that are killed, started and looked at by commands of the user. A probe may print which instance
// it saw (such as a pid): then a restart is seen even when nobody saw the node down.
#include <mutex>
#include <utility>

#include "harness/core/text.hpp"
#include "harness/lease/command.hpp"
#include "harness/lease/process.hpp"
#include "harness/target/nodes.hpp"

namespace cardstorm {
namespace {

class CommandNodes final : public NodeControl {
 public:
  CommandNodes(NodeSpecs nodes, std::string log) : nodes_(std::move(nodes)), log_(std::move(log)) {
    for (const auto& [alias, spec] : nodes_) seen_[alias];
  }

  Result<std::vector<Node>> nodes() override {
    std::vector<Node> all;
    for (const auto& [alias, spec] : nodes_) {
      auto one = node(alias);
      if (!one) return std::move(one).error();
      all.push_back(std::move(*one));
    }
    return all;
  }

  Result<Node> node(const std::string& name) override {
    const auto spec = nodes_.find(name);
    if (spec == nodes_.end()) return no_such_node(name, nodes_);
    if (auto all = can_run(name, spec->second); !all) return all.error();
    // One look at a time: an "up" from before a kill that comes in after the "down" would pass for a restart.
    Seen& seen = seen_[name];
    const std::lock_guard lock(seen.mutex);
    const auto answer = run_probe(spec->second.probe, kProbeWithin, log_);
    if (!answer) return Error(answer.error()).in("probe of node '" + name + "'");
    Node node;
    node.name = name;
    node.role = "command";
    node.ready = answer->up;
    node.instance = identity(seen, *answer);
    return node;
  }

  Status kill(const Node& victim) override {
    const auto spec = nodes_.find(victim.name);
    if (spec == nodes_.end()) return no_such_node(victim.name, nodes_);
    return run("kill", victim.name, spec->second.kill);
  }
  Status revive(const Node& victim) override {
    const auto spec = nodes_.find(victim.name);
    if (spec == nodes_.end()) return no_such_node(victim.name, nodes_);
    if (spec->second.undo.empty()) return ok();
    const auto now = node(victim.name);
    if (now && now->ready) return ok();  // somebody was faster; a second instance is not wanted
    return run("undo", victim.name, spec->second.undo);
  }

  Undo undo(const Node& victim) override {
    const auto spec = nodes_.find(victim.name);
    if (spec == nodes_.end() || spec->second.undo.empty()) return NoUndo{};
    return CommandUndo{spec->second.undo, kNodeStart, log_, CommandProof{spec->second.probe}};
  }

 private:
  /// What kills and mends must be there before it is needed.
  static Status can_run(const std::string& name, const NodeSpec& spec) {
    for (const auto& [what, argv] : {std::pair("kill", &spec.kill), std::pair("undo", &spec.undo)})
      if (!argv->empty())
        if (auto program = find_program(argv->front()); !program)
          return Error(program.error()).in(std::string(what) + " of node '" + name + "'");
    return ok();
  }
  Status run(const char* what, const std::string& name, const std::vector<std::string>& argv) const {
    const std::string where = std::string(what) + " of node '" + name + "'";
    const auto code = run_command(argv, kCommandWithin, log_);
    if (!code) return Error(code.error()).in(where);
    if (*code != 0)
      return Error{Errc::io, where + ": '" + argv[0] + "' ended with code " + std::to_string(*code),
                   log_.empty() ? "" : "see " + log_};
    return ok();
  }

  struct Seen {
    std::mutex mutex;
    bool up = false;
    int times = 0;
  };
  /// What the probe said; else how often we have seen it come up.
  static std::string identity(Seen& seen, const ProbeAnswer& answer) {
    if (answer.up && !seen.up) ++seen.times;
    seen.up = answer.up;
    if (!answer.up) return "";
    return answer.said.empty() ? "up, seen to come up " + std::to_string(seen.times) + " times" : answer.said;
  }

  const NodeSpecs nodes_;
  const std::string log_;
  std::map<std::string, Seen> seen_;  // all of them from the beginning: the map itself never changes
};

}  // namespace

std::unique_ptr<NodeControl> make_command_nodes(NodeSpecs nodes, std::string log) {
  return std::make_unique<CommandNodes>(std::move(nodes), std::move(log));
}

}  // namespace cardstorm
