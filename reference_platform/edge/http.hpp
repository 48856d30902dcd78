// http: requests in and out of a node. The server reads and writes asynchronously and hands whole requests to a fixed pool of
// worker threads through a queue (bounded or, in the fragile variant, not). The client is libcurl, blocking, with kept connections.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace platform::edge {

using Headers = std::vector<std::pair<std::string, std::string>>;   // names in lower case

struct Request {
  std::string method, path, query, body;
  Headers headers;
  std::chrono::steady_clock::time_point arrived;   // when the last byte was read
  [[nodiscard]] const std::string& header(std::string_view name) const;   // "" when absent
};
struct Response { int status = 200; std::string body, content_type = "application/json"; Headers headers; };

using Handler = std::function<Response(const Request&)>;   // on a worker thread; may block; an exception becomes 500

struct ServerOptions {
  int port = 0;                    // 127.0.0.1; 0 takes a free one
  int threads = 16;
  std::size_t queue_max = 0;       // 0: unbounded. Full: 503 {"error":"overloaded"} with Retry-After: 1, at once
  std::chrono::milliseconds queue_age_max{0};   // a request that waited longer is answered 503 instead of served; 0: never
  std::size_t body_max = 1 << 20;  // above: 413
  std::chrono::milliseconds transfer_max{30000};   // to read one request (then 408) or to write one answer
};
class Server {
 public:
  virtual ~Server() = default;     // stops accepting, finishes what runs, joins
  [[nodiscard]] virtual int port() const = 0;
  [[nodiscard]] virtual std::size_t queued() const = 0;
  [[nodiscard]] virtual int busy() const = 0;
};
/// Throws std::runtime_error when the port is taken.
std::unique_ptr<Server> serve(const ServerOptions& options, Handler handler);

struct CallOptions { std::chrono::milliseconds connect{200}, total{2000}; };
/// status 0: no answer (error says why). `sent`: some byte of the request may have reached the other side.
struct CallResult { int status = 0; std::string body, error; bool sent = false; };
/// Blocking; any thread; connections are kept per thread and host.
CallResult call(const std::string& method, const std::string& url, const std::string& body, const Headers& headers, const CallOptions& options);

}  // namespace platform::edge
