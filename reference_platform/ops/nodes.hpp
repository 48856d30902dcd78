// nodes: the settings of the platform's nodes: who is there, on which ports, with which switches, and who knows of
// whom.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reference_platform/ops/child.hpp"
#include "reference_platform/ops/node.hpp"
#include "reference_platform/ops/ports.hpp"
#include "reference_platform/ops/supervisor.hpp"

namespace platform::ops {

/// May be run in several instances, or in more or fewer while the platform runs.
bool scalable(const std::string& role);

/// The watching thread only.
class Nodes {
 public:
  /// `common`: what all nodes share (addresses of stores and partners, key).
  Nodes(const UpOptions& options, std::string program, const std::string& dir, int supervisor_pipe, NodeConfig common,
        Ports& ports, Children& children);

  /// The variant's layout. Settings are written, nothing is started.
  void make_layout();
  /// One more of a role: written and started. `version` and `switches`: a canary, which nobody but the gateway knows.
  /// Returns its name.
  std::string start_another(const std::string& role);
  std::string start_canary(const std::string& role, const std::string& version, const domain::Switches& switches,
                           int percent);
  /// A gateway that starts again gives it this share.
  void weigh_canary(const std::string& name, int percent);
  /// Tells an instance to go, and the others' settings that it has gone, for when they start again.
  void leave(const std::vector<std::string>& names);
  /// After instances came: settings of all name all.
  void write_all() const;

  [[nodiscard]] const std::string& public_url() const { return common_.public_url; }

 private:
  NodeConfig& make(const std::string& name, const std::string& role);
  void name_canaries(NodeConfig& gateway) const;
  Child& add_child(const NodeConfig& config, const std::string& version);
  [[nodiscard]] std::map<std::string, std::string> options_of(const std::string& role) const;
  [[nodiscard]] std::string free_name(const std::string& role) const;
  [[nodiscard]] std::string file_of(const NodeConfig& config) const { return dir_ + "/nodes/" + config.name + ".json"; }

  const UpOptions& options_;
  const std::string program_, dir_;
  const int supervisor_pipe_;
  NodeConfig common_;
  Ports& ports_;
  Children& children_;
  std::map<std::string, NodeConfig> configs_;  // by name
  std::vector<std::string> order_;             // names as they came: the first of a role is the one that stays
  struct Canary {
    std::string version;
    int percent = 0;
  };
  std::map<std::string, Canary> canaries_;  // by name
};

}  // namespace platform::ops
