// self: see self.hpp. Layout of the portable package: bin/cardstorm (its entry), lib/ (loader, libraries, program).
#include "harness/core/self.hpp"

#include <sys/auxv.h>
#include <sys/prctl.h>

#include <filesystem>

namespace cardstorm {
namespace fs = std::filesystem;

namespace {

/// What the kernel executes: the program, or the loader that was told to load it.
fs::path executed() {
  std::error_code error;
  fs::path path = fs::read_symlink("/proc/self/exe", error);
  if (!error) return path;
  const auto* name = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));  // getauxval(3): a string's address
  path = fs::canonical(name == nullptr ? "" : name, error);
  return error ? fs::path() : path;
}

bool is_loader(const fs::path& path) { return path.filename().string().starts_with("ld-linux"); }

}  // namespace

std::string self_path() {
  const fs::path path = executed();
  return is_loader(path) ? (path.parent_path().parent_path() / "bin/cardstorm").string() : path.string();
}

std::string own_libraries() {
  const fs::path path = executed();
  return is_loader(path) ? path.parent_path().string() : "";
}

void take_name(const char* name) { ::prctl(PR_SET_NAME, name); }

}  // namespace cardstorm
