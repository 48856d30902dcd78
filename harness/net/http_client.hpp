// http_client: requests that leave this process. The only door of libcurl. Client is for load (never blocks, never
// throws, one thread drives it); fetch() is for control calls.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/events.hpp"
#include "harness/core/result.hpp"
#include "harness/net/allow.hpp"

namespace cardstorm {

struct HttpRequest {
  std::string method = "GET", url, body;
  std::vector<std::pair<std::string, std::string>> headers;
  Nanos timeout{5s};
};

/// What came back. A timeout before the first byte left is cause timeout, outcome failed. `cause` none means that a whole HTTP answer arrived, of whatever status.
struct HttpResponse {
  int status = 0;
  std::string body;              // at most body_max bytes; more is cause bad_body
  Cause cause = Cause::none;     // refused | reset | timeout | bad_body | address
  Outcome outcome = Outcome::ok; // ok: answer arrived; failed: surely no effect; unknown: may have had an effect
  std::string error;             // libcurl's words
  Nanos sent{0}, done{0};        // submit() and the end, on the client's clock (fetch: monotonic_now()); connecting is service time
  std::vector<std::pair<std::string, std::string>> headers;   // fetch() only
};

class HttpClient {
 public:
  using Done = std::function<void(HttpResponse)>;
  virtual ~HttpClient() = default;
  /// Starts a request and returns at once; `done` is called from drive(). A refusal is an outcome, not an error.
  virtual void submit(HttpRequest request, Done done) = 0;
  /// Does what can be done, waits at most until `until` for more. One thread. wake() from any thread ends the wait.
  virtual void drive(Nanos until) = 0;
  virtual void wake() = 0;
  [[nodiscard]] virtual std::size_t in_flight() const = 0;
};

struct HttpClientLimits { std::size_t connections_max = 1000; std::size_t body_max = 1 << 20; };

/// libcurl multi. The allow-list is checked on every address that is dialled (open socket callback); redirects are not followed.
std::unique_ptr<HttpClient> make_http_client(const Clock& clock, AllowList allow, HttpClientLimits limits);

/// One blocking call with a fresh connection; any thread.
HttpResponse fetch(const HttpRequest& request, const AllowList& allow);
/// Loopback only.
HttpResponse fetch(const HttpRequest& request);

}  // namespace cardstorm
