// http_url: the parts of a URL that go on the wire, and where a Location leads. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cardstorm {

/// "http://host:port/path?query#fragment" in parts that point into the text. `authority` is host:port as written (the
/// Host header); `target` is "/path?query", may be empty or begin with '?'. Not understood, with user information, or
/// with spaces: nullopt.
struct UrlView {
  bool tls = false;
  std::string_view authority, host, target;  // host without brackets
  std::uint16_t port = 0;
};
std::optional<UrlView> split_url(std::string_view url);

/// The URL to which `location` (absolute or relative) leads from `base`; nullopt when it is neither http nor https.
std::optional<std::string> resolve_location(std::string_view base, std::string_view location);

}  // namespace cardstorm
