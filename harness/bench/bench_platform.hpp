// bench_platform: one reference platform with partners of its own, for benches: started, timed, looked at from /proc,
// ended.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/bench/bench.hpp"
#include "harness/lease/process.hpp"
#include "harness/run/partners_link.hpp"
#include "harness/run/run_folder.hpp"

namespace cardstorm {

struct BenchPlatformOptions {
  std::string variant = "hardened";
  std::vector<std::string> args;  // further flags of cardstorm-platform up
  std::uint32_t cards = 60000;    // of the one sku, "bench-card"
};

inline constexpr char kLabSku[] = "bench-card";

class BenchPlatform {
 public:
  /// `dir` must not exist. Errc::unavailable when the platform is not built beside us, or ended before it was ready
  /// (its last words).
  static Result<BenchPlatform> start(const BenchSetup& setup, const std::string& dir,
                                     const BenchPlatformOptions& options);
  BenchPlatform(BenchPlatform&&) noexcept = default;
  BenchPlatform& operator=(BenchPlatform&&) noexcept = default;

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::string& control_url() const { return control_url_; }
  [[nodiscard]] const std::string& database_url() const { return database_url_; }
  /// From the start of the supervisor to its ready line.
  [[nodiscard]] double start_s() const { return start_s_; }
  /// Processor seconds so far of every part: each role, postgresql, redis, partners, supervisor.
  [[nodiscard]] std::map<std::string, double> cpu_seconds() const;
  /// Resident memory of all nodes together (shared pages counted once, PSS), stores left out.
  [[nodiscard]] double nodes_mb() const;
  /// (name, pid) of every node that lives.
  [[nodiscard]] std::vector<std::pair<std::string, pid_t>> nodes() const;
  Status stop();

 private:
  BenchPlatform() = default;
  std::unique_ptr<SecretFolder> secrets_;
  std::unique_ptr<PartnersLink> partners_;
  std::unique_ptr<Process> supervisor_;
  std::string dir_, url_, control_url_, database_url_;
  double start_s_ = 0;
};

}  // namespace cardstorm
