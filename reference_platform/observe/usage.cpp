// usage: what the process uses, read from /proc. See metrics.hpp.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "reference_platform/observe/metrics.hpp"

namespace platform::observe {
namespace {

/// The fields of /proc/self/stat from the third one on, which follow the name in brackets; empty when it cannot be
/// read.
std::vector<double> stat_fields() {
  std::ifstream in("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream rest(text.substr(name_end + 1));
  std::string state;
  rest >> state;
  std::vector<double> out{0};
  for (double value = 0; rest >> value;) out.push_back(value);
  return out;
}

double boot_time() {
  std::ifstream in("/proc/stat");
  for (std::string line; std::getline(in, line);) {
    double at = 0;
    if (std::sscanf(line.c_str(), "btime %lf", &at) == 1) return at;
  }
  return 0;
}

}  // namespace

void measure_process(Metrics& metrics) {
  constexpr std::size_t kUser = 11, kSystem = 12, kThreads = 17, kStart = 19, kVirtual = 20,
                        kResident = 21;  // proc(5), counted from field 3
  const auto stat = stat_fields();
  if (stat.size() <= kResident) return;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK)), page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  static const double booted = boot_time();
  metrics.raise("process_cpu_seconds_total", (stat[kUser] + stat[kSystem]) / ticks);
  metrics.set("process_resident_memory_bytes", stat[kResident] * page);
  metrics.set("process_virtual_memory_bytes", stat[kVirtual]);
  metrics.set("process_start_time_seconds", booted + stat[kStart] / ticks);
  metrics.set("process_threads", stat[kThreads]);
  std::error_code error;
  const std::filesystem::directory_iterator fds("/proc/self/fd", error);
  if (!error) metrics.set("process_open_fds", static_cast<double>(std::distance(begin(fds), end(fds))));
}

}  // namespace platform::observe
