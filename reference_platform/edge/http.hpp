// http: requests in and out of a node. The server reads and writes asynchronously and hands whole requests to a fixed
// pool of worker threads through a queue (bounded or, in the fragile variant, not). The client is libcurl, blocking,
// with kept connections. Both carry the ambient context (observe/context.hpp): the server sets it around the handler,
// the client sends it on.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reference_platform/observe/context.hpp"

namespace platform::edge {

using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case

struct Request {
  std::string method, path, query, body;
  Headers headers;
  std::chrono::steady_clock::time_point arrived;                         // when the last byte was read
  [[nodiscard]] const std::string& header(std::string_view name) const;  // "" when absent
};
struct Response {
  int status = 200;
  std::string body, content_type = "application/json";
  Headers headers;
};

using Handler = std::function<Response(const Request&)>;  // on a worker thread; may block; an exception becomes 500

struct ServerOptions {
  std::string name = "business";  // for the observer
  int port = 0;                   // 127.0.0.1; 0 takes a free one
  int threads = 16;
  std::size_t queue_max = 0;  // 0: unbounded. Full: 503 {"error":"overloaded"} with Retry-After: 1, at once
  std::chrono::milliseconds queue_age_max{
      0};                          // a request that waited longer is answered 503 instead of served; 0: never
  std::size_t body_max = 1 << 20;  // above: 413
  std::chrono::milliseconds transfer_max{30000};  // to read one request (then 408) or to write one answer
};
class Server {
 public:
  virtual ~Server() = default;  // stops accepting, finishes what runs, joins
  [[nodiscard]] virtual int port() const = 0;
  [[nodiscard]] virtual std::size_t queued() const = 0;
  [[nodiscard]] virtual int busy() const = 0;
};
/// While a handler runs, observe::current() holds the request's traceparent (a new span of it; a fresh trace when none
/// came in), mark and X-Deadline-Ms. Bytes that are not UTF-8, or a zero byte, anywhere in a request: 400 bad_encoding.
/// Throws std::runtime_error when the port is taken.
std::unique_ptr<Server> serve(const ServerOptions& options, Handler handler);

struct CallOptions {
  std::chrono::milliseconds connect{200}, total{2000};
};
/// status 0: no answer (error says why). `sent`: some byte of the request may have reached the other side.
struct CallResult {
  int status = 0;
  std::string body, error, content_type;
  bool sent = false;
};
/// Blocking; any thread; connections are kept per thread and host. Sends the ambient traceparent, mark and remaining
/// time (X-Deadline-Ms) unless `headers` have them, and never waits longer than the ambient deadline.
CallResult call(const std::string& method, const std::string& url, const std::string& body, const Headers& headers,
                const CallOptions& options);

/// One exchange that is over. Valid during the call only.
struct Observed {
  std::string_view name;            // ServerOptions::name; "" of a call
  std::string_view method, target;  // the path; of a call the whole url
  int status = 0;                   // 0: no answer
  std::chrono::steady_clock::time_point began;
  std::chrono::steady_clock::duration took;  // with the wait in the queue
  const observe::Context& context;           // trace, and the span of this exchange
  std::string_view parent_span;              // "" at the root of a trace
};
/// Who wants to know of every request and call: metrics and traces. Any thread; must be quick.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_request(const Observed& o) = 0;
  virtual void on_call(const Observed& o) = 0;
};
/// Once per process, before it serves or calls; must live as long. Default: nobody.
void set_observer(Observer* observer);
[[nodiscard]] Observer* observer();

}  // namespace platform::edge
