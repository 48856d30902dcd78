// stamp: reads the time stamps that logs hold. A stamp knows how fine it is, because a log of whole seconds hides the
// bursts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/result.hpp"

namespace cardstorm {

struct Stamp {
  std::int64_t ns = 0;    // since 1970, UTC
  std::int64_t unit = 1;  // nanoseconds that the last written digit is worth; 1'000'000'000 = whole seconds
};

/// "+08:00", "-0330", "UTC", "Z" as seconds east of UTC.
Result<int> parse_zone(std::string_view text);

/// Years 1970 to 2200; anything else is not a stamp. One object per thread: it remembers the last second.
class StampReader {
 public:
  /// `zone`: seconds east of UTC for stamps that name no zone.
  explicit StampReader(int zone = 0) : zone_(zone) {}

  /// nginx and Apache: "22/Jan/2019:03:56:16 +0330", brackets around it allowed.
  bool common(std::string_view text, Stamp& out);
  /// ISO 8601: "2023-11-16 18:17:03.97", "…T…Z", "…+08:00"; '/' for '-' as spreadsheets write it.
  bool iso(std::string_view text, Stamp& out);
  /// A number of `unit` nanoseconds, such as "1548115008.123" with unit 1e9.
  static bool number(std::string_view text, std::int64_t unit, Stamp& out);
  /// A number whose unit is told by its size: seconds, milliseconds, microseconds or nanoseconds since 1970.
  static bool epoch(std::string_view text, Stamp& out);
  /// Any of the above.
  bool any(std::string_view text, Stamp& out);

  /// The zones that stamps named, in seconds east of UTC, at most 8 of them.
  [[nodiscard]] const std::vector<int>& zones() const { return zones_; }
  /// Whether a stamp named no zone, so that the given one was taken.
  [[nodiscard]] bool zone_missing() const { return zone_missing_; }

 private:
  void saw(int zone);
  int zone_;
  bool zone_missing_ = false;
  std::vector<int> zones_;
  std::array<char, 26> last_text_{};
  std::int64_t last_ns_ = -1;
};

}  // namespace cardstorm
