// db_holder_role: a process of its own that holds a database from outside until it is killed, and its owner in the
// test.
#pragma once

#include <string>

#include "harness/core/json.hpp"
#include "harness/lease/process.hpp"
#include "harness/lease/undo.hpp"
#include "harness/plan/target_spec.hpp"

namespace cardstorm::test {

/// The body of the role: args are those of DbHolderProcess.
int db_holder_role(char** args);

class DbHolderProcess {
 public:
  explicit DbHolderProcess(const DatabaseSpec& spec) : process_(*Process::spawn(spec_of(spec))) {
    if (auto line = process_.read_line(kStart); line && line->has_value()) undo_ = undo_of(*Json::parse(**line));
    if (auto line = process_.read_line(kStart); line && line->has_value()) on_ = **line == "on";
  }
  /// Everything that was asked for is held.
  [[nodiscard]] bool on() const { return on_; }
  [[nodiscard]] const Undo& undo() const { return undo_; }
  void signal(int number) { (void)PidFd::open(process_.id())->signal(number); }

 private:
  static constexpr Nanos kStart{20s};
  static ProcessSpec spec_of(const DatabaseSpec& spec) {
    ProcessSpec out;
    out.program = "/proc/self/exe";
    out.args = {"db-holder",
                spec.url,
                spec.password_file,
                spec.lock_table,
                spec.lock_where,
                std::to_string(spec.slots),
                std::to_string(spec.limit / Nanos(1ms))};
    out.marked = false;
    return out;
  }
  Process process_;
  Undo undo_;
  bool on_ = false;
};

}  // namespace cardstorm::test
