// real_docker: a Docker daemon of our own for tests: its socket, images and containers lie in one folder and go with
// it. No bridge and no firewall rules, so containers use the host's network. Debian's docker.io and root are needed.
#pragma once

#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/files.hpp"
#include "harness/lease/process.hpp"
#include "tests/support/eventually.hpp"

namespace cardstorm::test {

class RealDocker {
 public:
  RealDocker() {
    std::string pattern = "/tmp/cardstorm-docker-XXXXXX";  // short: a socket's path has at most 107 bytes
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
    start();
  }
  ~RealDocker() {
    if (daemon_) {
      for (const std::string& name : names_) (void)docker({"rm", "-f", name});
      (void)daemon_->terminate(Nanos(0), 20s);  // it does not read its stdin
    }
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/exec/netns", ignored))
      ::umount2(entry.path().c_str(), MNT_DETACH);
    std::filesystem::remove_all(folder_, ignored);
  }
  RealDocker(const RealDocker&) = delete;
  RealDocker& operator=(const RealDocker&) = delete;

  /// Why there is none; "" when it runs.
  [[nodiscard]] const std::string& absent() const { return absent_; }
  [[nodiscard]] std::string socket() const { return folder_ + "/engine.sock"; }
  [[nodiscard]] std::string host() const { return "unix://" + socket(); }

  struct Said {
    int code = -1;
    std::string out;
  };
  Said docker(std::vector<std::string> args, Nanos wait = 60s) const {
    ProcessSpec spec;
    spec.program = "docker";
    spec.args = std::move(args);
    spec.env = {{"DOCKER_HOST", host()}, {"DOCKER_CONFIG", folder_}};
    spec.stderr_path = folder_ + "/stderr";
    spec.marked = false;
    std::filesystem::remove(spec.stderr_path);
    Said said;
    const auto code = run_program(spec, wait, [&](const std::string& line) { said.out += line + "\n"; });
    said.code = code ? *code : -1;
    if (const auto err = read_file(spec.stderr_path)) said.out += *err;
    return said;
  }

  /// A container that runs a program of this machine, whose folders it sees and cannot write. It goes with the daemon.
  Said run(const std::string& name, const std::vector<std::string>& options, const std::vector<std::string>& argv) {
    names_.push_back(name);
    std::vector<std::string> args = {"run", "-d", "--name", name, "--network", "host"};
    for (const char* folder : {"/usr", "/lib", "/lib64", "/bin"})
      args.insert(args.end(), {"-v", std::string(folder) + ":" + folder + ":ro"});
    args.insert(args.end(), options.begin(), options.end());
    args.push_back("cardstorm-test");
    args.insert(args.end(), argv.begin(), argv.end());
    return docker(args);
  }
  /// The same, with a web server on this port of loopback.
  Said run_pages(const std::string& name, int port, const std::vector<std::string>& options = {}) {
    return run(name, options,
               {"/usr/bin/python3", "-m", "http.server", std::to_string(port), "--bind", "127.0.0.1", "--directory",
                "/usr/share/doc/python3"});
  }

 private:
  void start() {
    if (::geteuid() != 0) {
      absent_ = "a Docker daemon needs root";
      return;
    }
    ProcessSpec spec;
    spec.program = "dockerd";
    spec.args = {
        "--iptables=false", "--ip6tables=false", "--bridge=none",   "-H",        host(),          "--data-root",
        folder_ + "/data",  "--exec-root",       folder_ + "/exec", "--pidfile", folder_ + "/pid"};
    spec.stderr_path = folder_ + "/log";
    auto daemon = Process::spawn(spec);
    if (!daemon) {
      absent_ = daemon.error().what + " (apt-get install docker.io)";
      return;
    }
    daemon_.emplace(std::move(*daemon));
    const bool up = eventually([&] { return daemon_->wait(Nanos(0)) || docker({"version"}).code == 0; }, 60s);
    if (!up || daemon_->wait(Nanos(0))) {
      const auto log = read_file(folder_ + "/log");
      absent_ = "the Docker daemon does not run here: " + (log ? *log : log.error().what);
      return;
    }
    // An image of nothing: what runs in it are this machine's own programs.
    const std::string tar = folder_ + "/empty.tar";
    if (!write_file(tar, std::string(10240, '\0')) || docker({"import", tar, "cardstorm-test"}).code != 0)
      absent_ = "the Docker daemon takes no image";
  }

  std::string folder_, absent_;
  std::optional<Process> daemon_;
  std::vector<std::string> names_;
};

}  // namespace cardstorm::test
