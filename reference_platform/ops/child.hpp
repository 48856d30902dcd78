// child: the processes of a platform, stores and nodes: started, watched by pidfd, started again when they die.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "reference_platform/ops/process.hpp"
#include "reference_platform/ops/restart.hpp"

namespace platform::ops {

struct Child {
  std::string name, role, url, admin_url;  // a store has no role and no addresses
  std::string version;                     // of a canary; else ""
  Command command;
  RestartPolicy policy = RestartPolicy::at_once();
  Process process;
  bool alive = false, leaving = false;  // leaving: was told to go, and is forgotten when it has gone
  int restarts = 0;
  std::chrono::steady_clock::time_point started, restart_at;
};

/// What others may know of a node.
struct NodeView {
  std::string name, role, url, admin_url, version;
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  bool alive = false, leaving = false;
  int restarts = 0;
};

/// All of them. One thread (whose end would end them too) does everything; nodes() is for any.
class Children {
 public:
  using Clock = std::chrono::steady_clock;

  Child& add(Child child);
  [[nodiscard]] Child& named(const std::string& name);
  void launch(Child& child);
  /// All nodes anew, at once: what was queued in them is gone, the stores stay.
  void restart_nodes();
  /// SIGTERM, and no restart. Unknown names are ignored: it may have gone meanwhile.
  void leave(const std::string& name);
  /// For those who did not go in time.
  void kill_leaving();

  void add_waits(std::vector<pollfd>& waits) const;
  /// Buries who has died, starts again whose time has come.
  void tend();
  /// Milliseconds for poll; -1: nobody waits.
  [[nodiscard]] int until_next_restart() const;
  /// Ends all nodes: politely, then after `limit` by force. Stores stay.
  void end_nodes(std::chrono::milliseconds limit);
  void clear();

  [[nodiscard]] const std::vector<std::unique_ptr<Child>>& all() const { return children_; }
  [[nodiscard]] std::vector<NodeView> nodes() const;

 private:
  void restart(Child& child);
  void bury(Child& child);

  mutable std::mutex mutex_;  // guards what nodes() reads
  std::vector<std::unique_ptr<Child>> children_;
};

}  // namespace platform::ops
