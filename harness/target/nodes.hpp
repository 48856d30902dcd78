// nodes: the nodes of a platform that runs already, as its target file describes them: containers, pods, or commands of
// the user. Each kind is a NodeControl over its own aliases; together they look like one. The name of a node is its
// alias.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "harness/plan/target_spec.hpp"
#include "harness/target/target.hpp"

namespace cardstorm {

using NodeSpecs = std::map<std::string, NodeSpec>;  // alias -> how it is reached

/// Containers, by the Engine API over its unix socket.
std::unique_ptr<NodeControl> make_docker_nodes(NodeSpecs nodes);
/// Pods, by kubectl; never outside the context and namespace of the spec.
std::unique_ptr<NodeControl> make_kubernetes_nodes(NodeSpecs nodes);
/// Commands of the user for kill, undo and probe; what they complain about goes to the file `log` ("" = nowhere).
std::unique_ptr<NodeControl> make_command_nodes(NodeSpecs nodes, std::string log);

/// All of them; a kind that is none of these is left out.
std::unique_ptr<NodeControl> make_nodes(const NodeSpecs& nodes, const std::string& log);

/// The error for a name that none of `nodes` bears.
Error no_such_node(const std::string& name, const NodeSpecs& nodes);

/// How long a call of kubectl may take.
inline constexpr Nanos kKubectl{5s};
/// How long a node that we started again may take until it runs, before an undo counts as failed.
inline constexpr Nanos kNodeStart{30s};

}  // namespace cardstorm
