// db_holder: the thread that holds sessions on one database while a lease lasts. Used by db_pool alone.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "harness/db/db.hpp"
#include "harness/plan/target_spec.hpp"

namespace cardstorm {

class DbHolder {
 public:
  DbHolder(DatabaseSpec spec, DbAddress address, std::string application, AllowList allow);
  /// Closes all sessions.
  ~DbHolder();

  /// Begins, or goes on, until `lease` from now. Returns at once. Any thread.
  void hold(Nanos lease);
  /// Ends it; false when not every session was seen closed within `wait`. Any thread.
  bool release(Nanos wait);

  struct View {
    std::int64_t row = 0;      // session that has the row's lock, 0 = none
    std::size_t sessions = 0;  // with it, those that are open
    bool full = false;         // the server gave no further session
    std::string error;         // why the last attempt failed, "" when it did not
  };
  [[nodiscard]] View view() const;
  /// How many sessions are wanted: one for the row, and the slots.
  [[nodiscard]] std::uint32_t wanted() const { return (spec_.lock_table.empty() ? 0u : 1u) + spec_.slots; }

 private:
  struct Held {
    std::unique_ptr<DbSession> session;
    std::uint32_t number = 0;
    Nanos used{0};
  };
  void run(const std::stop_token& stop);
  /// One session more, or one renewed. False when there is nothing to do now.
  bool work();
  Status take(std::uint32_t number);
  Status lock_row(DbSession& session) const;
  bool renew_one();
  void note(const Status& status);
  [[nodiscard]] Nanos idle_limit() const { return std::max(lease_, spec_.limit); }

  const DatabaseSpec spec_;
  const DbAddress address_;
  const std::string application_;
  const AllowList allow_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  Nanos until_{0}, lease_{0};  // under mutex_; lease_ is fixed by the first hold()
  View view_;                  // under mutex_
  bool empty_ = true;          // under mutex_: no session, and none is being opened

  std::vector<Held> held_;  // the thread's own
  bool row_locked_ = false;
  std::jthread thread_;
};

}  // namespace cardstorm
