// cookies: Set-Cookie, as far as it matters for one trade.
#include "harness/drive/cookies.hpp"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

bool clean(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; });
}

/// Seconds since 1970 of "Thu, 01 Jan 1970 00:00:00 GMT", also with dashes.
std::optional<std::int64_t> time_of_expires(std::string_view text) {
  std::string plain(text.substr(0, 64));
  std::replace(plain.begin(), plain.end(), '-', ' ');
  for (const char* form : {"%a, %d %b %Y %H:%M:%S", "%a, %d %b %y %H:%M:%S"}) {
    std::tm t{};
    const bool read = ::strptime(plain.c_str(), form, &t) != nullptr;
    const bool two_digits = t.tm_year < 100 - 1900;  // %Y takes "70" for the year 70
    if (read && !two_digits) return static_cast<std::int64_t>(::timegm(&t));
  }
  return std::nullopt;
}

/// Whether the attributes behind name and value say that the cookie is over.
bool is_over(std::string_view attributes, Nanos wall) {
  bool over = false;
  while (!attributes.empty()) {
    const auto end = std::min(attributes.find(';'), attributes.size());
    const std::string_view one = trim(attributes.substr(0, end));
    attributes.remove_prefix(std::min(end + 1, attributes.size()));
    const auto equals = one.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string name = lower(trim(one.substr(0, equals)));
    const std::string_view value = trim(one.substr(equals + 1));
    if (name == "max-age") {  // goes before Expires
      std::int64_t age = 1;
      const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), age);
      if (error == std::errc()) return age <= 0;
      if (error == std::errc::result_out_of_range) return value.starts_with('-');
    }
    if (name == "expires")
      if (const auto at = time_of_expires(value))
        over = *at <= std::chrono::duration_cast<std::chrono::seconds>(wall).count();
  }
  return over;
}

}  // namespace

void CookieJar::take(std::string_view set_cookie, Nanos wall) {
  const auto end = std::min(set_cookie.find(';'), set_cookie.size());
  const std::string_view pair = trim(set_cookie.substr(0, end));
  const auto equals = pair.find('=');
  if (equals == std::string_view::npos) return;
  const std::string_view name = trim(pair.substr(0, equals)), value = trim(pair.substr(equals + 1));
  if (name.empty() || name.size() + value.size() > kBytesMax || !clean(pair)) return;
  const auto found = std::find_if(cookies_.begin(), cookies_.end(), [&](const auto& c) { return c.first == name; });
  if (is_over(set_cookie.substr(std::min(end + 1, set_cookie.size())), wall)) {
    if (found != cookies_.end()) cookies_.erase(found);
  } else if (found != cookies_.end()) {
    found->second = value;
  } else if (cookies_.size() < kCookiesMax) {
    cookies_.emplace_back(name, value);
  }
}

std::string CookieJar::header() const {
  std::string out;
  for (const auto& [name, value] : cookies_) {
    if (!out.empty()) out += "; ";
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

const std::string* CookieJar::find(std::string_view name) const {
  const auto found = std::find_if(cookies_.begin(), cookies_.end(), [&](const auto& c) { return c.first == name; });
  return found == cookies_.end() ? nullptr : &found->second;
}

}  // namespace cardstorm
