// process: a child process that we own. Its stdin is the lifeline: when we close it, or die, the child's tree ends. It
// is waited for by pidfd, inherits no descriptors, and leads a session of its own. process.cpp is the only door of
// Boost.Process.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"
#include "harness/lease/identity.hpp"

namespace cardstorm {

struct ProcessSpec {
  std::string program;                                   // a path, or a name to be found in PATH
  std::vector<std::string> args;                         // without the program itself; no shell ever reads them
  std::vector<std::pair<std::string, std::string>> env;  // added to ours
  std::string stderr_path;                               // appended to; "" is /dev/null
  bool read_stdout = true;                               // false: /dev/null
  bool marked = true;                                    // carries a tree mark, see identity.hpp
  bool deaf = false;  // ignores INT, TERM, HUP and QUIT from its first instruction on
};

/// Destroying a Process ends it as terminate() does with short waits. One thread at a time.
class Process {
 public:
  /// Errc::unavailable when the program cannot be started; says why.
  static Result<Process> spawn(const ProcessSpec& spec);
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  ~Process();

  [[nodiscard]] ProcessId id() const;
  /// The mark in the environment of its whole tree, "" when not marked.
  [[nodiscard]] const std::string& mark() const;

  /// Next line of its stdout without the newline; nullopt at the end of the output. Errc::timeout after `wait`;
  /// Errc::invalid for a line above 16 MiB.
  Result<std::optional<std::string>> read_line(Nanos wait);
  /// Writes all of `text` to its stdin. Errc::io when the child no longer reads.
  Status write(std::string_view text);
  /// Cuts the lifeline.
  void close_stdin();
  /// Exit code (128 + signal when killed), or nullopt when it still runs after `wait`. May be called again.
  std::optional<int> wait(Nanos wait);
  /// Cuts the lifeline, waits `grace`; then SIGTERM, waits `term`; then SIGKILL to the whole tree. After a disorderly
  /// end the rest of its tree is killed too. Returns the exit code; an error only when something survived SIGKILL.
  /// Twice is fine.
  Result<int> terminate(Nanos grace = 10s, Nanos term = 3s);

 private:
  struct Impl;
  explicit Process(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Where `program` lies: a path as it is, a name in PATH. Errc::unavailable, with what to do, when it cannot be run.
Result<std::string> find_program(const std::string& program);

/// Runs a short-lived program to its end and hands each line of its stdout to `line`. Returns its exit code.
/// Errc::timeout after `wait`: then it has been ended.
template <class OnLine>
Result<int> run_program(const ProcessSpec& spec, Nanos wait, OnLine&& line) {
  auto child = Process::spawn(spec);
  if (!child) return std::move(child).error();
  child->close_stdin();
  const Nanos end = monotonic_now() + wait;
  for (;;) {
    auto next = child->read_line(end - monotonic_now());
    if (!next) {
      (void)child->terminate(Nanos(0), 1s);
      return std::move(next).error();
    }
    if (!next->has_value()) break;
    line(std::move(**next));
  }
  const auto code = child->wait(end - monotonic_now());
  if (!code) return Error{Errc::timeout, spec.program + " did not end in time"};
  return *code;
}

}  // namespace cardstorm
