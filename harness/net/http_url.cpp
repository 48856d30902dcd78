// http_url: RFC 3986, as much of it as a request line and a Location header need.
#include "harness/net/http_url.hpp"

#include <algorithm>
#include <charconv>

#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

bool starts_with_word(std::string_view text, std::string_view word) {
  return lower(text.substr(0, word.size())) == word;
}

/// "a:" in front: a scheme (RFC 3986 3.1).
bool has_scheme(std::string_view text) {
  const auto end = text.find_first_of(":/?#");
  if (end == std::string_view::npos || end == 0 || text[end] != ':') return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return letter(text[0]) && std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), [&](char c) {
           return letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
         });
}

/// "/a/b/../c" to "/a/c".
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  std::size_t at = 1;  // behind the first slash
  for (;;) {
    const auto end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    const bool last = end == path.size();
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
      if (last) kept.emplace_back();
    } else if (part == ".") {
      if (last) kept.emplace_back();
    } else {
      kept.push_back(part);
    }
    if (last) break;
    at = end + 1;
  }
  std::string out;
  for (const auto& part : kept) out.append("/").append(part);
  return out.empty() ? "/" : out;
}

}  // namespace

std::optional<UrlView> split_url(std::string_view url) {
  UrlView out;
  if (url.starts_with("http://"))
    url.remove_prefix(7);
  else if (url.starts_with("https://"))
    url.remove_prefix(8), out.tls = true;
  else if (starts_with_word(url, "http://"))
    url.remove_prefix(7);
  else if (starts_with_word(url, "https://"))
    url.remove_prefix(8), out.tls = true;
  else
    return std::nullopt;
  if (std::any_of(url.begin(), url.end(), [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 127; }))
    return std::nullopt;
  url = url.substr(0, url.find('#'));
  const auto end = std::min(url.find_first_of("/?"), url.size());
  out.authority = url.substr(0, end);
  out.target = url.substr(end);
  if (out.authority.find('@') != std::string_view::npos) return std::nullopt;

  std::string_view port;
  if (out.authority.starts_with('[')) {
    const auto close = out.authority.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    out.host = out.authority.substr(1, close - 1);
    port = out.authority.substr(close + 1);
    if (!port.empty() && port[0] != ':') return std::nullopt;
  } else {
    const auto colon = std::min(out.authority.find(':'), out.authority.size());
    out.host = out.authority.substr(0, colon);
    port = out.authority.substr(colon);
  }
  if (out.host.empty()) return std::nullopt;
  out.port = out.tls ? 443 : 80;
  if (port.size() > 1) {
    const auto [stop, error] = std::from_chars(port.data() + 1, port.data() + port.size(), out.port);
    if (error != std::errc{} || stop != port.data() + port.size() || out.port == 0) return std::nullopt;
  }
  return out;
}

std::optional<std::string> resolve_location(std::string_view base, std::string_view location) {
  location = trim(location);
  location = location.substr(0, location.find('#'));
  if (has_scheme(location)) {
    if (!starts_with_word(location, "http://") && !starts_with_word(location, "https://")) return std::nullopt;
    return std::string(location);
  }
  const auto from = split_url(base);
  if (!from) return std::nullopt;
  const std::string scheme = from->tls ? "https:" : "http:";
  if (location.starts_with("//")) return scheme + std::string(location);
  const std::string root = scheme + "//" + std::string(from->authority);
  const std::string_view path = from->target.substr(0, from->target.find('?'));
  if (location.empty()) return root + std::string(from->target);
  if (location[0] == '?') return root + std::string(path) + std::string(location);
  const auto query = std::min(location.find('?'), location.size());
  std::string joined;
  if (location[0] != '/') joined = std::string(path.substr(0, path.rfind('/') + 1));
  if (!joined.starts_with('/')) joined.insert(0, location[0] == '/' ? "" : "/");
  joined += location.substr(0, query);
  return root + without_dots(joined) + std::string(location.substr(query));
}

}  // namespace cardstorm
