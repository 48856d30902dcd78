// fake_kubectl: a program that answers as kubectl does for a Deployment of two pods, from a folder: pods.json is what
// `get` prints, argv.log what it was called with. `delete` takes the pods away; replace() is the controller.
#pragma once

#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace cardstorm::test {

class FakeKubectl {
 public:
  struct Pod {
    std::string name, uid;
    bool ready = true, owned = true;
    std::string name_space = "shop";
  };

  explicit FakeKubectl(const std::string& dir) : dir_(dir), program_(dir + "/kubectl") {
    std::ofstream(program_) << "#!/bin/sh\necho \"$*\" >> '" << dir << "/argv.log'\n"
                            << "case \"$6\" in get) cat '" << dir << "/pods.json';; delete) cp '" << dir
                            << "/after.json' '" << dir << "/pods.json';; *) exit 9;; esac\n";
    ::chmod(program_.c_str(), 0755);
  }
  [[nodiscard]] const std::string& program() const { return program_; }
  void pods(const std::vector<Pod>& pods) const { put("pods.json", pods); }
  /// What is there when a delete was carried out.
  void after_delete(const std::vector<Pod>& pods) const { put("after.json", pods); }
  [[nodiscard]] std::vector<std::string> calls() const {
    std::ifstream file(dir_ + "/argv.log");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

 private:
  void put(const std::string& name, const std::vector<Pod>& pods) const {
    std::ostringstream out;
    out << R"({"kind":"List","items":[)";
    const char* between = "";
    for (const Pod& pod : pods) {
      out << between << R"({"metadata":{"name":")" << pod.name << R"(","uid":")" << pod.uid << R"(","namespace":")"
          << pod.name_space << "\"";
      if (pod.owned) out << R"(,"ownerReferences":[{"kind":"ReplicaSet"}])";
      out << R"(},"status":{"conditions":[{"type":"Ready","status":")" << (pod.ready ? "True" : "False") << R"("}]}})";
      between = ",\n";
    }
    out << "]}\n";
    std::ofstream(dir_ + "/" + name) << out.str();
  }
  std::string dir_, program_;
};

}  // namespace cardstorm::test
