// stores: a private PostgreSQL cluster and a private Redis, unprivileged, on free loopback ports, in a folder that goes
// with them.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "reference_platform/ops/ports.hpp"
#include "reference_platform/ops/process.hpp"

namespace platform::ops {

/// A fresh folder that an unprivileged server can reach; removed with its content at the end unless kept.
class StoreFolder {
 public:
  /// Under $TMPDIR where others can pass through it, else /tmp. Throws EnvironmentError.
  explicit StoreFolder(bool keep);
  StoreFolder(const StoreFolder&) = delete;
  StoreFolder& operator=(const StoreFolder&) = delete;
  ~StoreFolder();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool keep_;
};
/// Removes the folders that supervisors left behind which were killed themselves. They may hold gigabytes: a stop is
/// heard at each file.
void remove_orphan_folders(const std::stop_token& stop = {});

/// How to start a store, again too: same port, same data.
struct Store {
  std::string name, url;
  Command command;
  std::vector<int> stop_signals;  // in turn, each with its time
  std::function<bool()> answers;  // one short try
};

/// Where and as whom: root must not run PostgreSQL, so root uses the account `postgres`, else `nobody`.
struct StorePlace {
  std::string folder, logs;
  std::optional<Account> account;
  Ports* ports = nullptr;
};
/// nullopt unless we are root. Throws EnvironmentError when root has neither account.
std::optional<Account> store_account();

/// A folder of that name in the stores' folder, for their account alone.
std::string store_subfolder(const StorePlace& place, const std::string& name);

/// Creates the cluster (initdb). Throws EnvironmentError naming what is missing.
Store make_postgres(const StorePlace& place);
Store make_redis(const StorePlace& place);

/// Throws EnvironmentError with the tail of its log when it ended or does not answer in time. `between` is called while
/// waiting and may throw to give up.
void wait_ready(const Store& store, Process& process, std::chrono::milliseconds limit,
                const std::function<void()>& between = {});
/// Asks politely, then less so, then kills.
void stop_store(const Store& store, Process& process);

}  // namespace platform::ops
