// What the client reports when the other side misbehaves, over real sockets: the same over libcurl and over the lean transport.
#include <gtest/gtest.h>

#include <cstdlib>

#include "harness/net/http_server.hpp"
#include "tests/unit/net/client_rig.hpp"

namespace cardstorm {
namespace {

using testing::RawPeer;
using testing::RawServer;
using testing::Rig;
using testing::closed_port;
using testing::get;
using testing::loopback;

class BothTransports : public ::testing::TestWithParam<Transport> {
 protected:
  static Rig make(HttpClientLimits limits = {}, AllowList allow = loopback()) {
    limits.transport = GetParam();
    return Rig(limits, std::move(allow));
  }
};

INSTANTIATE_TEST_SUITE_P(HttpClient, BothTransports, ::testing::Values(Transport::curl, Transport::lean),
                         [](const auto& param) { return std::string(param.param == Transport::curl ? "curl" : "lean"); });

TEST_P(BothTransports, DeliversAWholeAnswerOfAnyStatus) {
  for (const int status : {200, 404, 429, 503}) {
    RawServer server([=](RawPeer& peer) {
      peer.read_request();
      peer.send_text("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    });
    Rig rig = make();
    const HttpResponse response = rig.call(get(server.url()));
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.body, "hi");
    EXPECT_EQ(response.headers.empty(), status < 400);   // by the headers of a refusal a front wall is known
    EXPECT_EQ(response.outcome, Outcome::ok);
    EXPECT_EQ(response.cause, Cause::none);
    EXPECT_LE(response.sent, response.done);
  }
}

TEST_P(BothTransports, ReportsARefusedConnectionAsFailed) {
  Rig rig = make();
  const HttpResponse response = rig.call(get("http://127.0.0.1:" + std::to_string(closed_port()) + "/"));
  EXPECT_EQ(response.outcome, Outcome::failed);
  EXPECT_EQ(response.cause, Cause::refused);
  EXPECT_FALSE(response.error.empty());
}

TEST_P(BothTransports, ReportsAnUnknownHostAsFailed) {
  Rig rig = make();
  const HttpResponse response = rig.call(get("http://no-such-host.invalid/", 10s));
  EXPECT_EQ(response.outcome, Outcome::failed);
  EXPECT_EQ(response.cause, Cause::dns) << response.error;
}

TEST_P(BothTransports, ReportsAResetAfterTheRequestAsUnknown) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.reset();
  });
  Rig rig = make();
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.cause, Cause::reset);
}

TEST_P(BothTransports, ReportsAnOrderlyCloseWithoutAnswerAsUnknown) {
  RawServer server([](RawPeer& peer) { peer.read_request(); });
  Rig rig = make();
  const HttpResponse response = rig.call({"POST", server.url(), R"({"a":1})", {}, 5s});
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.cause, Cause::reset);
}

TEST_P(BothTransports, ReportsSilenceAsUnknownAndTimeout) {
  RawServer server([](RawPeer& peer) { peer.hang(); });
  Rig rig = make();
  const Nanos before = rig.clock.now();
  const HttpResponse response = rig.call(get(server.url(), 150ms));
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.cause, Cause::timeout);
  EXPECT_GE(rig.clock.now() - before, 140ms);
  EXPECT_LT(rig.clock.now() - before, 2s);
}

TEST_P(BothTransports, ReportsHalfABodyAsUnknown) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":");
  });
  Rig rig = make();
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.cause, Cause::reset);
  EXPECT_EQ(response.status, 200);
}

TEST_P(BothTransports, StopsAtTheBodyLimit) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    const std::string part(64 * 1024, 'x');
    while (peer.send_text(part)) {}
  });
  Rig rig = make({.connections_max = 10, .body_max = 100'000});
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.cause, Cause::too_large);
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.body.size(), 100'000U);
}

TEST_P(BothTransports, ReportsAnAnswerThatIsNotHttp) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  });
  Rig rig = make();
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.cause, Cause::bad_body);
}

TEST_P(BothTransports, DoesNotFollowARedirect) {
  RawServer elsewhere([](RawPeer& peer) { peer.read_request(); });
  RawServer server([&](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 302 Found\r\nLocation: " + elsewhere.url() + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  Rig rig = make();
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(response.outcome, Outcome::ok);
  EXPECT_EQ(elsewhere.accepted(), 0);
}

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

TEST_P(BothTransports, IgnoresProxiesOfTheEnvironment) {
  RawServer proxy([](RawPeer& peer) { peer.read_request(); });
  const auto server = serve(0, [](const ServerRequest&, const HttpServer::Reply& reply) { reply({200, "direct"}); });
  ASSERT_TRUE(server);
  setenv("http_proxy", proxy.url().c_str(), 1);
  Rig rig = make();
  const HttpResponse response = rig.call(get("http://127.0.0.1:" + std::to_string((*server)->port()) + "/"));
  unsetenv("http_proxy");
  EXPECT_EQ(response.body, "direct");
  EXPECT_EQ(proxy.accepted(), 0);
}

TEST_P(BothTransports, SendsMethodHeadersAndBodyAsGiven) {
  ServerRequest seen;
  const auto server = serve(0, [&](const ServerRequest& request, const HttpServer::Reply& reply) {
    seen = request;
    reply({200, "{}"});
  });
  ASSERT_TRUE(server);
  const std::string url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/orders/7?x=1%202";
  Rig rig = make();
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

TEST_P(BothTransports, RefusesWhatCannotGoOnTheWire) {
  Rig rig = make();
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
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");   // promises to keep it, and closes
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
    rig.client->submit(get("http://127.0.0.1:" + std::to_string((*server)->port()) + "/" + std::to_string(i)),
                       [&right, i](const HttpResponse& response) { right += response.body == "/" + std::to_string(i) ? 1 : 0; });
  rig.finish();
  EXPECT_EQ(right, 300);
}

TEST_P(BothTransports, LetsACallbackSubmitAgain) {
  const auto server = serve(0, [](const ServerRequest&, const HttpServer::Reply& reply) { reply({200, "x"}); });
  ASSERT_TRUE(server);
  const std::string url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/";
  Rig rig = make();
  int left = 50;
  std::function<void(HttpResponse)> again = [&](const HttpResponse&) {
    if (--left > 0) rig.client->submit(get(url), again);
  };
  rig.client->submit(get(url), again);
  rig.finish();
  EXPECT_EQ(left, 0);
}

TEST_P(BothTransports, EndsItsWaitInTimeAndOnWake) {
  Rig rig = make();
  const Nanos before = rig.clock.now();
  rig.client->drive(before + 20ms);
  EXPECT_GE(rig.clock.now() - before, 20ms);
  std::thread other([&] { rig.client->wake(); });
  rig.client->drive(rig.clock.now() + 30s);
  other.join();
  EXPECT_LT(rig.clock.now() - before, 10s);
}

TEST_P(BothTransports, MayBeDestroyedWithRequestsInFlight) {
  RawServer server([](RawPeer& peer) { peer.hang(); });
  Rig rig = make({.connections_max = 1, .body_max = 1000});
  bool called = false;
  for (int i = 0; i < 3; ++i) rig.client->submit(get(server.url()), [&](const HttpResponse&) { called = true; });
  rig.client.reset();
  EXPECT_FALSE(called);
}

TEST_P(BothTransports, SendsARequestAtMostOnceWhenAKeptConnectionBreaksUnderIt) {
  for (const std::string method : {"GET", "POST"}) {
    std::atomic<int> requests{0};
    RawServer server([&](RawPeer& peer) {
      while (!peer.read_request().empty()) {
        if (++requests == 2) return peer.reset();   // the first one on each later connection would be answered
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

TEST_P(BothTransports, ReportsAResetBeforeTheRequestWasRead) {
  RawServer server([](RawPeer& peer) { peer.reset(); });
  Rig rig = make();
  for (int i = 0; i < 5; ++i) {   // whether bytes had left by then is a race; what is reported must be one of the two truths
    const HttpResponse response = rig.call(get(server.url()));
    EXPECT_EQ(response.cause, response.outcome == Outcome::failed ? Cause::refused : Cause::reset) << response.error;
    EXPECT_NE(response.outcome, Outcome::ok);
  }
}

TEST_P(BothTransports, TellsATimeoutBeforeTheFirstByteFromOneInTheMiddle) {
  RawServer server([](RawPeer& peer) {
    if (peer.read_request().find("/half") != std::string::npos) peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer.hang();
  });
  for (const std::string path : {"/silent", "/half"}) {
    Rig rig = make();
    const HttpResponse response = rig.call(get(server.url(path), 120ms));
    EXPECT_EQ(response.cause, Cause::timeout) << path;
    EXPECT_EQ(response.outcome, Outcome::unknown);
    EXPECT_EQ(response.status, path == "/half" ? 200 : 0);
  }
}

TEST_P(BothTransports, TimesOutASlowDrip) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    while (peer.pause(10ms) && peer.send_text("x")) {}
  });
  Rig rig = make();
  const Nanos before = rig.clock.now();
  const HttpResponse response = rig.call(get(server.url(), 200ms));
  EXPECT_EQ(response.cause, Cause::timeout);
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_LT(rig.clock.now() - before, 2s);
}

TEST_P(BothTransports, TimesOutAConnectThatNobodyAccepts) {
  const testing::FullBacklog full;
  Rig rig = make();
  const HttpResponse response = rig.call(get(full.url(), 150ms));
  EXPECT_EQ(response.cause, Cause::timeout) << response.error;
  EXPECT_EQ(response.outcome, Outcome::failed);   // no byte of the request left
}

TEST_P(BothTransports, StopsAtEndlessHeaders) {
  for (const std::string line : {"X-More: and more and more and more\r\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}) {
    RawServer server([&](RawPeer& peer) {
      peer.read_request();
      peer.send_text("HTTP/1.1 200 OK\r\nX-First: ");
      while (peer.send_text(line)) {}
    });
    Rig rig = make();
    const HttpResponse response = rig.call(get(server.url()));
    EXPECT_EQ(response.cause, Cause::too_large) << response.error;
    EXPECT_EQ(response.outcome, Outcome::unknown);
  }
}

TEST_P(BothTransports, EndsAHundredMegabytesAtTheBound) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n");
    const std::string part(1 << 20, 'x');
    while (peer.send_text(part)) {}
  });
  Rig rig = make();
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.cause, Cause::too_large);
  EXPECT_EQ(response.body.size(), std::size_t{1} << 20);
}

TEST_P(BothTransports, ReadsEveryFormOfAnswer) {
  struct Form { std::string method, wire, body; int status; };
  const std::vector<Form> forms = {
      {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", "abc0123456789", 200},
      {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n", "abc", 200},
      {"GET", "HTTP/1.0 200 OK\r\n\r\nto the end", "to the end", 200},
      {"GET", "HTTP/1.1 200\r\ncontent-length:3\r\n\r\nabc", "abc", 200},
      {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "", 204},
      {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", "", 304},
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "", 200},
      {"POST", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n1", "1", 201},
      {"GET", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok", 200},
  };
  for (const bool in_pieces : {false, true}) {
    std::atomic<std::size_t> at{0};
    RawServer server([&](RawPeer& peer) {
      peer.read_request();
      const std::string& wire = forms[at].wire;
      if (!in_pieces) peer.send_text(wire);
      else
        for (const char c : wire) peer.send_text({&c, 1});
    });
    for (at = 0; at < forms.size(); ++at) {
      Rig rig = make();
      const HttpResponse response = rig.call({forms[at].method, server.url(), "", {}, 5s});
      EXPECT_EQ(response.cause, Cause::none) << forms[at].wire << response.error;
      EXPECT_EQ(response.status, forms[at].status) << forms[at].wire;
      EXPECT_EQ(response.body, forms[at].body) << forms[at].wire;
    }
  }
}

TEST_P(BothTransports, CallsABrokenFormBadBody) {
  for (const std::string wire : {"garbage that never was HTTP and goes on and on", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"}) {
    RawServer server([&](RawPeer& peer) {
      peer.read_request();
      peer.send_text(wire);
    });
    Rig rig = make();
    const HttpResponse response = rig.call(get(server.url()));
    EXPECT_EQ(response.cause, Cause::bad_body) << wire << ": " << response.error;
    EXPECT_EQ(response.outcome, Outcome::unknown);
  }
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

TEST_P(BothTransports, GivesHeadersWhenWanted) {
  RawServer server([](RawPeer& peer) {
    while (!peer.read_request().empty()) peer.send_text("HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSET-cookie:  b=2 \r\nContent-Length: 0\r\n\r\n");
  });
  Rig rig = make();
  HttpRequest request = get(server.url());
  EXPECT_EQ(rig.call(request).headers.size(), 2u);   // cookies come always: journeys keep them
  request.want_headers = true;
  const auto headers = rig.call(request).headers;
  ASSERT_EQ(headers.size(), 3u);
  EXPECT_EQ(headers[0], (std::pair<std::string, std::string>{"set-cookie", "a=1"}));
  EXPECT_EQ(headers[1], (std::pair<std::string, std::string>{"set-cookie", "b=2"}));
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
    peer.send_text("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(peer.address().size()) + "\r\n\r\n" + peer.address());
  });
  Rig rig = make();
  for (const std::string source : {"127.0.0.2", "127.0.0.3", "127.0.0.2"}) {
    HttpRequest request = get(server.url());
    request.source = source;
    EXPECT_EQ(rig.call(request).body, source);
  }
  HttpRequest foreign = get(server.url());
  foreign.source = "192.0.2.1";   // not ours
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
  limits.connects_per_second = 20;   // two at once, then one each 50 ms
  const Nanos begun = monotonic_now();
  Rig rig = make(limits);
  int good = 0, failed = 0, cut = 0;   // cut: on the wire when its time was up
  for (int i = 0; i < 30; ++i)
    rig.client->submit(get(server.url(), 300ms), [&](const HttpResponse& response) {
      if (response.outcome == Outcome::ok) ++good;
      else if (response.cause == Cause::timeout) ++(response.outcome == Outcome::failed ? failed : cut);
    });
  rig.finish();
  EXPECT_EQ(good + failed + cut, 30);
  EXPECT_LE(cut, 2);
  EXPECT_GE(good, 2);
  EXPECT_LE(server.accepted(), 2 + static_cast<int>(seconds(monotonic_now() - begun) * 20) + 1);
  EXPECT_GE(failed, 15);
}

TEST_P(BothTransports, DoesNotHammerADeadTarget) {
  const int port = closed_port();
  HttpClientLimits limits;
  limits.connects_per_second = 50;
  const Nanos begun = monotonic_now();
  Rig rig = make(limits);
  int refused = 0, waited = 0;
  for (int i = 0; i < 100; ++i)
    rig.client->submit(get("http://127.0.0.1:" + std::to_string(port) + "/", 200ms),
                       [&](const HttpResponse& response) { ++(response.cause == Cause::refused ? refused : waited); });
  rig.finish();
  EXPECT_EQ(refused + waited, 100);
  EXPECT_LE(refused, 5 + static_cast<int>(seconds(monotonic_now() - begun) * 50) + 1);
  EXPECT_GE(waited, 50);
}

// ---- redirects

/// Answers as `answer` says for the request line's path.
RawServer::Script shop(std::function<std::string(const std::string& request)> answer) {
  return [answer = std::move(answer)](RawPeer& peer) {
    const std::string request = peer.read_request();
    if (!request.empty()) peer.send_text(answer(request));
  };
}
std::string moved(int status, const std::string& to, const std::string& more = "") {
  return "HTTP/1.1 " + std::to_string(status) + " Moved\r\nConnection: close\r\nContent-Length: 0\r\nLocation: " + to + "\r\n" + more + "\r\n";
}
std::string said(const std::string& text) { return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text; }

TEST_P(BothTransports, FollowsRedirectsAndChangesTheMethodByTheRules) {
  struct Rule { int status; std::string method, then; };
  for (const Rule& rule : {Rule{301, "POST", "GET"}, {302, "POST", "GET"}, {303, "POST", "GET"}, {303, "PUT", "GET"}, {307, "POST", "POST"},
                           {308, "PUT", "PUT"}, {302, "GET", "GET"}}) {
    RawServer server(shop([&](const std::string& request) {
      if (request.find(" /old ") != std::string::npos) return moved(rule.status, "/a/../new?x=1", "Set-Cookie: sid=7; Path=/\r\n");
      return said(request.substr(0, request.find('\r')) + (request.find("Cookie: sid=7") != std::string::npos ? " with cookie" : ""));
    }));
    Rig rig = make();
    HttpRequest request{rule.method, server.url("/old"), rule.method == "GET" ? "" : "{}", {}, 5s};
    request.redirects_max = 3;
    const HttpResponse response = rig.call(request);
    EXPECT_EQ(response.body, rule.then + " /new?x=1 HTTP/1.1 with cookie") << rule.status;
    ASSERT_EQ(response.headers.size(), 1u);   // the cookie of the way, for the journey to keep
    EXPECT_EQ(response.headers[0].second, "sid=7; Path=/");
    EXPECT_EQ(response.cause, Cause::none);
  }
}

TEST_P(BothTransports, CallsALoopAndOneTooManyRedirect) {
  RawServer server(shop([](const std::string& request) {
    if (request.starts_with("GET /loop")) return moved(302, "/loop");
    const int n = std::atoi(request.c_str() + 5);
    return moved(302, "/" + std::to_string(n + 1));
  }));
  Rig rig = make();
  for (const std::string path : {"/loop", "/1"}) {
    HttpRequest request = get(server.url(path));
    request.redirects_max = 8;
    const int before = server.accepted();
    const HttpResponse response = rig.call(request);
    EXPECT_EQ(response.cause, Cause::redirect) << response.error;
    EXPECT_EQ(response.outcome, Outcome::unknown);
    EXPECT_LE(server.accepted() - before, 9);
  }
}

TEST_P(BothTransports, NeverFollowsARedirectOutOfTheAllowList) {
  RawServer server(shop([](const std::string&) { return moved(302, "http://127.0.0.9:1/elsewhere"); }));
  Rig rig = make({}, AllowList::parse({"127.0.0.1"}).value());
  HttpRequest request = get(server.url());
  request.redirects_max = 3;
  const HttpResponse response = rig.call(request);
  EXPECT_EQ(response.cause, Cause::address) << response.error;
  EXPECT_EQ(response.outcome, Outcome::unknown);   // the first request did arrive
}

TEST_P(BothTransports, KeepsOneTimeLimitOverAllRedirects) {
  RawServer server(shop([n = 0](const std::string&) mutable {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));   // a slow server is the matter of this test
    return moved(302, "/" + std::to_string(++n));
  }));
  Rig rig = make();
  HttpRequest request = get(server.url(), 200ms);
  request.redirects_max = 100;
  const Nanos before = rig.clock.now();
  const HttpResponse response = rig.call(request);
  EXPECT_EQ(response.cause, Cause::timeout);
  EXPECT_LT(rig.clock.now() - before, 2s);
  EXPECT_GE(response.done - response.sent, 190ms);
}

// ---- what libcurl alone does

TEST(HttpClient, ReportsWhatIsNoTlsAsTls) {
  RawServer server([](RawPeer& peer) { peer.send_text("HTTP/1.1 400 speak plainly\r\n\r\n"); });
  for (const Transport transport : {Transport::curl, Transport::automatic}) {
    HttpClientLimits limits;
    limits.transport = transport;
    Rig rig(limits, loopback());
    const HttpResponse response = rig.call(get("https://127.0.0.1:" + std::to_string(server.port()) + "/"));
    EXPECT_EQ(response.cause, Cause::tls) << response.error;
    EXPECT_EQ(response.outcome, Outcome::failed);
  }
}

TEST(HttpClient, TrustsASelfSignedCertificateOnlyWhenTold) {
  const testing::TlsServer server;
  const auto call = [&](bool verify, const std::string& ca) {
    HttpClientLimits limits;
    limits.tls_verify = verify;
    limits.tls_ca = ca;
    Rig rig(limits, loopback());
    return rig.call(get("https://localhost:" + std::to_string(server.port()) + "/", 10s));
  };
  const HttpResponse stranger = call(true, "");
  EXPECT_EQ(stranger.cause, Cause::tls) << stranger.error;
  EXPECT_EQ(stranger.outcome, Outcome::failed);
  EXPECT_EQ(call(false, "").status, 200);
  const HttpResponse known = call(true, server.certificate());
  EXPECT_EQ(known.status, 200) << known.error;
}

TEST(HttpClient, FollowsFromPlainToTls) {
  const testing::TlsServer secure;
  RawServer plain(shop([&](const std::string&) { return moved(302, "https://localhost:" + std::to_string(secure.port()) + "/"); }));
  HttpClientLimits limits;
  limits.tls_verify = false;
  Rig rig(limits, loopback());
  HttpRequest request = get(plain.url());
  request.redirects_max = 1;
  const HttpResponse response = rig.call(request);
  EXPECT_EQ(response.status, 200) << response.error;
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
