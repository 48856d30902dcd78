// ops_up: `cardstorm-platform up` in a process of its own, for tests. The nodes that it starts are this test program
// itself (ops_up.cpp).
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/ops/supervisor.hpp"
#include "tests/unit/platform/wait_until.hpp"

namespace platform::ops {

/// Tables of one row, views, and nothing else.
Parts small_parts();

inline std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// `up` in a process of its own, with pipes for stdin and stdout.
class Up {
 public:
  explicit Up(const UpOptions& options) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::close(in[1]);
      ::_exit(run(options));
    }
    ::close(in[0]);
    ::close(out[1]);
    stdin_ = in[1];
    char c;
    std::string line;
    while (::read(out[0], &c, 1) == 1 && c != '\n') line += c;
    ::close(out[0]);
    if (!line.empty()) ready = boost::json::parse(line).as_object();
  }
  Up(const Up&) = delete;
  Up& operator=(const Up&) = delete;
  ~Up() {
    close_stdin();
    if (pid_ > 0) wait();
  }
  void close_stdin() {
    if (stdin_ >= 0) ::close(stdin_);
    stdin_ = -1;
  }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void kill(int signal) const { ::kill(pid_, signal); }
  [[nodiscard]] std::string text(const char* key) const { return std::string(ready.at(key).as_string()); }
  [[nodiscard]] boost::json::array nodes() const {
    return boost::json::parse(control("GET", "/nodes").body).at("nodes").as_array();
  }
  [[nodiscard]] boost::json::object node() const { return nodes().at(0).as_object(); }
  edge::CallResult control(const std::string& method, const std::string& path, const std::string& body = "") const {
    return edge::call(method, text("control_url") + path, body, {},
                      {std::chrono::seconds(1), std::chrono::seconds(40)});
  }
  [[nodiscard]] static pid_t pid_of(const boost::json::object& node) {
    return static_cast<pid_t>(node.at("pid").as_int64());
  }
  boost::json::object ready;

 private:
  static int run(const UpOptions& options) {
    try {
      return run_supervisor(options, small_parts());
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
      return 4;
    }
  }
  pid_t pid_ = 0;
  int stdin_ = -1;
};

inline bool gone(pid_t pid) {
  const std::string stat = text_of("/proc/" + std::to_string(pid) + "/stat");
  return stat.empty() || stat.find(") Z") != std::string::npos;  // a zombie where nobody reaps orphans
}

}  // namespace platform::ops
