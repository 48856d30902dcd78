// Redirects, over both transports: followed when wanted, by the rules of the method, inside the allow-list and within
// one time limit.
#include <gtest/gtest.h>

#include "tests/unit/net/client_rig.hpp"

namespace cardstorm {
namespace {

using testing::BothTransports;
using testing::get;
using testing::loopback;
using testing::RawPeer;
using testing::RawServer;
using testing::Rig;

/// Answers as `answer` says for the request line's path.
RawServer::Script shop(std::function<std::string(const std::string& request)> answer) {
  return [answer = std::move(answer)](RawPeer& peer) {
    const std::string request = peer.read_request();
    if (!request.empty()) peer.send_text(answer(request));
  };
}
std::string moved(int status, const std::string& to, const std::string& more = "") {
  return "HTTP/1.1 " + std::to_string(status) + " Moved\r\nConnection: close\r\nContent-Length: 0\r\nLocation: " + to +
         "\r\n" + more + "\r\n";
}
std::string said(const std::string& text) {
  return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
}

TEST_P(BothTransports, DoesNotFollowARedirect) {
  RawServer elsewhere([](RawPeer& peer) { peer.read_request(); });
  RawServer server([&](RawPeer& peer) {
    peer.read_request();
    peer.send_text("HTTP/1.1 302 Found\r\nLocation: " + elsewhere.url() +
                   "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  Rig rig = make();
  const HttpResponse response = rig.call(get(server.url()));
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(response.outcome, Outcome::ok);
  EXPECT_EQ(elsewhere.accepted(), 0);
}

TEST_P(BothTransports, FollowsRedirectsAndChangesTheMethodByTheRules) {
  struct Rule {
    int status;
    std::string method, then;
  };
  for (const Rule& rule : {Rule{301, "POST", "GET"},
                           {302, "POST", "GET"},
                           {303, "POST", "GET"},
                           {303, "PUT", "GET"},
                           {307, "POST", "POST"},
                           {308, "PUT", "PUT"},
                           {302, "GET", "GET"}}) {
    RawServer server(shop([&](const std::string& request) {
      if (request.find(" /old ") != std::string::npos)
        return moved(rule.status, "/a/../new?x=1", "Set-Cookie: sid=7; Path=/\r\n");
      return said(request.substr(0, request.find('\r')) +
                  (request.find("Cookie: sid=7") != std::string::npos ? " with cookie" : ""));
    }));
    Rig rig = make();
    HttpRequest request{rule.method, server.url("/old"), rule.method == "GET" ? "" : "{}", {}, 5s};
    request.redirects_max = 3;
    const HttpResponse response = rig.call(request);
    EXPECT_EQ(response.body, rule.then + " /new?x=1 HTTP/1.1 with cookie") << rule.status;
    ASSERT_EQ(response.headers.size(), 1u);  // the cookie of the way, for the journey to keep
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
  EXPECT_EQ(response.outcome, Outcome::unknown);  // the first request did arrive
}

TEST_P(BothTransports, KeepsOneTimeLimitOverAllRedirects) {
  RawServer server(shop([n = 0](const std::string&) mutable {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));  // a slow server is the matter of this test
    return moved(302, "/" + std::to_string(++n));
  }));
  Rig rig = make();
  HttpRequest request = get(server.url(), 700ms);
  request.redirects_max = 100;
  const Nanos before = rig.clock.now();
  const HttpResponse response = rig.call(request);
  EXPECT_EQ(response.cause, Cause::timeout) << "no redirect alone takes as long";
  EXPECT_GE(response.done - before, 690ms);
  EXPECT_GE(response.done - response.sent, 400ms);  // sent: the first request, not the last redirect's
}

TEST(HttpClient, FollowsFromPlainToTls) {
  const testing::TlsServer secure;
  RawServer plain(
      shop([&](const std::string&) { return moved(302, "https://localhost:" + std::to_string(secure.port()) + "/"); }));
  HttpClientLimits limits;
  limits.tls_verify = false;
  Rig rig(limits, loopback());
  HttpRequest request = get(plain.url());
  request.redirects_max = 1;
  const HttpResponse response = rig.call(request);
  EXPECT_EQ(response.status, 200) << response.error;
}

}  // namespace
}  // namespace cardstorm
