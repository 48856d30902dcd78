// process: a child process of its own group that inherits nothing but its log, and whose end cannot be mistaken for
// another's.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace platform::ops {

/// The environment lacks something or broke: one line for people, exit code 4.
struct EnvironmentError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An unprivileged account for servers that refuse to run as root.
struct Account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

inline constexpr int kSupervisorFd = 3;  // where a child finds the read end of its supervisor's pipe

struct Command {
  std::string program;            // path of the executable
  std::vector<std::string> argv;  // argv[0] is free: some programs look at it
  std::string directory = "/";
  std::string log;  // appended: stdout and stderr
  std::optional<Account> account;
  std::optional<std::vector<std::string>> environment;  // "NAME=value"; unset: ours
  int supervisor_pipe = -1;                             // becomes kSupervisorFd: EOF there means that we are gone
  int death_signal = 9;                                 // sent by the kernel when the thread that spawned ends
};

/// Owns a child: what still runs when this goes is killed, with its group.
class Process {
 public:
  Process() = default;
  Process(Process&& other) noexcept { swap(other); }
  Process& operator=(Process&& other) noexcept {
    swap(other);
    return *this;
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  /// Throws EnvironmentError. The calling thread must live as long as the child (death_signal).
  static Process spawn(const Command& command);

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::uint64_t start_time() const { return start_time_; }
  /// Readable when the child has ended; -1 when there is none.
  [[nodiscard]] int pidfd() const { return pidfd_; }
  /// Reaps it when it has ended.
  bool ended();
  /// True when it ended within `limit`.
  bool wait(std::chrono::milliseconds limit);
  void signal(int number) const;
  /// "exit code 1", "signal 9"; after ended().
  [[nodiscard]] std::string how() const;
  [[nodiscard]] bool good() const;  // ended with exit code 0

 private:
  void swap(Process& other) noexcept;
  pid_t pid_ = 0;
  int pidfd_ = -1, status_ = 0;
  std::uint64_t start_time_ = 0;
  bool ended_ = false;
};

/// Field 22 of /proc/PID/stat; 0 when there is no such process.
std::uint64_t start_time_of(pid_t pid);
/// The last lines of a log as one line, for an error message.
std::string log_tail(const std::string& path);

}  // namespace platform::ops
