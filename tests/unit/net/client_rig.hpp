// client_rig: a client with its clock, and the few requests that all tests of the client make.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "harness/net/http_client.hpp"
#include "tests/unit/net/raw_server.hpp"

namespace cardstorm::testing {

inline AllowList loopback() { return AllowList::parse({"127.0.0.0/8", "::1/128"}).value(); }

struct Rig {
  explicit Rig(HttpClientLimits limits, AllowList allow = loopback())
      : client(make_http_client(clock, std::move(allow), limits)) {}

  /// Drives until `done`, and at most so long.
  template <class Done>
  void finish_until(Done done, Nanos limit = 40s) {
    const Nanos end = clock.now() + limit;
    while (!done() && client->in_flight() > 0 && clock.now() < end) client->drive(end);
  }
  /// Drives until nothing is in flight.
  void finish(Nanos limit = 40s) {
    finish_until([] { return false; }, limit);
  }
  HttpResponse call(HttpRequest request) {
    std::optional<HttpResponse> got;
    client->submit(std::move(request), [&](HttpResponse response) { got = std::move(response); });
    finish();
    EXPECT_TRUE(got.has_value());
    return got.value_or(HttpResponse{});
  }

  MonotonicClock clock;
  std::unique_ptr<HttpClient> client;
};

/// Every case runs over both.
class BothTransports : public ::testing::TestWithParam<Transport> {
 protected:
  static Rig make(HttpClientLimits limits = {}, AllowList allow = loopback()) {
    limits.transport = GetParam();
    return Rig(limits, std::move(allow));
  }
};

/// The usual time is patience with a busy machine; who asks how long a wait takes says a time.
inline HttpRequest get(std::string url, Nanos timeout = 30s) { return {"GET", std::move(url), "", {}, timeout}; }

}  // namespace cardstorm::testing
