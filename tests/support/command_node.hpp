// command_node: a real process (an HTTP server of python3) that scripts kill, start and look at, as a user's commands
// would.
#pragma once

#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "harness/core/files.hpp"
#include "harness/lease/command.hpp"
#include "harness/plan/target_spec.hpp"

namespace cardstorm::test {

class CommandNode {
 public:
  /// `says_pid`: the probe prints which instance it saw.
  explicit CommandNode(const std::string& dir, bool says_pid = true) : dir_(dir) {
    script("start", "test -e '" + dir +
                        "/broken' && exit 7\npython3 -m http.server 0 --bind 127.0.0.1 >/dev/null 2>&1 &\necho $! > '" +
                        dir + "/pid'\n");
    script("kill", "kill -9 $(cat '" + dir + "/pid')\n");
    script("probe", std::string("pid=$(cat '") + dir + "/pid') && kill -0 $pid && " +
                        (says_pid ? "echo \"pid $pid\"" : "true") + "\n");
  }
  ~CommandNode() {
    if (const int pid = this->pid(); pid > 1 && ::kill(pid, 0) == 0) ::kill(pid, SIGKILL);
  }
  CommandNode(const CommandNode&) = delete;
  CommandNode& operator=(const CommandNode&) = delete;

  [[nodiscard]] NodeSpec spec() const { return spec_in(dir_); }
  /// For a process that did not make it.
  static NodeSpec spec_in(const std::string& dir) {
    NodeSpec node;
    node.kind = "command";
    node.kill = {dir + "/kill"};
    node.probe = {dir + "/probe"};
    node.undo = {dir + "/start"};
    return node;
  }
  /// While broken, its start command fails.
  void break_start(bool broken) const {
    if (broken)
      std::ofstream(dir_ + "/broken") << "";
    else
      std::remove((dir_ + "/broken").c_str());
  }
  [[nodiscard]] bool start() const { return run_command({dir_ + "/start"}, 5s, "").has_value(); }
  [[nodiscard]] int pid() const {
    const auto text = read_file(dir_ + "/pid");
    return text ? std::atoi(text->c_str()) : 0;
  }
  [[nodiscard]] bool alive() const {
    const int id = pid();
    return id > 1 && ::kill(id, 0) == 0;
  }

 private:
  void script(const std::string& name, const std::string& body) const {
    std::ofstream(dir_ + "/" + name) << "#!/bin/sh\n" << body;
    ::chmod((dir_ + "/" + name).c_str(), 0755);
  }
  std::string dir_;
};

}  // namespace cardstorm::test
