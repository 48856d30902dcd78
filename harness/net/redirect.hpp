// redirect: what a redirecting answer asks for next, the same for every transport. Pure; addresses are checked when
// they are dialled.
#pragma once

#include <string>
#include <vector>

#include "harness/net/http_client.hpp"

namespace cardstorm {

/// Follows one request over its redirects. 301, 302 and 303 become GET (a PUT or DELETE only by 303), 307 and 308 keep
/// method and body. Cookies set on the way go along within the same host; credentials never leave it.
class RedirectTrail {
 public:
  /// `request` is the first one; its headers are wanted from now on. `now` is on the clock of `timeout`.
  RedirectTrail(HttpRequest request, Nanos now);

  enum class Turn { deliver, follow };
  /// `answer` came for request(). follow: send request() next, which has what is left of the time. deliver: `answer` is
  /// final, and says what became of the whole: cause redirect for a loop or one too many.
  Turn take(HttpResponse& answer, Nanos now);
  [[nodiscard]] const HttpRequest& request() const { return request_; }

 private:
  void finish(HttpResponse& answer);
  void become_get();
  void leave_host();
  void keep_cookies(const HttpResponse& answer);

  HttpRequest request_;
  bool wanted_headers_ = false;
  Nanos deadline_;
  int left_;
  std::vector<std::string> seen_;         // method and URL
  std::vector<std::string> set_cookies_;  // of the answers on the way
};

}  // namespace cardstorm
