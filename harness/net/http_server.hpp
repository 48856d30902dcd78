// http_server: a small HTTP/1.1 server for the simulators and the live page. The only door of Boost.Beast and Asio.
// One thread of its own; a handler may answer later, from any thread, so that a slow answer blocks nobody.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

struct ServerRequest {
  std::string method, path, query, body;                                 // path without query, still percent-encoded
  std::vector<std::pair<std::string, std::string>> headers;              // names in lower case
  [[nodiscard]] const std::string& header(std::string_view name) const;  // "" when absent
};
struct ServerResponse {
  int status = 200;
  std::string body, content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};  // beside Content-Type and Content-Length
};

class HttpServer {
 public:
  using Reply = std::function<void(ServerResponse)>;                 // call exactly once, any thread
  using Handler = std::function<void(const ServerRequest&, Reply)>;  // called on the server's thread; must not block
  virtual ~HttpServer() = default;                                   // stops and joins
  [[nodiscard]] virtual int port() const = 0;
  /// Runs `task` on the server's thread after `delay`.
  virtual void after(Nanos delay, std::function<void()> task) = 0;
};

/// Listens on 127.0.0.1; port 0 takes a free one. Errc::unavailable names a port in use. Bodies above body_max get 413.
Result<std::unique_ptr<HttpServer>> serve(int port, HttpServer::Handler handler, std::size_t body_max = 1 << 20);

}  // namespace cardstorm
