// supervised: see supervised.hpp.
#include "harness/target/supervised.hpp"

#include <mutex>

#include "harness/core/text.hpp"
#include "harness/net/control.hpp"

namespace cardstorm {
namespace {

Node node_of(const Json& json) {
  Node node;
  node.name = json["name"].string();
  node.role = json["role"].string();
  node.url = json["url"].string();
  node.admin_url = json["admin_url"].string();
  node.pid = static_cast<pid_t>(json["pid"].integer());
  node.start_time = static_cast<std::uint64_t>(json["start_time"].integer());
  node.ready = json["ready"].boolean();
  if (node.pid > 0) node.instance = "pid " + std::to_string(node.pid) + " started " + std::to_string(node.start_time);
  return node;
}

class SupervisorNodes final : public NodeControl {
 public:
  SupervisorNodes(std::string control_url, AllowList allow) : url_(std::move(control_url)), allow_(std::move(allow)) {}
  Result<std::vector<Node>> nodes() override {
    auto answer = control_call(get(url_ + "/nodes"), allow_);
    if (!answer) return std::move(answer).error();
    if (!(*answer)["nodes"].is_array()) return Error{Errc::invalid, url_ + "/nodes: no member 'nodes'"};
    std::vector<Node> nodes;
    for (const auto& item : (*answer)["nodes"].items()) nodes.push_back(node_of(item));
    return nodes;
  }

 private:
  std::string url_;
  AllowList allow_;
};

/// Speaks to each node's admin address. It stays the same over restarts, so it is asked for once.
class AdminPool final : public PoolControl {
 public:
  AdminPool(NodeControl& nodes, std::map<std::string, NodeSpec> aliases, AllowList allow)
      : nodes_(nodes), aliases_(std::move(aliases)), allow_(std::move(allow)) {}

  Status hold(const std::string& node, Nanos lease) override {
    return set(node, std::chrono::duration_cast<std::chrono::milliseconds>(lease).count());
  }
  Status release(const std::string& node) override { return set(node, 0); }

  Result<PoolState> state(const std::string& node) override {
    auto base = admin_url(node);
    if (!base) return std::move(base).error();
    auto answer = control_call(get(*base + "/admin/pool"), allow_);
    if (!answer) return std::move(answer).error();
    const auto count = [&](const char* name) { return static_cast<int>((*answer)[name].integer(-1)); };
    PoolState state{count("max"), count("idle"), count("held"), count("used"), count("waiting")};
    if (state.max < 0 || state.idle < 0 || state.held < 0 || state.used < 0)
      return Error{Errc::invalid, *base + "/admin/pool: members are missing"};
    return state;
  }

  Result<Undo> undo(const std::string& node) override {
    const auto base = admin_url(node);
    if (!base) return base.error();
    HttpUndo release;
    release.url = *base + "/admin/pool/hold";
    release.headers = {{"Content-Type", "application/json"}};
    release.body = R"({"lease_ms":0})";
    release.proof = ValueProof{*base + "/admin/pool", "", "/held", 0};
    return Undo(std::move(release));
  }

 private:
  Result<std::string> admin_url(const std::string& alias) {
    const auto found = aliases_.find(alias);
    const std::string& name = found == aliases_.end() ? alias : found->second.node;
    const std::lock_guard lock(mutex_);
    if (const auto known = admin_.find(name); known != admin_.end()) return known->second;
    auto nodes = nodes_.nodes();
    if (!nodes) return std::move(nodes).error();
    std::vector<std::string> names;
    for (const auto& node : *nodes) {
      names.push_back(node.name);
      if (node.name == name && !node.admin_url.empty()) return admin_[name] = node.admin_url;
    }
    return Error{Errc::not_found, "no node '" + name + "' with an admin address", "it has: " + join(names, ", ")};
  }

  Status set(const std::string& node, std::int64_t lease_ms) {
    auto base = admin_url(node);
    if (!base) return std::move(base).error();
    auto answer = control_call(post(*base + "/admin/pool/hold", Json::object({{"lease_ms", lease_ms}}).dump()), allow_);
    if (!answer) return std::move(answer).error();
    return ok();
  }

  NodeControl& nodes_;
  const std::map<std::string, NodeSpec> aliases_;
  AllowList allow_;
  std::mutex mutex_;
  std::map<std::string, std::string> admin_;
};

}  // namespace

std::unique_ptr<NodeControl> make_supervisor_nodes(std::string control_url, AllowList allow) {
  return std::make_unique<SupervisorNodes>(std::move(control_url), std::move(allow));
}
std::unique_ptr<PoolControl> make_admin_pool(NodeControl& nodes, std::map<std::string, NodeSpec> aliases,
                                             AllowList allow) {
  return std::make_unique<AdminPool>(nodes, std::move(aliases), std::move(allow));
}

}  // namespace cardstorm
