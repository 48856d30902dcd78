// docker: containers as nodes, by the Engine API over its unix socket (podman's answers alike). A kill by the API
// counts for the engine as stopped by hand: no restart policy acts on it (moby/moby#33306). So we start the container
// again, at once, as its policy would; the start is in the undo journal before the kill.
#include "harness/core/text.hpp"
#include "harness/lease/command.hpp"
#include "harness/net/control.hpp"
#include "harness/target/nodes.hpp"

namespace cardstorm {
namespace {

constexpr int kNotModified = 304;  // it runs already

class DockerNodes final : public NodeControl {
 public:
  explicit DockerNodes(NodeSpecs nodes) : nodes_(std::move(nodes)) {}

  Result<std::vector<Node>> nodes() override {
    std::vector<Node> all;
    for (const auto& [alias, spec] : nodes_) {
      auto one = node(alias);
      if (one)
        all.push_back(std::move(*one));
      else if (one.error().code == Errc::not_found)
        all.push_back(absent(alias));
      else
        return std::move(one).error();
    }
    return all;
  }

  Result<Node> node(const std::string& name) override {
    const auto spec = nodes_.find(name);
    if (spec == nodes_.end()) return no_such_node(name, nodes_);
    const auto container = inspect(spec->second);
    if (!container) return container.error();
    const Json& state = (*container)["State"];
    const bool running = state["Running"].boolean();
    Node node = absent(name);
    const Json& health = state["Health"]["Status"];
    node.ready = running && !state["Paused"].boolean() && !state["Restarting"].boolean() &&
                 (health.is_null() || health.string() == "healthy");
    if (running) node.instance = (*container)["Id"].string() + " started " + state["StartedAt"].string();
    return node;
  }

  Status kill(const Node& victim) override {
    const auto spec = nodes_.find(victim.name);
    if (spec == nodes_.end()) return no_such_node(victim.name, nodes_);
    const auto container = inspect(spec->second);
    if (!container) return container.error();
    if ((*container)["HostConfig"]["AutoRemove"].boolean())
      return Error{Errc::refused,
                   "container '" + spec->second.node + "' is removed when it ends: nobody could start it again",
                   "start it without --rm"};
    return call(spec->second, "/containers/" + id_of(victim) + "/kill?signal=KILL");
  }

  Status revive(const Node& victim) override {
    const auto spec = nodes_.find(victim.name);
    if (spec == nodes_.end()) return no_such_node(victim.name, nodes_);
    return call(spec->second, "/containers/" + id_of(victim) + "/start");
  }

  Undo undo(const Node& victim) override {
    const auto spec = nodes_.find(victim.name);
    if (spec == nodes_.end() || victim.instance.empty()) return NoUndo{};
    const std::string container = std::string(kBase) + "/containers/" + id_of(victim);
    HttpUndo start;
    start.url = container + "/start";
    start.unix_socket = spec->second.socket;
    start.accept = {kNotModified};
    start.within = kNodeStart;
    start.proof = ValueProof{container + "/json", spec->second.socket, "/State/Running", true};
    return start;
  }

 private:
  static constexpr const char* kBase = "http://docker";  // the name is not looked up: the socket is what is dialled

  static Node absent(const std::string& name) {
    Node node;
    node.name = name;
    node.role = "container";
    return node;
  }
  /// The container itself, not whatever bears its name by then.
  static std::string id_of(const Node& victim) { return victim.instance.substr(0, victim.instance.find(' ')); }

  static HttpResponse ask(const NodeSpec& spec, const std::string& method, const std::string& path) {
    // The engine answers a kill or a start when it is done.
    HttpRequest request = get(kBase + path, method == "GET" ? kControlTimeout : kCommandWithin);
    request.method = method;
    request.unix_socket = spec.socket;
    return fetch(request, AllowList());
  }
  static Error no_engine(const NodeSpec& spec, const HttpResponse& answer) {
    return {answer.cause == Cause::timeout ? Errc::timeout : Errc::unavailable,
            "no answer from the container engine at " + spec.socket + ": " + answer.error,
            "start the engine, correct `socket:` of the node, or let this user read it"};
  }
  static std::string words(const HttpResponse& answer) {
    const auto body = Json::parse(answer.body);
    return body && body->has("message") ? (*body)["message"].string() : "status " + std::to_string(answer.status);
  }

  static Result<Json> inspect(const NodeSpec& spec) {
    const HttpResponse answer = ask(spec, "GET", "/containers/" + url_encode(spec.node) + "/json");
    if (answer.cause != Cause::none) return no_engine(spec, answer);
    if (answer.status == 404)
      return Error{Errc::not_found, "there is no container '" + spec.node + "'", "see: docker ps"};
    if (answer.status != 200) return Error{Errc::io, "container '" + spec.node + "': " + words(answer)};
    auto container = Json::parse(answer.body);
    if (!container || (*container)["Id"].string().empty() || !(*container)["State"].is_object())
      return Error{Errc::invalid, spec.socket + " does not answer as a container engine does",
                   "give the socket of the Engine API"};
    return container;
  }
  static Status call(const NodeSpec& spec, const std::string& path) {
    const HttpResponse answer = ask(spec, "POST", path);
    if (answer.cause != Cause::none) return no_engine(spec, answer);
    if ((answer.status >= 200 && answer.status < 300) || answer.status == kNotModified) return ok();
    return Error{answer.status == 404 ? Errc::not_found : Errc::io, "container '" + spec.node + "': " + words(answer)};
  }

  const NodeSpecs nodes_;
};

}  // namespace

std::unique_ptr<NodeControl> make_docker_nodes(NodeSpecs nodes) {
  return std::make_unique<DockerNodes>(std::move(nodes));
}

}  // namespace cardstorm
