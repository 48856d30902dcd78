// identity: a pid alone may be reused; (pid, start time) within one boot names exactly one process. Signals go through
// a pidfd that was checked against it, so that no stranger is ever hit.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"
#include "harness/core/unique_fd.hpp"

namespace cardstorm {

/// start_time: field 22 of /proc/PID/stat, in clock ticks since boot.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  bool operator==(const ProcessId&) const = default;
};

/// What /proc/PID/stat says; the command name in it may hold spaces and brackets.
struct ProcessStat {
  char state = '?';
  pid_t parent = 0, group = 0, session = 0;
  std::uint64_t start_time = 0;
};
Result<ProcessStat> parse_stat(std::string_view text);
/// Errc::not_found when there is no such process. A zombie is still there.
Result<ProcessStat> stat_of(pid_t pid);
Result<ProcessId> identify(pid_t pid);
/// Still running under this identity; a zombie has ended.
bool alive(const ProcessId& id);
/// The kernel's random id of this boot, "" when it cannot be read.
std::string boot_id();

/// A handle to one process that never turns into another one.
class PidFd {
 public:
  /// Errc::not_found when the process is gone or its start time is another one: then the pid belongs to a stranger.
  static Result<PidFd> open(const ProcessId& id);
  /// ESRCH, "already ended", is no error.
  Status signal(int number) const;
  /// Waits at most `wait` for the exit notice; true when the process has ended.
  [[nodiscard]] bool exited(Nanos wait = Nanos(0)) const;
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit PidFd(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// All that was started under one process: the members of its session or group, and whoever carries its mark in the
/// environment (it survives setsid). Only processes that started at or after `root`; never the caller. root.pid 0: by
/// mark only.
std::vector<ProcessId> process_tree(const ProcessId& root, std::string_view mark);
/// SIGKILL to the whole tree, again until nothing of it is left or `wait` has passed. True when nothing is left.
bool kill_tree(const ProcessId& root, std::string_view mark, Nanos wait);

/// The environment variable that carries the mark.
inline constexpr const char* kTreeMark = "CARDSTORM_TREE";

}  // namespace cardstorm
