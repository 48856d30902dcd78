// http_transport: what the two ways onto the wire (libcurl, and the lean HTTP/1.1 path) have in common. For this room
// only.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "harness/net/http_client.hpp"

struct epoll_event;

namespace cardstorm {

/// A client whose waiting can be joined with another's. Redirects are not followed here.
class HttpTransport : public HttpClient {
 public:
  /// Readable when drive() has something to do.
  [[nodiscard]] virtual int descriptor() const = 0;
  /// When drive() has something to do though nothing came; monotonic, Nanos::max() for never.
  [[nodiscard]] virtual Nanos next_due() const = 0;
};

std::unique_ptr<HttpTransport> make_curl_transport(const Clock& clock, const AllowList& allow,
                                                   const HttpClientLimits& limits);
std::unique_ptr<HttpTransport> make_lean_transport(const Clock& clock, const AllowList& allow,
                                                   const HttpClientLimits& limits);
/// One blocking call by libcurl, without redirects.
HttpResponse fetch_once(const HttpRequest& request, const AllowList& allow);

/// A method or header name that may go on the wire.
inline bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127 && c != ':'; });
}
inline bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

inline HttpResponse never_sent(std::string why, Cause cause = Cause::refused) {
  HttpResponse response;
  response.cause = cause;
  response.outcome = Outcome::failed;
  response.error = std::move(why);
  return response;
}

/// How fast new connections may be made: `rate` a second, and a tenth of a second's worth at once.
class ConnectPace {
 public:
  explicit ConnectPace(double rate)
      : rate_(std::max(rate, 0.001)), burst_(std::max(1.0, rate_ / 10)), left_(burst_), at_(monotonic_now()) {}
  [[nodiscard]] bool may(Nanos now) {
    left_ = std::min(burst_, left_ + seconds(now - at_) * rate_);
    at_ = now;
    return left_ >= 1;
  }
  /// A connection is being made; without leave (may() was not asked) the next ones wait longer.
  void take() { left_ -= 1; }
  /// When may() will be true.
  [[nodiscard]] Nanos next() const { return left_ >= 1 ? at_ : at_ + nanos_of_seconds((1 - left_) / rate_) + 1us; }

 private:
  double rate_, burst_, left_;
  Nanos at_;
};

/// epoll_wait with a limit exact to the nanosecond (in milliseconds it would be lateness of ours). Returns how many
/// events.
int wait_events(int epoll, epoll_event* events, int room, Nanos wait);
/// Sleeps through whatever comes meanwhile; signals end it early.
void sleep_through(Nanos wait);

}  // namespace cardstorm
