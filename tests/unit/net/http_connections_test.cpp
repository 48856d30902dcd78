// The connections of the client, over both transports: kept, never used twice when they broke, capped, not dialled
// where or faster than they may be.
#include <gtest/gtest.h>

#include "harness/net/http_server.hpp"
#include "tests/unit/net/client_rig.hpp"

namespace cardstorm {
namespace {

using testing::BothTransports;
using testing::get;
using testing::RawPeer;
using testing::RawServer;
using testing::Rig;

TEST_P(BothTransports, NeverDialsAnAddressOutsideTheAllowList) {
  RawServer server([](RawPeer& peer) { peer.read_request(); });
  Rig rig = make({}, AllowList::parse({"127.0.0.2"}).value());
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    const HttpResponse response = rig.call(get("http://" + host + ":" + std::to_string(server.port()) + "/"));
    EXPECT_EQ(response.cause, Cause::address) << response.error;
    EXPECT_EQ(response.outcome, Outcome::failed);
  }
  EXPECT_EQ(server.accepted(), 0);
}

TEST_P(BothTransports, KeepsConnections) {
  RawServer server([](RawPeer& peer) {
    while (!peer.read_request().empty()) peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  Rig rig = make();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(rig.call(get(server.url())).body, "ok");
  EXPECT_EQ(server.accepted(), 1);
}

TEST_P(BothTransports, TakesAFreshConnectionWhenTheKeptOneWasClosed) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");  // promises to keep it, and closes
  });
  Rig rig = make();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(rig.call(get(server.url())).outcome, Outcome::ok);
  EXPECT_EQ(server.accepted(), 5);
}

TEST_P(BothTransports, ReportsAServerThatDiedUnderAKeptConnectionAsUnknown) {
  RawServer* self = nullptr;
  RawServer server([&](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    peer.read_request();
    self->refuse();
    peer.reset();
  });
  self = &server;
  Rig rig = make();
  EXPECT_EQ(rig.call({"POST", server.url(), "{}", {}, 5s}).body, "ok");
  const HttpResponse response = rig.call({"POST", server.url(), "{}", {}, 5s});
  EXPECT_EQ(response.outcome, Outcome::unknown) << response.error;
  EXPECT_EQ(response.cause, Cause::reset);
}

TEST_P(BothTransports, HoldsTheConnectionCapAndTimesOutWhatWaits) {
  RawServer server([](RawPeer& peer) { peer.hang(); });
  Rig rig = make({.connections_max = 2, .body_max = 1000});
  int unknown = 0, failed = 0;
  for (int i = 0; i < 6; ++i)
    rig.client->submit(get(server.url(), i < 2 ? 1500ms : 200ms), [&](const HttpResponse& response) {
      EXPECT_EQ(response.cause, Cause::timeout);
      ++(response.outcome == Outcome::failed ? failed : unknown);
    });
  EXPECT_EQ(rig.client->in_flight(), 6U);
  rig.finish();
  EXPECT_EQ(rig.client->in_flight(), 0U);
  EXPECT_EQ(unknown, 2);  // they were on the wire
  EXPECT_EQ(failed, 4);   // they never left
}

TEST_P(BothTransports, ServesMoreRequestsThanConnections) {
  std::atomic<int> open{0};
  const auto server = serve(0, [&](const ServerRequest& request, const HttpServer::Reply& reply) {
    ++open;
    reply({200, request.path});
  });
  ASSERT_TRUE(server);
  Rig rig = make({.connections_max = 3, .body_max = 1000});
  int right = 0;
  for (int i = 0; i < 300; ++i)
    rig.client->submit(
        get("http://127.0.0.1:" + std::to_string((*server)->port()) + "/" + std::to_string(i)),
        [&right, i](const HttpResponse& response) { right += response.body == "/" + std::to_string(i) ? 1 : 0; });
  rig.finish();
  EXPECT_EQ(right, 300);
}

TEST_P(BothTransports, SendsARequestAtMostOnceWhenAKeptConnectionBreaksUnderIt) {
  for (const std::string method : {"GET", "POST"}) {
    std::atomic<int> requests{0};
    RawServer server([&](RawPeer& peer) {
      while (!peer.read_request().empty()) {
        if (++requests == 2) return peer.reset();  // the first one on each later connection would be answered
        peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      }
    });
    Rig rig = make();
    EXPECT_EQ(rig.call({method, server.url(), "", {}, 5s}).body, "ok");
    const HttpResponse response = rig.call({method, server.url(), "", {}, 5s});
    EXPECT_EQ(response.cause, Cause::reset) << method << " " << response.error;
    EXPECT_EQ(response.outcome, Outcome::unknown);
    EXPECT_EQ(requests, 2) << method;
  }
}

TEST_P(BothTransports, TimesOutAConnectThatNobodyAccepts) {
  const testing::FullBacklog full;
  Rig rig = make();
  const HttpResponse response = rig.call(get(full.url(), 150ms));
  EXPECT_EQ(response.cause, Cause::timeout) << response.error;
  EXPECT_EQ(response.outcome, Outcome::failed);  // no byte of the request left
}

TEST_P(BothTransports, DoesNotKeepAConnectionThatIsSaidToClose) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    peer.hang();
  });
  Rig rig = make();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rig.call(get(server.url())).body, "ok");
  EXPECT_EQ(server.accepted(), 3);
}

TEST_P(BothTransports, NeverTakesUnaskedBytesForTheNextAnswer) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
    peer.hang();
  });
  Rig rig = make();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rig.call(get(server.url())).body, "ok");
  EXPECT_EQ(server.accepted(), 3);
}

TEST_P(BothTransports, SpeaksOverAUnixSocket) {
  const testing::UnixServer server([](RawPeer& peer) {
    const std::string request = peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + request.substr(0, 4));
  });
  HttpClientLimits limits;
  limits.unix_socket = server.path();
  Rig rig = make(limits);
  EXPECT_EQ(rig.call(get("http://shop/x")).body, "GET ");
  limits.unix_socket = server.path() + ".gone";
  Rig gone = make(limits);
  const HttpResponse response = gone.call(get("http://shop/x"));
  EXPECT_EQ(response.cause, Cause::refused);
  EXPECT_EQ(response.outcome, Outcome::failed);
}

TEST_P(BothTransports, ComesFromTheAddressThatIsAskedFor) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(peer.address().size()) +
                   "\r\n\r\n" + peer.address());
  });
  Rig rig = make();
  for (const std::string source : {"127.0.0.2", "127.0.0.3", "127.0.0.2"}) {
    HttpRequest request = get(server.url());
    request.source = source;
    EXPECT_EQ(rig.call(request).body, source);
  }
  HttpRequest foreign = get(server.url());
  foreign.source = "192.0.2.1";  // not ours
  const HttpResponse response = rig.call(foreign);
  EXPECT_EQ(response.cause, Cause::refused) << response.error;
  EXPECT_EQ(response.outcome, Outcome::failed);
}

TEST_P(BothTransports, KnocksNoFasterThanItMayAndEndsWhatWaits) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
  });
  HttpClientLimits limits;
  limits.connects_per_second = 20;  // two at once, then one each 50 ms
  const Nanos begun = monotonic_now();
  Rig rig = make(limits);
  int good = 0, failed = 0, cut = 0;  // cut: on the wire when its time was up
  for (int i = 0; i < 40; ++i)
    rig.client->submit(get(server.url(), 600ms), [&](const HttpResponse& response) {
      if (response.outcome == Outcome::ok)
        ++good;
      else if (response.cause == Cause::timeout)
        ++(response.outcome == Outcome::failed ? failed : cut);
    });
  rig.finish();
  const int allowed = 2 + static_cast<int>(seconds(monotonic_now() - begun) * 20) + 1;
  EXPECT_EQ(good + failed + cut, 40);
  EXPECT_GE(good, 2);
  EXPECT_LE(good + cut, allowed);  // what still waited never left
  EXPECT_LE(server.accepted(), allowed);
  EXPECT_GE(failed, 15);
}

TEST_P(BothTransports, DoesNotHammerADeadTarget) {
  const test::HeldPort closed;
  HttpClientLimits limits;
  limits.connects_per_second = 50;
  const Nanos begun = monotonic_now();
  Rig rig = make(limits);
  int refused = 0, waited = 0;
  for (int i = 0; i < 100; ++i)
    rig.client->submit(get("http://127.0.0.1:" + std::to_string(closed.number()) + "/", 200ms),
                       [&](const HttpResponse& response) { ++(response.cause == Cause::refused ? refused : waited); });
  rig.finish();
  EXPECT_EQ(refused + waited, 100);
  EXPECT_LE(refused, 5 + static_cast<int>(seconds(monotonic_now() - begun) * 50) + 1);
  EXPECT_GE(waited, 50);
}

}  // namespace
}  // namespace cardstorm
