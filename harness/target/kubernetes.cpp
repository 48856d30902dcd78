// kubernetes: pods as nodes, by kubectl as an argv with context and namespace in every call. The pods' controller makes
// them again; a pod without one is refused, since nobody would.
#include <algorithm>
#include <mutex>

#include "harness/core/text.hpp"
#include "harness/lease/process.hpp"
#include "harness/target/nodes.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kAnswerMax = std::size_t{32} << 20;
constexpr Nanos kFresh{2s};  // the sampler asks twice a second; a process each time would be load of our own

struct Pod {
  std::string name, uid;
  bool ready = false, owned = false;
};

Pod pod_of(const Json& item) {
  Pod pod{item["metadata"]["name"].string(), item["metadata"]["uid"].string(), false,
          !item["metadata"]["ownerReferences"].items().empty()};
  const bool ending = item["metadata"].has("deletionTimestamp");
  for (const Json& condition : item["status"]["conditions"].items())
    if (condition["type"].string() == "Ready") pod.ready = !ending && condition["status"].string() == "True";
  return pod;
}

class KubernetesNodes final : public NodeControl {
 public:
  explicit KubernetesNodes(NodeSpecs nodes) : nodes_(std::move(nodes)) {}

  Result<std::vector<Node>> nodes() override {
    const std::lock_guard lock(mutex_);
    if (seen_ && monotonic_now() - seen_at_ < kFresh) return *seen_;
    std::vector<Node> all;
    for (const auto& [alias, spec] : nodes_) {
      auto pods = pods_of(spec);
      if (!pods) return std::move(pods).error();
      all.push_back(node_of(alias, spec, *pods));
    }
    seen_ = all;
    seen_at_ = monotonic_now();
    return all;
  }

  Result<Node> node(const std::string& name) override {
    const auto spec = nodes_.find(name);
    if (spec == nodes_.end()) return no_such_node(name, nodes_);
    auto pods = pods_of(spec->second);
    if (!pods) return std::move(pods).error();
    return node_of(name, spec->second, *pods);
  }

  Status kill(const Node& victim) override {
    const auto spec = nodes_.find(victim.name);
    if (spec == nodes_.end()) return no_such_node(victim.name, nodes_);
    auto pods = pods_of(spec->second);
    if (!pods) return std::move(pods).error();
    std::vector<std::string> args{"delete", "pod"};
    for (const Pod& pod : *pods) {
      if (!among(victim, pod)) continue;
      if (!pod.owned)
        return Error{Errc::refused, "pod '" + pod.name + "' has no controller: nobody would make it again",
                     "select pods of a Deployment or StatefulSet"};
      args.push_back(pod.name);
    }
    if (args.size() == 2) return Error{Errc::not_found, "the pods of node '" + victim.name + "' have gone already"};
    args.insert(args.end(), {"--grace-period=0", "--force", "--wait=false"});
    const auto out = kubectl(spec->second, args);
    if (!out) return out.error();
    return ok();
  }

  Result<bool> ended(const Node& victim) override {
    auto pods = pods_behind(victim);
    if (!pods) return std::move(pods).error();
    return std::none_of(pods->begin(), pods->end(), [&](const Pod& pod) { return among(victim, pod); });
  }
  /// As many ready pods as before, none of them the victim.
  Result<bool> replaced(const Node& victim) override {
    auto pods = pods_behind(victim);
    if (!pods) return std::move(pods).error();
    const auto fresh =
        std::count_if(pods->begin(), pods->end(), [&](const Pod& pod) { return pod.ready && !among(victim, pod); });
    return fresh >= victim.copies;
  }

 private:
  /// The identity of a node is that of the pods that would be killed: "name/uid name/uid".
  static Node node_of(const std::string& name, const NodeSpec& spec, const std::vector<Pod>& pods) {
    Node node;
    node.name = name;
    node.role = "pod";
    node.copies = 0;
    for (const Pod& pod : pods) {
      if (!pod.ready) continue;
      if (++node.copies <= static_cast<int>(spec.max))
        node.instance += (node.instance.empty() ? "" : " ") + pod.name + "/" + pod.uid;
    }
    node.ready = node.copies > 0;
    return node;
  }
  static bool among(const Node& victim, const Pod& pod) {
    const auto killed = split(victim.instance, ' ');
    return std::count(killed.begin(), killed.end(), pod.name + "/" + pod.uid) > 0;
  }
  Result<std::vector<Pod>> pods_behind(const Node& victim) {
    const auto spec = nodes_.find(victim.name);
    if (spec == nodes_.end()) return no_such_node(victim.name, nodes_);
    return pods_of(spec->second);
  }

  /// Sorted by name. One from another namespace is a sign that something is very wrong.
  static Result<std::vector<Pod>> pods_of(const NodeSpec& spec) {
    const auto text = kubectl(spec, {"get", "pods", "-l", spec.selector, "-o", "json"});
    if (!text) return text.error();
    const auto json = Json::parse(*text);
    if (!json || !(*json)["items"].is_array()) return Error{Errc::invalid, "kubectl did not print a list of pods"};
    std::vector<Pod> pods;
    for (const Json& item : (*json)["items"].items()) {
      if (item["metadata"]["namespace"].string() != spec.name_space)
        return Error{Errc::refused, "kubectl answered for namespace '" + item["metadata"]["namespace"].string() +
                                        "' when asked for '" + spec.name_space + "'"};
      pods.push_back(pod_of(item));
    }
    std::sort(pods.begin(), pods.end(), [](const Pod& a, const Pod& b) { return a.name < b.name; });
    return pods;
  }

  /// What it printed. context and namespace stand in every call.
  static Result<std::string> kubectl(const NodeSpec& spec, const std::vector<std::string>& args) {
    ProcessSpec process;
    process.program = spec.kubectl;
    process.args = {"--context", spec.context, "--namespace", spec.name_space, "--request-timeout=4s"};
    process.args.insert(process.args.end(), args.begin(), args.end());
    process.marked = false;
    std::string out;
    const auto code = run_program(process, kKubectl, [&](const std::string& line) {
      if (out.size() < kAnswerMax) out += line + "\n";
    });
    if (!code) return Error(code.error()).in("kubectl");
    if (*code != 0)
      return Error{
          Errc::unavailable,
          "kubectl " + args[0] + " in namespace '" + spec.name_space + "' ended with code " + std::to_string(*code),
          "try: " + spec.kubectl + " --context " + spec.context + " --namespace " + spec.name_space + " get pods -l '" +
              spec.selector + "'"};
    return out;
  }

  const NodeSpecs nodes_;
  std::mutex mutex_;
  std::optional<std::vector<Node>> seen_;
  Nanos seen_at_{0};
};

}  // namespace

std::unique_ptr<NodeControl> make_kubernetes_nodes(NodeSpecs nodes) {
  return std::make_unique<KubernetesNodes>(std::move(nodes));
}

}  // namespace cardstorm
