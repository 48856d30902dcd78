// run_folder: paths and folders.
#include "harness/run/run_folder.hpp"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <utility>

#include "harness/lease/undo_journal.hpp"

namespace cardstorm {
namespace fs = std::filesystem;

std::string default_out(const std::string& root, const std::string& scenario, std::uint64_t seed) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &parts);
  const std::string base = root + "/reports/runs/" + stamp + "-" + scenario + "-" + std::to_string(seed);
  std::string dir = base;
  for (int n = 2; fs::exists(dir); ++n) dir = base + "-" + std::to_string(n);
  return dir;
}

Status make_run_folder(const std::string& dir) {
  std::error_code error;
  fs::create_directories(fs::absolute(dir).parent_path(), error);
  if (error || !fs::create_directory(dir, error)) {
    if (!error && fs::exists(dir))
      return Error{Errc::unavailable, "the out folder " + dir + " exists already",
                   "choose another --out, or remove it yourself"};
    return Error{Errc::unavailable, "cannot make the out folder " + dir + ": " + error.message(),
                 "choose a writable --out with space"};
  }
  for (const char* sub : {"history", "partners", "logs"}) {
    fs::create_directory(fs::path(dir) / sub, error);
    if (error) return Error{Errc::unavailable, "cannot make " + dir + "/" + sub + ": " + error.message(), ""};
  }
  return ok();
}

void point_latest(const std::string& root, const std::string& dir) {
  const fs::path runs = fs::path(root) / "reports/runs";
  std::error_code error;
  if (fs::weakly_canonical(fs::path(dir).parent_path(), error) != fs::weakly_canonical(runs, error)) return;
  const fs::path link = runs / "latest", fresh = runs / ".latest.tmp";
  fs::remove(fresh, error);
  fs::create_directory_symlink(fs::path(dir).filename(), fresh, error);
  fs::rename(fresh, link, error);
}

Result<SecretFolder> SecretFolder::make() {
  const char* base = std::getenv("TMPDIR");
  std::string path = std::string(base && *base ? base : "/tmp") + "/" + std::string(kSecretsName) + "XXXXXX";
  if (::mkdtemp(path.data()) == nullptr)
    return Error{Errc::unavailable, "cannot make a private folder " + path, "set TMPDIR to a writable folder"};
  return SecretFolder(path);
}

SecretFolder::SecretFolder(SecretFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
SecretFolder& SecretFolder::operator=(SecretFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}
SecretFolder::~SecretFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace cardstorm
