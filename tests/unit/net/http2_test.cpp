// HTTP/2 over real sockets: what the client speaks with an nginx, how requests share a connection, and what becomes of
// each of them when the server has no HTTP/2, says goodbye, or dies.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "harness/net/http_server.hpp"
#include "tests/unit/net/client_rig.hpp"
#include "tests/unit/net/http2_server.hpp"

namespace cardstorm {
namespace {

using testing::get;
using testing::Http2Server;
using testing::RawPeer;
using testing::RawServer;
using testing::Rig;

HttpClientLimits over_http2(const Http2Server& server) {
  HttpClientLimits limits;
  limits.http2 = true;
  limits.tls_ca = server.certificate();
  return limits;
}

/// What came back of many requests: every one must be told of exactly once.
struct Tally {
  explicit Tally(Rig& rig) : rig_(rig) {}
  void submit(HttpRequest request) {
    const std::size_t at = times.size();
    times.push_back(0);
    rig_.client->submit(std::move(request), [this, at](HttpResponse response) {
      ++times[at];
      ++ends[{response.outcome, response.cause}];
      std::istringstream words(response.body);
      std::string protocol, connection;
      words >> protocol >> connection;
      if (response.status == 200) ++protocols[protocol], connections.insert(connection);
      if (response.cause != Cause::none) last_error = response.error;
    });
  }
  [[nodiscard]] int good() const { return count(Outcome::ok, Cause::none); }
  [[nodiscard]] int count(Outcome outcome, Cause cause) const {
    const auto found = ends.find({outcome, cause});
    return found == ends.end() ? 0 : found->second;
  }
  [[nodiscard]] std::string text() const {
    std::string out = last_error;
    for (const auto& [end, n] : ends)
      out += " [" + std::string(to_text(end.first)) + " " + std::string(to_text(end.second)) + ": " +
             std::to_string(n) + "]";
    return out;
  }
  [[nodiscard]] bool each_once() const {
    return std::all_of(times.begin(), times.end(), [](int n) { return n == 1; });
  }

  std::vector<int> times;
  std::map<std::pair<Outcome, Cause>, int> ends;
  std::map<std::string, int> protocols;
  std::set<std::string> connections;
  std::string last_error;

 private:
  Rig& rig_;
};

TEST(Http2, IsSpokenWhenAskedForAndOnlyThen) {
  const Http2Server server;
  ASSERT_TRUE(server.up()) << server.said();
  Rig modern(over_http2(server));
  const HttpResponse response = modern.call(get(server.secure()));
  EXPECT_TRUE(response.body.starts_with("HTTP/2.0 ")) << response.body << response.error;
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.outcome, Outcome::ok);
  HttpClientLimits limits = over_http2(server);
  limits.http2 = false;
  Rig plain(limits);
  EXPECT_TRUE(plain.call(get(server.secure())).body.starts_with("HTTP/1.1 "));
}

TEST(Http2, CarriesMethodBodyHeadersAndRefusals) {
  const auto shop = serve(0, [](const ServerRequest& request, const HttpServer::Reply& reply) {
    reply({request.path == "/hold/gone" ? 404 : 200,
           request.method + " " + request.body + " " + std::string(request.header("x-mark"))});
  });
  ASSERT_TRUE(shop);
  const Http2Server server("", (*shop)->port());
  ASSERT_TRUE(server.up()) << server.said();
  Rig rig(over_http2(server));
  EXPECT_EQ(rig.call({"POST", server.secure("/hold/a"), R"({"q":1})", {{"X-Mark", "m1"}}, 5s}).body,
            R"(POST {"q":1} m1)");
  EXPECT_EQ(rig.call({"PUT", server.secure("/hold/a"), std::string(200'000, 'x'), {}, 5s}).body,
            "PUT " + std::string(200'000, 'x') + " ");
  const HttpResponse refusal = rig.call(get(server.secure("/hold/gone")));
  EXPECT_EQ(refusal.status, 404);
  EXPECT_FALSE(refusal.headers.empty());  // by which a front wall is known
  EXPECT_EQ(rig.call({"HEAD", server.secure("/"), "", {}, 5s}).status, 200);
}

TEST(Http2, ManyRequestsShareOneConnection) {
  const Http2Server server("keepalive_requests 100000;");
  ASSERT_TRUE(server.up()) << server.said();
  Rig rig(over_http2(server));
  Tally few(rig), many(rig);
  for (int i = 0; i < 90; ++i) few.submit(get(server.secure()));
  rig.finish();
  EXPECT_EQ(few.good(), 90) << few.text();
  EXPECT_EQ(few.protocols["HTTP/2.0"], 90);
  EXPECT_EQ(few.connections.size(), 1u);
  for (int i = 0; i < 400; ++i) many.submit(get(server.secure()));
  rig.finish();
  EXPECT_EQ(many.good(), 400) << many.text();
  EXPECT_EQ(many.protocols["HTTP/2.0"], 400);
  EXPECT_LE(many.connections.size(), 4u);  // a hundred streams each
  EXPECT_TRUE(few.each_once() && many.each_once());
}

TEST(Http2, ASecondConnectionIsMadeWhenTheFirstIsFull) {
  RawServer silent([](RawPeer& peer) { peer.hang(); });
  const Http2Server server("", silent.port());
  ASSERT_TRUE(server.up()) << server.said();
  Rig rig(over_http2(server));
  Tally held(rig), quick(rig);
  for (int i = 0; i < 100; ++i) held.submit(get(server.secure("/hold"), 30s));
  for (int i = 0; i < 50; ++i) quick.submit(get(server.secure()));
  rig.finish_until([&] { return quick.good() == 50; });
  EXPECT_EQ(quick.good(), 50) << quick.text();  // though no held one was ever answered
  EXPECT_TRUE(held.ends.empty());
  EXPECT_EQ(quick.connections.size(), 1u);
}

TEST(Http2, AHeldStreamHoldsNoOther) {
  RawServer silent([](RawPeer& peer) { peer.hang(); });
  const Http2Server server("", silent.port());
  ASSERT_TRUE(server.up()) << server.said();
  HttpClientLimits limits = over_http2(server);
  limits.connections_max = 1;
  Rig rig(limits);
  ASSERT_EQ(rig.call(get(server.secure())).status, 200);
  Tally held(rig), quick(rig);
  for (int i = 0; i < 20; ++i) held.submit(get(server.secure("/hold"), 3s));
  for (int i = 0; i < 50; ++i) quick.submit(get(server.secure()));
  rig.finish_until([&] { return quick.good() == 50; });
  EXPECT_EQ(quick.good(), 50);
  EXPECT_TRUE(held.ends.empty());  // still on the wire, beside the others
  rig.finish();
  EXPECT_EQ(held.count(Outcome::unknown, Cause::timeout), 20) << held.text();
  EXPECT_TRUE(held.each_once());
  const HttpResponse after = rig.call(get(server.secure()));
  EXPECT_EQ(after.status, 200) << after.error;  // a stream that ran out of time does not take the connection with it
}

TEST(Http2, FallsBackWhereTlsOffersNoHttp2) {
  const Http2Server server;
  ASSERT_TRUE(server.up()) << server.said();
  HttpClientLimits limits = over_http2(server);
  limits.connections_max = 4;
  Rig rig(limits);
  Tally tally(rig);
  for (int i = 0; i < 100; ++i) tally.submit(get(server.secure_without()));
  rig.finish();
  EXPECT_EQ(tally.good(), 100) << tally.text();
  EXPECT_EQ(tally.protocols["HTTP/1.1"], 100);
  EXPECT_LE(tally.connections.size(), 4u);
  EXPECT_TRUE(tally.each_once());
}

TEST(Http2, EveryWaitEndsWhereTheServerHasNoHttp2AndNoAnswer) {
  RawServer silent([](RawPeer& peer) { peer.hang(); });
  const Http2Server server("", silent.port());
  ASSERT_TRUE(server.up()) << server.said();
  HttpClientLimits limits = over_http2(server);
  limits.connections_max = 2;
  Rig rig(limits);
  Tally tally(rig);
  for (int i = 0; i < 30; ++i) tally.submit(get(server.secure_without("/hold"), 1s));
  rig.finish(10s);  // one after the other they would take fifteen
  EXPECT_EQ(rig.client->in_flight(), 0u);
  const int on_the_wire = tally.count(Outcome::unknown, Cause::timeout);
  EXPECT_GE(on_the_wire, 2) << tally.text();  // one on each connection, and what got a place in the last moment
  EXPECT_LE(on_the_wire, 5) << tally.text();
  EXPECT_EQ(on_the_wire + tally.count(Outcome::failed, Cause::timeout), 30);  // the others never left
  EXPECT_TRUE(tally.each_once());
}

TEST(Http2, EveryWaitEndsWhereTheServerPermitsFewStreams) {
  RawServer silent([](RawPeer& peer) { peer.hang(); });
  const Http2Server server("http2_max_concurrent_streams 3;", silent.port());
  ASSERT_TRUE(server.up()) << server.said();
  HttpClientLimits limits = over_http2(server);
  limits.connections_max = 1;
  Rig rig(limits);
  ASSERT_EQ(rig.call(get(server.secure())).status, 200);
  Tally tally(rig);
  for (int i = 0; i < 10; ++i) tally.submit(get(server.secure("/hold"), 1s));
  rig.finish(5s);
  const int on_the_wire = tally.count(Outcome::unknown, Cause::timeout);
  EXPECT_GE(on_the_wire, 3) << tally.text();  // and one or two that got a place in the last moment
  EXPECT_LE(on_the_wire, 6) << tally.text();
  EXPECT_EQ(on_the_wire + tally.count(Outcome::failed, Cause::timeout), 10);
  EXPECT_TRUE(tally.each_once());
}

TEST(Http2, InTheClearHttp11IsSpoken) {
  const Http2Server server;
  ASSERT_TRUE(server.up()) << server.said();
  for (const Transport transport : {Transport::automatic, Transport::curl}) {
    HttpClientLimits limits = over_http2(server);
    limits.transport = transport;
    Rig rig(limits);
    EXPECT_TRUE(rig.call(get(server.clear())).body.starts_with("HTTP/1.1 "));
  }
}

TEST(Http2, TheDeathOfAConnectionEndsEachStreamOnce) {
  RawServer silent([](RawPeer& peer) { peer.hang(); });
  Http2Server server("", silent.port());
  ASSERT_TRUE(server.up()) << server.said();
  Rig rig(over_http2(server));
  ASSERT_EQ(rig.call(get(server.secure())).status, 200);
  Tally tally(rig);
  for (int i = 0; i < 40; ++i)
    tally.submit(i % 2 == 0 ? get(server.secure("/hold")) : HttpRequest{"POST", server.secure("/hold"), "{}", {}, 5s});
  Tally seen(rig);
  seen.submit(get(server.secure()));  // answered: so what was submitted before it has left
  rig.finish_until([&] { return seen.good() == 1; });
  server.kill_now();
  rig.finish(4s);
  EXPECT_EQ(rig.client->in_flight(), 0u);
  EXPECT_EQ(tally.count(Outcome::unknown, Cause::reset), 40) << tally.text();
  EXPECT_TRUE(tally.each_once());
  const HttpResponse after = rig.call(get(server.secure()));
  EXPECT_EQ(after.outcome, Outcome::failed);
  EXPECT_EQ(after.cause, Cause::refused) << after.error;
}

TEST(Http2, TheEndOfOneStreamIsThatStreamsAlone) {
  RawServer half([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  });
  const Http2Server server("", half.port());
  ASSERT_TRUE(server.up()) << server.said();
  HttpClientLimits limits = over_http2(server);
  limits.connections_max = 1;
  Rig rig(limits);
  Tally broken(rig), whole(rig);
  broken.submit(get(server.secure("/hold")));
  for (int i = 0; i < 50; ++i) whole.submit(get(server.secure()));
  rig.finish();
  EXPECT_EQ(whole.good(), 50) << whole.text();
  EXPECT_EQ(whole.connections.size(), 1u);
  EXPECT_EQ(broken.count(Outcome::unknown, Cause::reset), 1) << broken.text();
}

TEST(Http2, WhatCameAfterAGoodbyeGoesOntoAnotherConnection) {
  // nginx ends every connection after so many requests and takes no stream that comes after its goodbye.
  constexpr int kGoodbyes = 12;
  const Http2Server server("keepalive_requests 100;");
  ASSERT_TRUE(server.up()) << server.said();
  Rig rig(over_http2(server));
  Tally tally(rig);
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 40; ++i) tally.submit({"POST", server.secure(), "{}", {}, 30s});
    rig.finish();
  }
  EXPECT_TRUE(tally.each_once());
  EXPECT_GE(tally.connections.size(), std::size_t{kGoodbyes});
  // libcurl 7.88 now and then drops one answer that it has when the connection under it ends (1 of 150 goodbyes).
  EXPECT_GE(tally.good(), 1200 - kGoodbyes) << tally.text();
  EXPECT_EQ(tally.good() + tally.count(Outcome::unknown, Cause::reset), 1200) << tally.text();
}

TEST(Http2, DoesNotHammerADeadTarget) {
  HttpClientLimits limits;
  limits.http2 = true;
  limits.connects_per_second = 50;
  const test::HeldPort closed;
  const std::string url = "https://127.0.0.1:" + std::to_string(closed.number()) + "/";
  const Nanos begun = monotonic_now();
  Rig rig(limits);
  Tally tally(rig);
  for (int i = 0; i < 100; ++i) tally.submit(get(url, 200ms));
  rig.finish();
  EXPECT_LE(tally.count(Outcome::failed, Cause::refused),
            5 + static_cast<int>(seconds(monotonic_now() - begun) * 50) + 1)
      << tally.text();
  EXPECT_GE(tally.count(Outcome::failed, Cause::timeout), 50);
  EXPECT_TRUE(tally.each_once());
}

}  // namespace
}  // namespace cardstorm
