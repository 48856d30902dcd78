// What the client sends, and what it reports when the other side misbehaves, over real sockets: the same over libcurl
// and over the lean transport.
#include <gtest/gtest.h>

#include <cstdlib>

#include "harness/net/http_server.hpp"
#include "tests/unit/net/client_rig.hpp"

namespace cardstorm {
namespace {

using testing::BothTransports;
using testing::get;
using testing::loopback;
using testing::RawPeer;
using testing::RawServer;
using testing::Rig;

INSTANTIATE_TEST_SUITE_P(HttpClient, BothTransports, ::testing::Values(Transport::curl, Transport::lean),
                         [](const auto& param) {
                           return std::string(param.param == Transport::curl ? "curl" : "lean");
                         });

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
    EXPECT_EQ(response.headers.empty(), status < 400);  // by the headers of a refusal a front wall is known
    EXPECT_EQ(response.outcome, Outcome::ok);
    EXPECT_EQ(response.cause, Cause::none);
    EXPECT_LE(response.sent, response.done);
  }
}

TEST_P(BothTransports, ReportsARefusedConnectionAsFailed) {
  const test::HeldPort closed;
  Rig rig = make();
  const HttpResponse response = rig.call(get("http://127.0.0.1:" + std::to_string(closed.number()) + "/"));
  EXPECT_EQ(response.outcome, Outcome::failed);
  EXPECT_EQ(response.cause, Cause::refused);
  EXPECT_FALSE(response.error.empty());
}

TEST_P(BothTransports, ReportsAnUnknownHostAsFailed) {
  Rig rig = make();
  // A label of more than 63 letters is refused before any server of names is asked: none can be slow, or know it all
  // the same.
  const HttpResponse response = rig.call(get("http://" + std::string(64, 'x') + ".invalid/", 10s));
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
  const HttpResponse response = rig.call(get(server.url(), 500ms));  // long enough for the request to leave
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_EQ(response.cause, Cause::timeout) << "the server would go after ten seconds: a reset";
  EXPECT_GE(rig.clock.now() - before, 490ms);
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
    while (peer.send_text(part)) {
    }
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
  for (const HttpRequest& bad :
       {HttpRequest{"GET", server.url(), "", {{"X-A", "1\r\nX-B: 2"}}, 1s},
        HttpRequest{"GET X", server.url(), "", {}, 1s}, HttpRequest{"GET", "ftp://127.0.0.1/", "", {}, 1s},
        HttpRequest{"GET", "not a url", "", {}, 1s}}) {
    const HttpResponse response = rig.call(bad);
    EXPECT_EQ(response.outcome, Outcome::failed) << bad.url;
    EXPECT_EQ(response.cause, Cause::refused);
    EXPECT_FALSE(response.error.empty());
  }
  EXPECT_EQ(server.accepted(), 0);
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
  const Nanos until = rig.clock.now() + 30s;
  rig.client->drive(until);
  other.join();
  EXPECT_LT(rig.clock.now(), until) << "woken";
}

TEST_P(BothTransports, MayBeDestroyedWithRequestsInFlight) {
  RawServer server([](RawPeer& peer) { peer.hang(); });
  Rig rig = make({.connections_max = 1, .body_max = 1000});
  bool called = false;
  for (int i = 0; i < 3; ++i) rig.client->submit(get(server.url()), [&](const HttpResponse&) { called = true; });
  rig.client.reset();
  EXPECT_FALSE(called);
}

TEST_P(BothTransports, ReportsAResetBeforeTheRequestWasRead) {
  RawServer server([](RawPeer& peer) { peer.reset(); });
  Rig rig = make();
  for (int i = 0; i < 5;
       ++i) {  // whether bytes had left by then is a race; what is reported must be one of the two truths
    const HttpResponse response = rig.call(get(server.url()));
    EXPECT_EQ(response.cause, response.outcome == Outcome::failed ? Cause::refused : Cause::reset) << response.error;
    EXPECT_NE(response.outcome, Outcome::ok);
  }
}

TEST_P(BothTransports, TellsATimeoutBeforeTheFirstByteFromOneInTheMiddle) {
  RawServer server([](RawPeer& peer) {
    if (peer.read_request().find("/half") != std::string::npos)
      peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer.hang();
  });
  for (const std::string path : {"/silent", "/half"}) {
    Rig rig = make();
    const HttpResponse response = rig.call(get(server.url(path), 800ms));  // long enough for what does come
    EXPECT_EQ(response.cause, Cause::timeout) << path;
    EXPECT_EQ(response.outcome, Outcome::unknown);
    EXPECT_EQ(response.status, path == "/half" ? 200 : 0);
  }
}

TEST_P(BothTransports, TimesOutASlowDrip) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    while (peer.pause(10ms) && peer.send_text("x")) {
    }
  });
  Rig rig = make();
  const HttpResponse response = rig.call(get(server.url(), 500ms));
  EXPECT_EQ(response.cause, Cause::timeout) << "all bytes would be there after ten seconds: a success";
  EXPECT_EQ(response.outcome, Outcome::unknown);
}

TEST_P(BothTransports, StopsAtEndlessHeaders) {
  for (const std::string line : {"X-More: and more and more and more\r\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}) {
    RawServer server([&](RawPeer& peer) {
      peer.read_request();
      peer.send_text("HTTP/1.1 200 OK\r\nX-First: ");
      while (peer.send_text(line)) {
      }
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
    while (peer.send_text(part)) {
    }
  });
  Rig rig = make();
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.cause, Cause::too_large);
  EXPECT_EQ(response.body.size(), std::size_t{1} << 20);
}

TEST_P(BothTransports, ReadsEveryFormOfAnswer) {
  struct Form {
    std::string method, wire, body;
    int status;
  };
  const std::vector<Form> forms = {
      {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
       "abc0123456789", 200},
      {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n", "abc", 200},
      {"GET", "HTTP/1.0 200 OK\r\n\r\nto the end", "to the end", 200},
      {"GET", "HTTP/1.1 200\r\ncontent-length:3\r\n\r\nabc", "abc", 200},
      {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "", 204},
      {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", "", 304},
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "", 200},
      {"POST",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 "
       "Created\r\nContent-Length: 1\r\n\r\n1",
       "1", 201},
      {"GET", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok", 200},
  };
  for (const bool in_pieces : {false, true}) {
    std::atomic<std::size_t> at{0};
    RawServer server([&](RawPeer& peer) {
      peer.read_request();
      const std::string& wire = forms[at].wire;
      if (!in_pieces)
        peer.send_text(wire);
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
  for (const std::string wire : {"garbage that never was HTTP and goes on and on", "HTTP/1.1 abc OK\r\n\r\n",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"}) {
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

TEST_P(BothTransports, GivesHeadersWhenWanted) {
  RawServer server([](RawPeer& peer) {
    while (!peer.read_request().empty())
      peer.send_text("HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSET-cookie:  b=2 \r\nContent-Length: 0\r\n\r\n");
  });
  Rig rig = make();
  HttpRequest request = get(server.url());
  EXPECT_EQ(rig.call(request).headers.size(), 2u);  // cookies come always: journeys keep them
  request.want_headers = true;
  const auto headers = rig.call(request).headers;
  ASSERT_EQ(headers.size(), 3u);
  EXPECT_EQ(headers[0], (std::pair<std::string, std::string>{"set-cookie", "a=1"}));
  EXPECT_EQ(headers[1], (std::pair<std::string, std::string>{"set-cookie", "b=2"}));
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
