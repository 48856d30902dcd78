// What the client reports when the other side misbehaves, over real sockets.
#include "harness/net/http_client.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>

#include "harness/net/http_server.hpp"
#include "tests/unit/net/raw_server.hpp"

namespace cardstorm {
namespace {

using testing::RawPeer;
using testing::RawServer;

AllowList loopback() { return AllowList::parse({"127.0.0.0/8", "::1/128"}).value(); }

struct Rig {
  explicit Rig(HttpClientLimits limits = {}, AllowList allow = loopback()) : client(make_http_client(clock, std::move(allow), limits)) {}

  /// Drives until nothing is in flight.
  void finish(Nanos limit = 10s) {
    const Nanos end = clock.now() + limit;
    while (client->in_flight() > 0 && clock.now() < end) client->drive(end);
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

HttpRequest get(std::string url, Nanos timeout = 5s) { return {"GET", std::move(url), "", {}, timeout}; }

int closed_port() {
  const RawServer server([](RawPeer&) {});
  return server.port();
}

TEST(HttpClient, DeliversAWholeAnswerOfAnyStatus) {
  for (const int status : {200, 404, 429, 503}) {
    RawServer server([=](RawPeer& peer) {
      peer.read_request();
      peer.send_text("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    });
    Rig rig;
    const HttpResponse response = rig.call(get(server.url()));
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.body, "hi");
    EXPECT_EQ(response.outcome, Outcome::ok);
    EXPECT_EQ(response.cause, Cause::none);
    EXPECT_LE(response.sent, response.done);
  }
}

TEST(HttpClient, ReportsARefusedConnectionAsFailed) {
  Rig rig;
  const HttpResponse response = rig.call(get("http://127.0.0.1:" + std::to_string(closed_port()) + "/"));
  EXPECT_EQ(response.outcome, Outcome::failed);
  EXPECT_EQ(response.cause, Cause::refused);
  EXPECT_FALSE(response.error.empty());
}

TEST(HttpClient, ReportsAnUnknownHostAsFailed) {
  Rig rig;
  const HttpResponse response = rig.call(get("http://no-such-host.invalid/", 3s));
  EXPECT_EQ(response.outcome, Outcome::failed);
}

TEST(HttpClient, ReportsAResetAfterTheRequestAsUnknown) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.reset();
  });
  Rig rig;
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.cause, Cause::reset);
}

TEST(HttpClient, ReportsAnOrderlyCloseWithoutAnswerAsUnknown) {
  RawServer server([](RawPeer& peer) { peer.read_request(); });
  Rig rig;
  const HttpResponse response = rig.call({"POST", server.url(), R"({"a":1})", {}, 5s});
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.cause, Cause::reset);
}

TEST(HttpClient, ReportsSilenceAsUnknownAndTimeout) {
  RawServer server([](RawPeer& peer) { peer.hang(); });
  Rig rig;
  const Nanos before = rig.clock.now();
  const HttpResponse response = rig.call(get(server.url(), 150ms));
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.cause, Cause::timeout);
  EXPECT_GE(rig.clock.now() - before, 140ms);
  EXPECT_LT(rig.clock.now() - before, 2s);
}

TEST(HttpClient, ReportsHalfABodyAsUnknown) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":");
  });
  Rig rig;
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.cause, Cause::reset);
  EXPECT_EQ(response.status, 200);
}

TEST(HttpClient, StopsAtTheBodyLimit) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    const std::string part(64 * 1024, 'x');
    while (peer.send_text(part)) {}
  });
  Rig rig({.connections_max = 10, .body_max = 100'000});
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.cause, Cause::bad_body);
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.body.size(), 100'000U);
}

TEST(HttpClient, ReportsAnAnswerThatIsNotHttp) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  });
  Rig rig;
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.cause, Cause::bad_body);
}

TEST(HttpClient, DoesNotFollowARedirect) {
  RawServer elsewhere([](RawPeer& peer) { peer.read_request(); });
  RawServer server([&](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 302 Found\r\nLocation: " + elsewhere.url() + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  Rig rig;
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(response.outcome, Outcome::ok);
  EXPECT_EQ(elsewhere.accepted(), 0);
}

TEST(HttpClient, NeverDialsAnAddressOutsideTheAllowList) {
  RawServer server([](RawPeer& peer) { peer.read_request(); });
  Rig rig({}, AllowList::parse({"127.0.0.2"}).value());
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    const HttpResponse response = rig.call(get("http://" + host + ":" + std::to_string(server.port()) + "/"));
    EXPECT_EQ(response.cause, Cause::address) << response.error;
    EXPECT_EQ(response.outcome, Outcome::failed);
  }
  EXPECT_EQ(server.accepted(), 0);
}

TEST(HttpClient, IgnoresProxiesOfTheEnvironment) {
  RawServer proxy([](RawPeer& peer) { peer.read_request(); });
  const auto server = serve(0, [](const ServerRequest&, const HttpServer::Reply& reply) { reply({200, "direct"}); });
  ASSERT_TRUE(server);
  setenv("http_proxy", proxy.url().c_str(), 1);
  Rig rig;
  const HttpResponse response = rig.call(get("http://127.0.0.1:" + std::to_string((*server)->port()) + "/"));
  unsetenv("http_proxy");
  EXPECT_EQ(response.body, "direct");
  EXPECT_EQ(proxy.accepted(), 0);
}

TEST(HttpClient, SendsMethodHeadersAndBodyAsGiven) {
  ServerRequest seen;
  const auto server = serve(0, [&](const ServerRequest& request, const HttpServer::Reply& reply) {
    seen = request;
    reply({200, "{}"});
  });
  ASSERT_TRUE(server);
  const std::string url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/orders/7?x=1%202";
  Rig rig;
  rig.call({"POST", url, R"({"q":1})", {{"Idempotency-Key", "k1"}, {"X-Empty", ""}}, 5s});
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.path, "/orders/7");
  EXPECT_EQ(seen.query, "x=1%202");
  EXPECT_EQ(seen.body, R"({"q":1})");
  EXPECT_EQ(seen.header("idempotency-key"), "k1");
  EXPECT_EQ(seen.header("content-type"), "application/json");
  rig.call(get(url));  // the same handle again: nothing of the POST may stick
  EXPECT_EQ(seen.method, "GET");
  EXPECT_EQ(seen.body, "");
  EXPECT_EQ(seen.header("idempotency-key"), "");
  rig.call({"DELETE", url, "", {}, 5s});
  EXPECT_EQ(seen.method, "DELETE");
  rig.call({"PUT", url, "abc", {{"content-type", "text/plain"}}, 5s});
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.body, "abc");
  EXPECT_EQ(seen.header("content-type"), "text/plain");
}

TEST(HttpClient, RefusesWhatCannotGoOnTheWire) {
  Rig rig;
  RawServer server([](RawPeer& peer) { peer.read_request(); });
  for (const HttpRequest& bad : {HttpRequest{"GET", server.url(), "", {{"X-A", "1\r\nX-B: 2"}}, 1s}, HttpRequest{"GET X", server.url(), "", {}, 1s},
                                 HttpRequest{"GET", "ftp://127.0.0.1/", "", {}, 1s}, HttpRequest{"GET", "not a url", "", {}, 1s}}) {
    const HttpResponse response = rig.call(bad);
    EXPECT_EQ(response.outcome, Outcome::failed) << bad.url;
    EXPECT_EQ(response.cause, Cause::refused);
    EXPECT_FALSE(response.error.empty());
  }
  EXPECT_EQ(server.accepted(), 0);
}

TEST(HttpClient, KeepsConnections) {
  RawServer server([](RawPeer& peer) {
    while (!peer.read_request().empty()) peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  Rig rig;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(rig.call(get(server.url())).body, "ok");
  EXPECT_EQ(server.accepted(), 1);
}

TEST(HttpClient, TakesAFreshConnectionWhenTheKeptOneWasClosed) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");   // promises to keep it, and closes
  });
  Rig rig;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(rig.call(get(server.url())).outcome, Outcome::ok);
  EXPECT_EQ(server.accepted(), 5);
}

TEST(HttpClient, ReportsAServerThatDiedUnderAKeptConnectionAsUnknown) {
  RawServer* self = nullptr;
  RawServer server([&](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    peer.read_request();
    self->refuse();
    peer.reset();
  });
  self = &server;
  Rig rig;
  EXPECT_EQ(rig.call({"POST", server.url(), "{}", {}, 5s}).body, "ok");
  // curl tries again by itself and is refused; but the request had left before.
  const HttpResponse response = rig.call({"POST", server.url(), "{}", {}, 5s});
  EXPECT_EQ(response.outcome, Outcome::unknown) << response.error;
  EXPECT_EQ(response.cause, Cause::reset);
}

TEST(HttpClient, HoldsTheConnectionCapAndTimesOutWhatWaits) {
  RawServer server([](RawPeer& peer) { peer.hang(); });
  Rig rig({.connections_max = 2, .body_max = 1000});
  int unknown = 0, failed = 0;
  for (int i = 0; i < 6; ++i)
    rig.client->submit(get(server.url(), i < 2 ? 400ms : 100ms), [&](const HttpResponse& response) {
      EXPECT_EQ(response.cause, Cause::timeout);
      ++(response.outcome == Outcome::failed ? failed : unknown);
    });
  EXPECT_EQ(rig.client->in_flight(), 6U);
  rig.finish();
  EXPECT_EQ(rig.client->in_flight(), 0U);
  EXPECT_EQ(unknown, 2);   // they were on the wire
  EXPECT_EQ(failed, 4);    // they never left
}

TEST(HttpClient, ServesMoreRequestsThanConnections) {
  std::atomic<int> open{0};
  const auto server = serve(0, [&](const ServerRequest& request, const HttpServer::Reply& reply) {
    ++open;
    reply({200, request.path});
  });
  ASSERT_TRUE(server);
  Rig rig({.connections_max = 3, .body_max = 1000});
  int right = 0;
  for (int i = 0; i < 300; ++i)
    rig.client->submit(get("http://127.0.0.1:" + std::to_string((*server)->port()) + "/" + std::to_string(i)),
                       [&right, i](const HttpResponse& response) { right += response.body == "/" + std::to_string(i) ? 1 : 0; });
  rig.finish();
  EXPECT_EQ(right, 300);
}

TEST(HttpClient, LetsACallbackSubmitAgain) {
  const auto server = serve(0, [](const ServerRequest&, const HttpServer::Reply& reply) { reply({200, "x"}); });
  ASSERT_TRUE(server);
  const std::string url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/";
  Rig rig;
  int left = 50;
  std::function<void(HttpResponse)> again = [&](const HttpResponse&) {
    if (--left > 0) rig.client->submit(get(url), again);
  };
  rig.client->submit(get(url), again);
  rig.finish();
  EXPECT_EQ(left, 0);
}

TEST(HttpClient, EndsItsWaitInTimeAndOnWake) {
  Rig rig;
  const Nanos before = rig.clock.now();
  rig.client->drive(before + 20ms);
  EXPECT_GE(rig.clock.now() - before, 20ms);
  std::thread other([&] { rig.client->wake(); });
  rig.client->drive(rig.clock.now() + 30s);
  other.join();
  EXPECT_LT(rig.clock.now() - before, 10s);
}

TEST(HttpClient, MayBeDestroyedWithRequestsInFlight) {
  RawServer server([](RawPeer& peer) { peer.hang(); });
  Rig rig({.connections_max = 1, .body_max = 1000});
  bool called = false;
  for (int i = 0; i < 3; ++i) rig.client->submit(get(server.url()), [&](const HttpResponse&) { called = true; });
  rig.client.reset();
  EXPECT_FALSE(called);
}

TEST(Fetch, GivesHeadersAndKeepsTheAllowList) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nX-Thing:  a b \r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  const HttpResponse response = fetch(get(server.url()));
  EXPECT_EQ(response.outcome, Outcome::ok);
  EXPECT_EQ(response.headers.front(), (std::pair<std::string, std::string>{"x-thing", "a b"}));
  EXPECT_EQ(fetch(get(server.url()), AllowList{}).cause, Cause::address);
}

}  // namespace
}  // namespace cardstorm
