// nodes: see nodes.hpp.
#include "reference_platform/ops/nodes.hpp"

#include <algorithm>

#include "reference_platform/ops/layout.hpp"
#include "reference_platform/ops/node_config.hpp"

namespace platform::ops {
namespace {

std::string loopback(int port) { return "http://127.0.0.1:" + std::to_string(port); }

}  // namespace

bool scalable(const std::string& role) {
  return role == "catalog" || role == "order" || role == "payment" || role == "inventory" || role == "delivery";
}

Nodes::Nodes(const UpOptions& options, std::string program, const std::string& dir, int supervisor_pipe,
             NodeConfig common, Ports& ports, Children& children)
    : options_(options),
      program_(std::move(program)),
      dir_(dir),
      supervisor_pipe_(supervisor_pipe),
      common_(std::move(common)),
      ports_(ports),
      children_(children) {
  common_.variant = options_.variant;
  common_.switches = options_.switches;
}

std::map<std::string, std::string> Nodes::options_of(const std::string& role) const {
  std::map<std::string, std::string> out;
  for (const auto& of : {std::string(), role})  // a role's own come last
    if (const auto found = options_.node_options.find(of); found != options_.node_options.end())
      for (const auto& [key, value] : found->second) out[key] = value;
  return out;
}

NodeConfig& Nodes::make(const std::string& name, const std::string& role) {
  NodeConfig c = common_;
  c.name = name;
  c.role = role;
  c.options = options_of(role);
  c.options.try_emplace("spans_file", dir_ + "/logs/" + name + ".spans.jsonl");
  c.port = order_.empty() && options_.port != 0 ? options_.port : ports_.take();  // the first one is the public one
  c.admin_port = ports_.take();
  order_.push_back(name);
  return configs_[name] = std::move(c);
}

void Nodes::make_layout() {
  for (const auto& i : layout(options_.variant)) make(i.name, i.role);
  common_.public_url = loopback(configs_.at(order_.front()).port);
  for (auto& [name, c] : configs_) c.public_url = common_.public_url;
  write_all();
  for (const auto& name : order_) add_child(configs_.at(name), "");
}

void Nodes::write_all() const {
  std::map<std::string, std::vector<std::string>> peers;
  for (const auto& name : order_)
    if (const NodeConfig& c = configs_.at(name); !canaries_.contains(name)) peers[c.role].push_back(loopback(c.port));
  for (const auto& [name, c] : configs_) {
    NodeConfig now = c;
    now.peers = peers;
    if (c.role == "gateway") name_canaries(now);
    write_config(file_of(c), now);
  }
}

Child& Nodes::add_child(const NodeConfig& c, const std::string& version) {
  Child child;
  child.name = c.name;
  child.role = c.role;
  child.version = version;
  child.url = loopback(c.port);
  child.admin_url = loopback(c.admin_port);
  child.command.program = program_;
  child.command.argv = {"cardstorm-platform",         "node", c.name, "--config", file_of(c), "--supervisor-fd",
                        std::to_string(kSupervisorFd)};
  child.command.log = dir_ + "/logs/" + c.name + ".log";
  child.command.supervisor_pipe = supervisor_pipe_;
  if (options_.variant == "fragile")
    child.policy =
        RestartPolicy::after(std::chrono::milliseconds(static_cast<std::int64_t>(options_.restart_delay_s * 1000)));
  return children_.add(std::move(child));
}

std::string Nodes::free_name(const std::string& role) const {
  for (int i = 2;; ++i)
    if (const std::string name = role + "-" + std::to_string(i); !configs_.contains(name)) return name;
}

std::string Nodes::start_another(const std::string& role) {
  const std::string name = free_name(role);
  const NodeConfig c = make(name, role);
  write_all();
  children_.launch(add_child(c, ""));
  return name;
}

void Nodes::name_canaries(NodeConfig& gateway) const {
  for (const auto& [name, canary] : canaries_) {
    const NodeConfig& c = configs_.at(name);
    gateway.peers[c.role + "@" + canary.version].push_back(loopback(c.port));
    gateway.options["canary." + c.role] = canary.version + "=" + std::to_string(canary.percent);
  }
}

void Nodes::weigh_canary(const std::string& name, int percent) {
  if (const auto found = canaries_.find(name); found != canaries_.end()) found->second.percent = percent;
  write_all();
}

std::string Nodes::start_canary(const std::string& role, const std::string& version, const domain::Switches& switches,
                                int percent) {
  const std::string name = role + "-canary";
  NodeConfig& c = make(name, role);
  canaries_[name] = {version, percent};
  c.switches = switches;
  c.options["version"] = version;
  write_all();
  children_.launch(add_child(c, version));
  return name;
}

void Nodes::leave(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    children_.leave(name);
    configs_.erase(name);
    canaries_.erase(name);
    std::erase(order_, name);
  }
  write_all();
}

}  // namespace platform::ops
