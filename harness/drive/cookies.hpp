// cookies: what one buyer's browser keeps of one platform for the length of a trade. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/core/clock.hpp"

namespace cardstorm {

/// Names and values only: every request goes to the one platform, so Domain and Secure say nothing new; Path is not
/// looked at.
class CookieJar {
 public:
  static constexpr std::size_t kCookiesMax = 50, kBytesMax = 4096;  // a cookie beyond this is not kept

  /// One Set-Cookie header. Max-Age of 0 or less, or an Expires before `wall` (time since 1970), takes the cookie away.
  void take(std::string_view set_cookie, Nanos wall);
  /// "a=1; b=2", or "".
  [[nodiscard]] std::string header() const;
  [[nodiscard]] const std::string* find(std::string_view name) const;
  [[nodiscard]] bool empty() const { return cookies_.empty(); }

 private:
  std::vector<std::pair<std::string, std::string>> cookies_;  // in order of their first appearance
};

}  // namespace cardstorm
