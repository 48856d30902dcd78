// http2_server: a private nginx for tests of the client over HTTP/2: over TLS with HTTP/2, over TLS without, and in the
// clear.
#pragma once

#include <signal.h>

#include <string>

#include "harness/core/clock.hpp"
#include "harness/net/http_client.hpp"
#include "tests/support/private_server.hpp"

namespace cardstorm::testing {

/// Answers every path with "PROTOCOL CONNECTION METHOD", by which a test sees what was really spoken and over which
/// connection.
class Http2Server {
 public:
  /// `directives` go into the http block. What begins with /hold goes to `upstream` (a port) when one is given.
  explicit Http2Server(const std::string& directives = "", int upstream = 0) {
    make_certificate();
    folder_.write("nginx.conf", config(directives, upstream));
    // One process alone: its death by SIGKILL closes every connection.
    pid_ = folder_.spawn({"/usr/sbin/nginx", "-p", folder_.path() + "/", "-c", "nginx.conf", "-e", "error.log"},
                         "stderr.log");
    up_ = pid_ > 0 && test::await_server(pid_, std::chrono::seconds(10), [this] {
            return fetch({"GET", "http://127.0.0.1:" + std::to_string(clear_.number()) + "/", "", {}, 200ms}).status ==
                   200;
          });
  }
  ~Http2Server() { kill_now(); }
  Http2Server(const Http2Server&) = delete;
  Http2Server& operator=(const Http2Server&) = delete;

  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] std::string said() const { return folder_.read("stderr.log") + folder_.read("error.log"); }
  void kill_now() { test::PrivateFolder::end(std::exchange(pid_, -1), SIGKILL, std::chrono::seconds(5)); }

  [[nodiscard]] std::string secure(const std::string& path = "/") const {
    return "https://localhost:" + std::to_string(secure_.number()) + path;
  }
  [[nodiscard]] std::string secure_without(const std::string& path = "/") const {
    return "https://localhost:" + std::to_string(secure_without_.number()) + path;
  }
  [[nodiscard]] std::string clear(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(clear_.number()) + path;
  }
  [[nodiscard]] std::string certificate() const { return folder_.path() + "/cert.pem"; }

 private:
  void make_certificate() const {
    const pid_t made =
        folder_.spawn({"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                       "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
                       "-addext", "subjectAltName=DNS:localhost"},
                      "openssl.log");
    (void)test::PrivateFolder::ended_well(made, std::chrono::seconds(10));
  }
  [[nodiscard]] std::string config(const std::string& directives, int upstream) const {
    const auto server = [&](const test::HeldPort& port, const std::string& how) {
      return "  server { listen 127.0.0.1:" + std::to_string(port.number()) + how +
             ";\n    location / { return 200 \"$server_protocol $connection $request_method\"; }\n" +
             (upstream == 0
                  ? ""
                  : "    location /hold { proxy_pass http://127.0.0.1:" + std::to_string(upstream) + "; }\n") +
             "  }\n";
    };
    return "master_process off;\ndaemon off;\npid nginx.pid;\nerror_log error.log crit;\nevents { worker_connections "
           "500; }\nhttp {\n  access_log off;\n"
           "  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; "
           "scgi_temp_path scgi;\n"
           "  ssl_certificate cert.pem; ssl_certificate_key key.pem;\n  " +
           directives + "\n" + server(secure_, " ssl http2") + server(secure_without_, " ssl") + server(clear_, "") +
           "}\n";
  }

  test::PrivateFolder folder_;
  test::HeldPort secure_, secure_without_, clear_;
  pid_t pid_ = -1;
  bool up_ = false;
};

}  // namespace cardstorm::testing
