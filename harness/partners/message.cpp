// message: strict where money or a signature depends on it.
#include "harness/partners/message.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "harness/core/text.hpp"

namespace cardstorm::partners {

namespace {

constexpr std::size_t kTextMax = 512;
constexpr std::int64_t kCentsMax = 1'000'000'000'000;
constexpr std::int64_t kChinaOffset = 8 * 3600;

std::string time_text(std::int64_t unix_seconds, const char* format) {
  const std::time_t at = unix_seconds + kChinaOffset;
  std::tm parts{};
  gmtime_r(&at, &parts);
  std::array<char, 40> out{};
  return {out.data(), std::strftime(out.data(), out.size(), format, &parts)};
}

}  // namespace

Answer json_answer(int status, const Json& body) { return {{.status = status, .body = body.dump()}}; }

Answer page_answer(const std::string& title, const std::string& text) {
  return {{.status = 200,
           .body = "<!doctype html><html><head><meta charset=\"utf-8\"><title>" + html_text(title) +
                   "</title></head><body><h1>" + html_text(title) + "</h1><p>" + html_text(text) +
                   "</p></body></html>\n",
           .content_type = "text/html; charset=utf-8"}};
}

Form::Form(const std::string& body) {
  auto json = Json::parse(body);
  good_ = json && json->is_object();
  if (good_) json_ = std::move(json).value();
}

std::string Form::text(const char* name) {
  const std::string& value = json_[name].string();
  good_ = good_ && !value.empty() && value.size() <= kTextMax;
  return value;
}

std::string Form::text_or_none(const char* name) {
  return json_.has(name) && !json_[name].is_null() ? text(name) : std::string();
}

std::int64_t Form::cents(const char* name) {
  const auto value = cents_in(json_[name]);
  good_ = good_ && value;
  return value.value_or(0);
}

Params params_of(std::string_view text) {
  Params out;
  for (const std::string& pair : split(text, '&')) {
    const auto equals = pair.find('=');
    if (equals != std::string::npos)
      out[url_decode(std::string_view(pair).substr(0, equals))] = url_decode(std::string_view(pair).substr(equals + 1));
  }
  return out;
}

Params params_of(const ServerRequest& request) {
  Params out = params_of(request.query);
  if (request.method == "POST")
    for (auto& [name, value] : params_of(request.body)) out[name] = value;
  return out;
}

std::string value_of(const Params& params, const std::string& name) {
  const auto at = params.find(name);
  return at == params.end() ? "" : at->second;
}

std::string sign_text(const Params& params, std::string_view without) {
  const auto left_out = split(without, ' ');
  std::string out;
  for (const auto& [name, value] : params) {
    if (value.empty() || std::find(left_out.begin(), left_out.end(), name) != left_out.end()) continue;
    if (!out.empty()) out += '&';
    out.append(name).append("=").append(value);
  }
  return out;
}

std::string form_text(const Params& params) {
  std::string out;
  for (const auto& [name, value] : params) {
    if (!out.empty()) out += '&';
    out.append(url_encode(name)).append("=").append(url_encode(value));
  }
  return out;
}

std::string query_value(const std::string& query, std::string_view name) {
  return value_of(params_of(query), std::string(name));
}

std::optional<std::int64_t> cents_of(std::string_view yuan) {
  // A channel takes no 1.000, though it is exact.
  if (yuan.substr(std::min(yuan.find('.'), yuan.size())).size() > 3) return std::nullopt;
  const auto cents = parse_decimal(yuan, 2);
  return cents && *cents > 0 && *cents <= kCentsMax ? cents : std::nullopt;
}

std::optional<std::int64_t> cents_in(const Json& value) {
  if (!value.is_int() || value.integer() <= 0 || value.integer() > kCentsMax) return std::nullopt;
  return value.integer();
}

bool is_bill_date(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() != 7 && text.size() != 10) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (i == 4 || i == 7 ? text[i] != '-' : text[i] < '0' || text[i] > '9') return false;
  return true;
}

bool is_in_bill(std::string_view bill_date, std::int64_t unix_seconds) {
  return china_time(unix_seconds).starts_with(bill_date);
}

std::string china_time(std::int64_t unix_seconds) { return time_text(unix_seconds, "%Y-%m-%d %H:%M:%S"); }
std::string china_time_rfc3339(std::int64_t unix_seconds) { return time_text(unix_seconds, "%Y-%m-%dT%H:%M:%S+08:00"); }
std::int64_t unix_now() { return std::time(nullptr); }

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string with_query(const std::string& url, const std::string& query) {
  return url + (url.find('?') == std::string::npos ? "?" : "&") + query;
}

std::string path_of_url(const std::string& url) {
  const auto host = url.find("://");
  const auto from = url.find_first_of("/?#", host == std::string::npos ? 0 : host + 3);
  if (from == std::string::npos || url[from] == '#') return "/";
  const std::string path = url.substr(from, url.find('#', from) - from);
  return path.front() == '?' ? "/" + path : path;
}

}  // namespace cardstorm::partners
