// http_writer: see http_writer.hpp.
#include "harness/net/http_writer.hpp"

#include <charconv>

#include "harness/core/text.hpp"
#include "harness/net/http_transport.hpp"

namespace cardstorm {
namespace {

void append_number(std::string& out, std::size_t value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

bool is_name(const std::string& name, std::string_view lower_case) {
  return name.size() == lower_case.size() && lower(name) == lower_case;
}

}  // namespace

std::optional<std::string> problem_of(const HttpRequest& request, const std::optional<UrlView>& url) {
  if (!is_token(request.method)) return "bad method '" + request.method + "'";
  for (const auto& [name, value] : request.headers)
    if (!is_token(name) || has_line_break(value)) return "a header has a bad name, or a line break in its value";
  if (!url) return "bad url";
  if (url->tls) return "the lean transport knows no TLS";
  return std::nullopt;
}

void write_message(std::string& out, const HttpRequest& request, const UrlView& url) {
  out.clear();
  out.append(request.method).append(" ");
  if (!url.target.starts_with('/')) out.append("/");
  out.append(url.target).append(" HTTP/1.1\r\n");
  bool host = false, accept = false, type = false, length = false;
  for (const auto& [name, value] : request.headers) {
    host = host || is_name(name, "host");
    accept = accept || is_name(name, "accept");
    type = type || is_name(name, "content-type");
    length = length || is_name(name, "content-length");
  }
  if (!host) out.append("Host: ").append(url.authority).append("\r\n");
  if (!accept) out.append("Accept: */*\r\n");
  for (const auto& [name, value] : request.headers) out.append(name).append(": ").append(value).append("\r\n");
  if (!request.body.empty() && !type) out.append("Content-Type: application/json\r\n");
  if (!length &&
      (!request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH")) {
    out.append("Content-Length: ");
    append_number(out, request.body.size());
    out.append("\r\n");
  }
  out.append("\r\n").append(request.body);
}

}  // namespace cardstorm
