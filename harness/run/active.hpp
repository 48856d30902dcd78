// active: which of our processes run at this moment, so that `cardstorm stop` ends exactly those. One small file per
// process in a folder of this user; identity is (pid, start time), a stale file is ignored and removed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/result.hpp"

namespace cardstorm {

struct Active {
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  std::string what, dir;
};

/// Enters this process; the entry goes when the returned object goes (or stays for a later exec with keep()).
class ActiveEntry {
 public:
  ActiveEntry(const std::string& what, const std::string& dir);
  ~ActiveEntry();
  ActiveEntry(const ActiveEntry&) = delete;
  ActiveEntry& operator=(const ActiveEntry&) = delete;
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

/// Those that live. Removes stale entries.
std::vector<Active> list_active();

}  // namespace cardstorm
