// run_folder: where one run keeps everything that it saw. Its layout is in harness/run/README.md.
#pragma once

#include <cstdint>
#include <string>

#include "harness/core/json.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

/// reports/runs/<time>-<scenario>-<seed> under `root`, not yet made.
std::string default_out(const std::string& root, const std::string& scenario, std::uint64_t seed);

/// Makes `dir` with its sub-folders. Errc::unavailable when it exists: nothing is ever overwritten.
Status make_run_folder(const std::string& dir);

/// Points reports/runs/latest at `dir` when `dir` lies in reports/runs. Best effort.
void point_latest(const std::string& root, const std::string& dir);

/// A private folder for secrets (card stock, keys), outside the run folder, mode 0700; removed with all it holds
/// when this goes. The guardian removes it when we cannot.
class SecretFolder {
 public:
  static Result<SecretFolder> make();
  SecretFolder(SecretFolder&& other) noexcept;
  SecretFolder& operator=(SecretFolder&& other) noexcept;
  ~SecretFolder();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit SecretFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace cardstorm
