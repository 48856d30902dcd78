// front_wall: the table of walls, and how a rule is read.
#include "harness/drive/front_wall.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kLookedAt = std::size_t{64} << 10;  // of a body, in lower case

/// `header`: its being there, with `has` in it, tells. Without a header: `has` stands in a page. In lower case.
struct Sign {
  std::string_view header, has;
};

constexpr std::array<Sign, 16> kSigns{{
    {"cf-mitigated",
     ""},  // Cloudflare challenges say so; server: cloudflare and cf-ray stand on answers of the platform too
    {"", "cf-error-details"},    // its own error pages (1010, 1015, 1020)
    {"", "error code: 10"},      // the same without HTML
    {"", "challenge-platform"},  // its challenge page
    {"x-tengine-error", ""},     // Alibaba Cloud WAF ("denied by ...")
    {"", "errors.aliyun.com"},
    {"x-amzn-waf-action", ""},  // AWS WAF: captcha, challenge
    {"x-sucuri-block", ""},
    {"", "_incapsula_resource"},  // Imperva
    {"server", "akamaighost"},    // Akamai's own refusal; a passed-on answer keeps the platform's Server
    {"server", "safedog"},
    {"", "captcha"},
    {"", "验证码"},
    {"", "滑动验证"},
    {"", "访问过于频繁"},
    {"", "您的访问被阻断"},
}};

constexpr std::array<int, 7> kStatus{200, 202, 403, 405, 429, 468, 503};

const std::string* header_of(const HttpResponse& response, std::string_view name) {
  const auto found =
      std::find_if(response.headers.begin(), response.headers.end(), [&](const auto& h) { return h.first == name; });
  return found == response.headers.end() ? nullptr : &found->second;
}

/// A page for people, and not the platform's own JSON that says "captcha_required".
bool is_page(const HttpResponse& response) {
  const std::string_view text = trim(std::string_view(response.body).substr(0, 256));
  return !text.empty() && text.front() != '{' && text.front() != '[' && text.front() != '"';
}

bool shows(const HttpResponse& response, const FrontWall& rule) {
  if (rule.header.empty() && rule.body_has.empty()) return true;
  if (!rule.header.empty()) {
    const std::string* value = header_of(response, lower(rule.header));
    if (value != nullptr && lower(*value).find(lower(rule.header_has)) != std::string::npos) return true;
  }
  return !rule.body_has.empty() && response.body.find(rule.body_has) != std::string::npos;
}

}  // namespace

bool matches_wall(const std::vector<FrontWall>& rules, const HttpResponse& response) {
  return std::any_of(rules.begin(), rules.end(), [&](const FrontWall& rule) {
    return std::find(rule.status.begin(), rule.status.end(), response.status) != rule.status.end() &&
           shows(response, rule);
  });
}

bool is_known_wall(const HttpResponse& response) {
  if (std::find(kStatus.begin(), kStatus.end(), response.status) == kStatus.end()) return false;
  const std::string page = is_page(response) ? lower(std::string_view(response.body).substr(0, kLookedAt)) : "";
  return std::any_of(kSigns.begin(), kSigns.end(), [&](const Sign& sign) {
    if (sign.header.empty()) return page.find(sign.has) != std::string::npos;
    const std::string* value = header_of(response, sign.header);
    return value != nullptr && lower(*value).find(sign.has) != std::string::npos;
  });
}

}  // namespace cardstorm
