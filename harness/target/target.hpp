// target: the system under test. Abilities that a target lacks come back as nullptr; nobody guesses.
#pragma once

#include <sys/types.h>

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/core/json.hpp"
#include "harness/core/result.hpp"
#include "harness/lease/undo.hpp"
#include "harness/plan/plan.hpp"
#include "harness/plan/target_spec.hpp"

namespace cardstorm {

/// What runs behind one name at this moment. (pid, start_time) is a process of this machine, where there is one: a pid
/// alone may be reused. `instance` is the identity as text, whatever the kind: pid and start, container and start,
/// pods, or what a probe said; "" when nothing runs.
struct Node {
  std::string name, role, url, admin_url;
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  bool ready = false;
  std::string instance = {};
  int copies = 1;  // ready instances behind this name
};

/// The nodes of a target, and how one is killed. Any thread.
class NodeControl {
 public:
  virtual ~NodeControl() = default;
  virtual Result<std::vector<Node>> nodes() = 0;
  /// One of them. Errc::not_found says which there are.
  virtual Result<Node> node(const std::string& name);
  /// Kills this very instance and no other. Returns when asked for; ended() tells.
  virtual Status kill(const Node& victim);
  /// Whether what kill() hit has ended.
  virtual Result<bool> ended(const Node& victim);
  /// Whether a ready instance with another identity stands where the victim stood.
  virtual Result<bool> replaced(const Node& victim);
  /// Starts again what no supervisor starts again; twice is fine.
  virtual Status revive(const Node& victim);
  /// The same for the undo journal; NoUndo when the target's own supervisor mends it.
  virtual Undo undo(const Node& victim);
};

struct PoolState {
  int max = 0, idle = 0, held = 0, used = 0, waiting = 0;
};

/// Holds database connections of one named instance, as a lease: the node gives them back by itself when it is
/// not renewed. Any thread.
class PoolControl {
 public:
  virtual ~PoolControl() = default;
  /// Asks for all connections, or renews. Returns when the request is accepted; see state() for the effect.
  virtual Status hold(const std::string& node, Nanos lease) = 0;
  virtual Status release(const std::string& node) = 0;
  virtual Result<PoolState> state(const std::string& node) = 0;
  /// The release, for the undo journal. An error when it cannot be told how.
  virtual Result<Undo> undo(const std::string& node) = 0;
};

/// Delays the answers and notifies of one payment channel, as a lease. Any thread.
class ChannelControl {
 public:
  virtual ~ChannelControl() = default;
  virtual Status delay(const std::string& channel, Nanos delay, Nanos lease) = 0;
  virtual Status clear(const std::string& channel) = 0;
  /// Asks the channel itself (a query, over the wire) and returns how long the answer took.
  virtual Result<Nanos> probe(const std::string& channel, Nanos timeout) = 0;
  /// clear(), for the undo journal.
  virtual Undo undo(const std::string& channel) = 0;
};

class Target {
 public:
  virtual ~Target() = default;
  /// Starts it and waits until it is ready (at most `wait`). Nothing stays when it fails.
  /// A stop request ends the waiting early with Errc::cancelled.
  virtual Status start(Nanos wait, const std::stop_token& stop = {}) = 0;
  /// Ends everything it started. May be called twice.
  virtual Status stop() = 0;
  /// Restarts its nodes with the stores kept, and waits until they are ready: what an operator does between two
  /// segments.
  virtual Status restart(Nanos wait) {
    (void)wait;
    return Error{Errc::unavailable, "this target cannot be restarted by us", ""};
  }
  [[nodiscard]] virtual std::string url() const = 0;
  [[nodiscard]] virtual std::string version() const = 0;
  /// The process that must die with us, for the guardian; 0 when there is none.
  [[nodiscard]] virtual pid_t supervisor_pid() const { return 0; }
  /// The mark that all processes of its tree carry (identity.hpp), for the guardian; "" when there is none.
  [[nodiscard]] virtual std::string supervisor_mark() const { return ""; }
  /// The node that an alias of the target file stands for; the name itself when it is none.
  [[nodiscard]] virtual std::string resolve(const std::string& node) const { return node; }
  virtual NodeControl* nodes() { return nullptr; }
  virtual PoolControl* pool() { return nullptr; }
  virtual ChannelControl* channels() { return nullptr; }
  /// Rows of the final audit as JSON objects, see harness/judge/audit.hpp. By API; by read-only SQL when the API is
  /// dead.
  virtual Result<std::vector<Json>> audit() { return Error{Errc::unavailable, "this target offers no audit", ""}; }
  /// Addresses and folders that a reader of the run folder may want to know; no secrets.
  [[nodiscard]] virtual Json facts() const { return Json::object({{"url", url()}}); }
  /// What this target assumes that a reader must know, such as the operator's restart delay in seconds; < 0: none.
  [[nodiscard]] virtual double assumed_restart_s() const { return -1; }
};

struct TargetSetup {
  std::string run_dir;            // where its logs go
  std::string binary_dir;         // where cardstorm-platform lies
  std::string channels_url;       // the partners: payment channels and supplier
  std::string channels_token;     // for their /control/...; never logged
  std::string channels_key_file;  // the shared secret for signatures, given on to the reference platform
  std::string mint_dir;           // card stock to load, written by mint (kept outside the run folder: holds secrets)
  const Plan* plan = nullptr;
  bool keep_stores = false;
  std::string postgres_url, redis_url;  // existing stores, "" = private ones
};

/// One line in registry.def makes a kind known.
struct TargetEntry {
  std::string name, summary;
  std::vector<std::string> abilities;  // pool, channels, nodes
  std::unique_ptr<Target> (*make)(const TargetSpec&, const TargetSetup&);
  // type: duration|integer|number|string
  struct Param {
    std::string name, type, default_text, summary;
  };
  std::vector<Param> params;  // what the target file's `options:` may hold
};
const std::vector<TargetEntry>& target_registry();

}  // namespace cardstorm
