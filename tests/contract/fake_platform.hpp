// fake_platform: a platform with every ability on one real port: supervisor with one real child process, admin pool
// calls, payment channel control. Leases are honoured by the server itself, as the contracts ask.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "harness/lease/process.hpp"
#include "harness/net/http_server.hpp"
#include "tests/support/eventually.hpp"

namespace cardstorm::test {

inline AllowList loopback() { return *AllowList::parse({"127.0.0.0/8"}); }

class FakePlatform {
 public:
  FakePlatform() {
    const std::lock_guard lock(mutex_);  // it serves from the first moment on
    start_child();
    server_ = std::move(*serve(0, [this](const ServerRequest& r, HttpServer::Reply reply) { handle(r, reply); }));
  }
  ~FakePlatform() {
    server_.reset();
    (void)child_->terminate(Nanos(0), 1s);  // `sleep` does not read its lifeline
  }

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  [[nodiscard]] bool held() {
    const std::lock_guard lock(mutex_);
    return held_now();
  }
  [[nodiscard]] bool delayed() {
    const std::lock_guard lock(mutex_);
    return delay_now() > Nanos(0);
  }
  [[nodiscard]] std::vector<std::string> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  [[nodiscard]] int count(const std::string& call) {
    const auto all = calls();
    return static_cast<int>(std::count(all.begin(), all.end(), call));
  }
  [[nodiscard]] ProcessId child() {
    const std::lock_guard lock(mutex_);
    return child_->id();
  }
  /// A lease that never ends: then only an undo ends the fault.
  void ignore_leases() {
    set([&] { leases_ = false; });
  }
  /// Accepts a hold and does nothing.
  void hold_nothing() {
    set([&] { holds_ = false; });
  }
  /// Answers 503 to every control call but reading.
  void refuse(bool on) {
    set([&] { refuse_ = on; });
  }
  void never_restart() {
    set([&] { restarts_ = false; });
  }
  static constexpr const char* kToken = "control-secret";

 private:
  template <class Change>
  void set(Change change) {
    const std::lock_guard lock(mutex_);
    change();
  }
  void start_child() {
    ProcessSpec spec;
    spec.program = "sleep";
    spec.args = {"600"};
    child_ = std::make_unique<Process>(std::move(*Process::spawn(spec)));
  }
  bool held_now() const { return holds_ && held_ && (!leases_ || monotonic_now() < held_until_); }
  Nanos delay_now() const { return !leases_ || monotonic_now() < delay_until_ ? delay_ : Nanos(0); }

  void handle(const ServerRequest& request, const HttpServer::Reply& reply) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(request.method + " " + request.path);
    const auto body = Json::parse(request.body.empty() ? "{}" : request.body);
    if (request.method == "POST" && refuse_) return reply({503, R"({"error":"refused"})"});
    if (request.path == "/nodes") return reply({200, nodes().dump()});
    if (request.path == "/admin/pool") {
      const int held = held_now() ? 8 : 0;
      return reply(
          {200, Json::object({{"max", 8}, {"idle", 8 - held}, {"held", held}, {"used", 0}, {"waiting", 0}}).dump()});
    }
    if (request.path == "/admin/pool/hold") {
      held_ = (*body)["lease_ms"].integer() > 0;
      held_until_ = monotonic_now() + std::chrono::milliseconds((*body)["lease_ms"].integer());
      return reply({200, "{}"});
    }
    if (request.path == "/control/channel/alpha/delay") {
      if (request.header("x-control-token") != kToken) return reply({401, R"({"code":"bad_token"})"});
      delay_ = std::chrono::milliseconds((*body)["delay_ms"].integer());
      delay_until_ = monotonic_now() + std::chrono::milliseconds((*body)["lease_ms"].integer());
      return reply({200, "{}"});
    }
    if (request.path == "/version") return reply({200, R"({"version":"fake 1"})"});
    if (request.path == "/audit/orders") return reply({200, R"({"rows":[{"id":1,"order_no":"A1"}],"next":null})"});
    if (request.path == "/audit/wallets" || request.path == "/audit/ledger")
      return reply({200, R"({"rows":[],"next":null})"});
    if (request.path == "/channel/alpha/ping")
      return server_->after(delay_now() + 5ms, [reply] { reply({200, R"({"ok":true})"}); });
    reply({404, R"({"error":"not_found"})"});
  }

  Json nodes() {
    const bool ended = child_->wait(Nanos(0)).has_value();
    if (ended && restarts_) start_child();
    const ProcessId id = child_->id();
    Json node = Json::object({{"name", "shop"},
                              {"role", "shop"},
                              {"url", url()},
                              {"admin_url", url()},
                              {"pid", static_cast<std::int64_t>(id.pid)},
                              {"start_time", id.start_time},
                              {"ready", !ended || restarts_}});
    return Json::object({{"nodes", Json(Json::Array{node})}});
  }

  std::mutex mutex_;
  std::vector<std::string> calls_;
  std::unique_ptr<Process> child_;
  bool held_ = false, leases_ = true, holds_ = true, refuse_ = false, restarts_ = true;
  Nanos held_until_{0}, delay_{0}, delay_until_{0};
  std::unique_ptr<HttpServer> server_;
};

}  // namespace cardstorm::test
