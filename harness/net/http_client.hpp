// http_client: requests that leave this process. The only door of libcurl. Client is for load (never blocks, never
// throws, one thread drives it); fetch() is for control calls. Why there are two transports: decisions/0008.
#pragma once

#include <cstdint>
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

/// How long an answer to an unhurried request may lie unread.
inline constexpr Nanos kReadLater = 1ms;

struct HttpRequest {
  std::string method = "GET", url, body;
  std::vector<std::pair<std::string, std::string>> headers;
  Nanos timeout{5s};
  bool want_headers =
      false;  // the answer carries its headers (fetch() always does); without it only Set-Cookie, which journeys
              // keep, and all of them when the status is 400 or above, by which a front wall is known
  int redirects_max = 0;         // followed inside the allow-list; beyond: cause redirect
  std::string source = {};       // local address to come from, "" = any
  std::string unix_socket = {};  // fetch(): connect to this socket file instead of the url's address
  bool latency_sensitive =
      true;  // false: nothing follows at once. The answer may lie unread for kReadLater, so that sending
             // evenly wakes the processor once a request and not twice; it is timed by the kernel all the same
  bool tls_verify = true;   // fetch()
  std::string tls_ca = {};  // fetch(): a file of certificates to trust instead of the system's
};

/// What came back. A timeout before the first byte left is cause timeout, outcome failed. `cause` none means that a
/// whole HTTP answer arrived, of whatever status.
struct HttpResponse {
  int status = 0;
  std::string body;               // at most body_max bytes; more is cause too_large, as are headers above 64 KiB
  Cause cause = Cause::none;      // refused | reset | timeout | bad_body | address | dns | tls | redirect | too_large
  Outcome outcome = Outcome::ok;  // ok: answer arrived; failed: surely no effect; unknown: may have had an effect
  std::string error;              // for people
  Nanos sent{0}, done{0};         // submit() and the end, on the client's clock (fetch: monotonic_now()); connecting is
                                  // service time. Over plain TCP an answer ends when the kernel took in its last byte
                                  // (socket(7), SO_TIMESTAMPNS), whenever we read it
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case; see HttpRequest::want_headers
};

class HttpClient {
 public:
  using Done = std::function<void(HttpResponse)>;
  virtual ~HttpClient() = default;
  /// Starts a request and returns at once; `done` is called from drive(). A refusal is an outcome, not an error.
  virtual void submit(HttpRequest request, Done done) = 0;
  /// Does what can be done, waits at most until `until` for more, and returns when it has told somebody. One thread.
  /// wake() from any thread ends the wait.
  virtual void drive(Nanos until) = 0;
  virtual void wake() = 0;
  [[nodiscard]] virtual std::size_t in_flight() const = 0;
};

/// Which way onto the wire. automatic: lean for plain http:// and unix sockets, libcurl for the rest.
enum class Transport : std::uint8_t { automatic, curl, lean };

struct HttpClientLimits {
  std::size_t connections_max = 1000, body_max = 1 << 20;
  double connects_per_second =
      2000;                      // a dead target is not knocked on faster than this; what waits ends by its own timeout
  std::string unix_socket = {};  // connect here instead of TCP
  bool http2 = false;  // https only: asked for in the TLS handshake; a server without it is spoken to over HTTP/1.1
  bool tls_verify = true;
  std::string tls_ca = {};
  Transport transport = Transport::automatic;
};

/// The allow-list is checked on every address that is dialled, redirects included. A request is put on the wire at most
/// once: when a kept connection breaks under it, it ends as reset and is not repeated (an HTTP/2 stream that the server
/// says it did not take goes onto another connection). Both transports give the same outcomes and causes.
std::unique_ptr<HttpClient> make_http_client(const Clock& clock, AllowList allow, HttpClientLimits limits);

/// One blocking call with a fresh connection; any thread.
HttpResponse fetch(const HttpRequest& request, const AllowList& allow);
/// Loopback only.
HttpResponse fetch(const HttpRequest& request);

}  // namespace cardstorm
