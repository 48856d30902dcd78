// wire: see wire.hpp.
#include "reference_platform/edge/wire.hpp"

#include <strings.h>

#include <algorithm>
#include <atomic>
#include <charconv>

#include "reference_platform/observe/spans.hpp"

namespace platform::edge {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMarkMax = 128;
constexpr int kDeadlineMaxMs = 10 * 60 * 1000;

std::atomic<Observer*> the_observer{nullptr};

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Payload Too Large";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

/// Length of the UTF-8 sequence at the start of `t`, 0 when it is none (overlong, surrogate, above U+10FFFF, cut off).
std::size_t sequence_length(std::string_view t) {
  const auto byte = [&t](std::size_t i) { return static_cast<unsigned char>(t[i]); };
  const auto tail = [&](std::size_t i) { return i < t.size() && (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    return first == 0xED && byte(1) > 0x9F ? 0 : 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    return first == 0xF4 && byte(1) > 0x8F ? 0 : 4;
  }
  return 0;
}

bool clean(std::string_view text) {
  while (!text.empty()) {
    const std::size_t n = text[0] == '\0' ? 0 : sequence_length(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

}  // namespace

Response refusal(int status, const char* code, const char* message, bool retry) {
  Response r;
  r.status = status;
  r.body = std::string(R"({"error":")") + code + R"(","message":")" + message + "\"}";
  if (retry) r.headers.emplace_back("Retry-After", "1");
  return r;
}

bool has_header(const Headers& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [name](const auto& h) { return same_name(h.first, name); });
}

// Written by hand: it is ten lines, and a serializer per body type costs seconds of compile time.
std::string wire_text(const Response& r, const std::string& request_id, bool keep_alive, bool head) {
  std::string out;
  out.reserve(r.body.size() + 256);
  out.append("HTTP/1.1 ").append(std::to_string(r.status)).append(" ").append(reason_of(r.status)).append("\r\n");
  const auto line = [&out](std::string_view name, std::string_view value) {
    if (value.find_first_of("\r\n") != std::string_view::npos) return;  // never let a value end its header
    out.append(name).append(": ").append(value).append("\r\n");
  };
  line("Content-Type", r.content_type);
  line("Content-Length", std::to_string(r.body.size()));
  if (!keep_alive) line("Connection", "close");
  for (const auto& [name, value] : r.headers) line(name, value);
  if (!request_id.empty() && !has_header(r.headers, "x-request-id")) line("X-Request-Id", request_id);
  out.append("\r\n");
  if (!head) out.append(r.body);
  return out;
}

bool clean_text(const Request& r) {
  return clean(r.path) && clean(r.query) && clean(r.body) &&
         std::all_of(r.headers.begin(), r.headers.end(), [](const auto& h) { return clean(h.second); });
}

std::string origin_form(std::string_view target) {
  if (!target.starts_with("http://") && !target.starts_with("https://")) return std::string(target);
  const auto path = target.find_first_of("/?", target.find("//") + 2);
  if (path == std::string_view::npos) return "/";
  return (target[path] == '?' ? "/" : "") + std::string(target.substr(path));
}

bool clear_mark(const Request& r) {
  const std::string& mark = r.header("x-cardstorm-mark");
  return mark.size() <= kMarkMax && std::all_of(r.headers.begin(), r.headers.end(), [&mark](const auto& h) {
           return h.first != "x-cardstorm-mark" || h.second == mark;
         });
}

Incoming incoming_context(const Request& request) {
  observe::Context came = observe::Context::of(request.header("traceparent"), request.header("x-cardstorm-mark"));
  Incoming in;
  in.parent_span = came.span_id;
  in.context = observe::child_of(came);
  const std::string& left = request.header("x-deadline-ms");
  int ms = -1;
  const auto [end, error] = std::from_chars(left.data(), left.data() + left.size(), ms);
  if (!left.empty() && error == std::errc() && end == left.data() + left.size() && ms >= 0) {
    in.context.deadline = request.arrived + milliseconds(std::min(ms, kDeadlineMaxMs));
  }
  return in;
}

Outgoing outgoing_context(const CallOptions& options) {
  const observe::Context& ambient = observe::current();
  Outgoing out;
  out.limit = options.total;
  out.parent_span = ambient.span_id;
  if (!ambient.trace_id.empty()) out.context = observe::child_of(ambient);
  out.context.mark = ambient.mark;
  if (ambient.deadline) {
    const auto left =
        std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(*ambient.deadline - steady_clock::now()));
    out.limit = options.total.count() > 0 ? std::min(options.total, left) : left;
    out.limited = true;
  }
  return out;
}

const std::string& Request::header(std::string_view name) const {
  static const std::string none;
  for (const auto& h : headers)
    if (h.first == name) return h.second;
  return none;
}

void set_observer(Observer* observer) { the_observer = observer; }
Observer* observer() { return the_observer; }

}  // namespace platform::edge
