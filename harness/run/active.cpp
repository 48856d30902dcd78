// active: entries of live processes in a folder of this user.
#include "harness/run/active.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "harness/core/files.hpp"
#include "harness/core/json.hpp"
#include "harness/lease/identity.hpp"

namespace cardstorm {
namespace fs = std::filesystem;
namespace {

/// Owned by us and closed to others, or "" (then nothing is entered and nothing is found).
std::string folder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::string base = runtime != nullptr && *runtime != '\0' ? runtime : "/tmp";
  const std::string dir = base + "/cardstorm-" + std::to_string(geteuid());
  ::mkdir(dir.c_str(), 0700);
  struct stat info {};
  const bool ours = ::lstat(dir.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
                    (info.st_mode & 077) == 0;
  return ours ? dir : "";
}

}  // namespace

ActiveEntry::ActiveEntry(const std::string& what, const std::string& dir) {
  const std::string home = folder();
  const auto self = identify(getpid());
  if (home.empty() || !self) return;
  path_ = home + "/" + std::to_string(getpid()) + ".json";
  std::error_code unknown;
  const std::string whole =
      dir.empty() ? dir : fs::absolute(dir, unknown).string();  // `stop` reads it in another folder
  const Json row = Json::object({{"pid", static_cast<std::int64_t>(self->pid)},
                                 {"start_time", self->start_time},
                                 {"what", what},
                                 {"dir", unknown ? dir : whole}});
  if (!write_file(path_, row.dump())) path_.clear();
}

ActiveEntry::~ActiveEntry() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

std::vector<Active> list_active() {
  std::vector<Active> out;
  const std::string home = folder();
  std::error_code error;
  if (home.empty()) return out;
  for (const auto& entry : fs::directory_iterator(home, error)) {
    if (entry.path().extension() != ".json") continue;
    const auto text = read_file(entry.path().string());
    const auto row = text ? Json::parse(*text) : Result<Json>(text.error());
    if (!row) continue;
    Active active{static_cast<pid_t>((*row)["pid"].integer()),
                  static_cast<std::uint64_t>((*row)["start_time"].integer()), (*row)["what"].string(),
                  (*row)["dir"].string()};
    if (alive({active.pid, active.start_time}))
      out.push_back(std::move(active));
    else
      ::unlink(entry.path().c_str());
  }
  return out;
}

}  // namespace cardstorm
