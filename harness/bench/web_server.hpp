// web_server: a private nginx with one worker on a free port: the server that all tools of a bench are aimed at, and
// that is killed or frozen on purpose. Never reuseport: a second instance would share the port silently, and a kill
// would kill nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"
#include "harness/lease/process.hpp"

namespace cardstorm {

class WebServer {
 public:
  /// Errc::unavailable when there is no nginx or it does not answer. `dir` must exist; `cpu` >= 0 pins its worker
  /// there.
  static Result<WebServer> start(const std::string& dir, int cpu);
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }
  [[nodiscard]] int port() const { return port_; }
  // Each returns the monotonic time at which it took effect: the truth that tools are held against.
  /// SIGKILL to master and worker; returns when both are gone.
  Result<Nanos> kill();
  /// The same configuration on the same port again; returns when it answers.
  Result<Nanos> restart();
  /// SIGSTOP to master and worker, SIGCONT.
  Result<Nanos> freeze();
  Result<Nanos> thaw();
  Status stop();

 private:
  WebServer() = default;
  Status launch();
  Status open_handles();
  Result<Nanos> signal_all(int number);

  std::string dir_;
  int port_ = 0, cpu_ = -1;
  Nanos answered_{0};  // when the first request that it answered was sent
  std::optional<Process> process_;
  std::vector<PidFd> handles_;  // master, then worker: opened while all is well, so that a signal costs microseconds
};

}  // namespace cardstorm
