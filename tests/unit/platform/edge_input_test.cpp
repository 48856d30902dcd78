// What a hostile or broken client may send to edge's server: it answers by itself or closes, never hands on what it
// cannot vouch for, never dies.
#include <gtest/gtest.h>

#include <atomic>
#include <random>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/edge/wire.hpp"
#include "tests/unit/platform/edge_raw.hpp"

namespace platform::edge {
namespace {

using namespace std::chrono_literals;

/// A server that counts what reached its handler.
struct Target {
  std::atomic<int> handled{0};
  std::unique_ptr<Server> server;
  Target() {
    ServerOptions o;
    o.body_max = 1000;
    o.threads = 2;
    o.transfer_max = 2000ms;
    server = serve(o, [this](const Request&) {
      ++handled;
      return Response{200, "fine", "text/plain", {}};
    });
  }
  [[nodiscard]] std::string answer_to(const std::string& text) const {
    const Raw raw(server->port());
    raw.send(text);
    raw.end();
    return raw.receive().substr(0, 12);
  }
  [[nodiscard]] bool lives() const {
    return call("GET", "http://127.0.0.1:" + std::to_string(server->port()) + "/", "", {}, {1000ms, 5000ms}).status ==
           200;
  }
};

TEST(EdgeInput, RefusesWhatIsNoRequest) {
  Target t;
  for (const std::string& bad :
       {std::string("\r\n\r\n\r\n nothing\r\n\r\n"), std::string("GET\r\n\r\n"), std::string("GET /\r\n\r\n"),
        std::string("GET  / HTTP/1.1\r\n\r\n"), std::string("G\0T / HTTP/1.1\r\n\r\n", 18),
        std::string("GET / HTTP/1.1\r\nNo colon here\r\n\r\n"), std::string("GET / HTTP/1.1\r\nA b: 1\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nA: 1\n\r2\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nContent-Length: 3, 4\r\n\r\nabcd"),
        std::string("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nContent-Length: 0x3\r\n\r\nabc"),
        std::string("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n")}) {
    const std::string answer = t.answer_to(bad);
    EXPECT_TRUE(answer == "HTTP/1.1 400" || answer == "HTTP/1.1 413" || answer.empty()) << bad << " -> " << answer;
  }
  EXPECT_EQ(t.handled, 0);
  EXPECT_TRUE(t.lives());
}

// Two lengths that disagree are how a request is smuggled past a gateway.
TEST(EdgeInput, RefusesTwoWaysToSayHowLongABodyIs) {
  Target t;
  EXPECT_NE(t.answer_to("POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"), "HTTP/1.1 200");
  EXPECT_NE(t.answer_to("POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "HTTP/1.1 200");
  EXPECT_EQ(t.handled, 0);
}

TEST(EdgeInput, RefusesHeaderBombs) {
  Target t;
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 4000; ++i) many += "H" + std::to_string(i) + ": v\r\n";
  EXPECT_EQ(t.answer_to(many + "\r\n"), "HTTP/1.1 431");
  EXPECT_EQ(t.answer_to("GET /" + std::string(20000, 'a') + " HTTP/1.1\r\n\r\n"), "HTTP/1.1 431");
  EXPECT_EQ(t.answer_to("GET / HTTP/1.1\r\n" + std::string(20000, 'N') + ": v\r\n\r\n"), "HTTP/1.1 431");
  EXPECT_EQ(t.handled, 0);
}

TEST(EdgeInput, RefusesAHugeBodyHoweverItsLengthIsSaid) {
  Target t;
  EXPECT_EQ(t.answer_to("POST / HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\nabc"), "HTTP/1.1 413");
  EXPECT_EQ(t.answer_to("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFF\r\nabc"), "HTTP/1.1 413");
  EXPECT_EQ(t.handled, 0);
}

TEST(EdgeInput, RefusesBytesThatAreNotUtf8AnywhereInARequest) {
  Target t;
  const auto post = [&t](const std::string& body) {
    return t.answer_to("POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
                       "\r\n\r\n" + body);
  };
  EXPECT_EQ(post("{\"sku\":\"\xB5\xE3\xBF\xA8\"}"), "HTTP/1.1 400") << "GBK";
  EXPECT_EQ(post("\xC0\xAF"), "HTTP/1.1 400") << "overlong";
  EXPECT_EQ(post("\xED\xA0\x80"), "HTTP/1.1 400") << "surrogate";
  EXPECT_EQ(post("\xF4\x90\x80\x80"), "HTTP/1.1 400") << "above U+10FFFF";
  EXPECT_EQ(post("abc\xE4\xBD"), "HTTP/1.1 400") << "cut off";
  EXPECT_EQ(post(std::string("a\0b", 3)), "HTTP/1.1 400") << "a zero byte";
  EXPECT_EQ(t.answer_to("GET / HTTP/1.1\r\nX-Buyer: \xFF\xFE\r\nConnection: close\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(t.answer_to("GET /\xFF HTTP/1.1\r\nConnection: close\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(t.handled, 0);
  EXPECT_EQ(post("{\"name\":\"\xE7\x82\xB9\xE5\x8D\xA1 \xF0\x9F\x83\x8F\"}"), "HTTP/1.1 200");
}

TEST(EdgeInput, AsksForABodyThatIsKeptBackUntilThen) {
  Target t;
  const Raw raw(t.server->port());
  raw.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n");
  ASSERT_EQ(raw.receive("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  raw.send("{}");
  EXPECT_TRUE(raw.receive().starts_with("HTTP/1.1 200"));
  EXPECT_EQ(t.answer_to("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n"), "HTTP/1.1 413")
      << "not wanted at all";
}

// Who speaks 1.0 takes a connection that is not said to stay for one that ends with the answer: `ab -k` waits for that.
TEST(EdgeInput, EndsTheConnectionOfAnOldClientWhateverItAskedFor) {
  Target t;
  const Raw raw(t.server->port());
  raw.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(raw.receive("fine").find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_TRUE(raw.ended());
}

// RFC 9112, 3.2.2: proxies and old clients name the whole address.
TEST(EdgeInput, TakesAWholeAddressForItsPath) {
  EXPECT_EQ(origin_form("http://shop/orders?limit=1"), "/orders?limit=1");
  EXPECT_EQ(origin_form("https://shop:8443"), "/");
  EXPECT_EQ(origin_form("http://shop?x=/y"), "/?x=/y");
  EXPECT_EQ(origin_form("/orders?back=http://shop/"), "/orders?back=http://shop/");
  EXPECT_EQ(origin_form("*"), "*");
}

// A true request, damaged by a few random edits, many times over, from a fixed seed.
TEST(EdgeInput, SurvivesDamagedRequests) {
  Target t;
  const std::string whole =
      "POST /orders?x=1 HTTP/1.1\r\nHost: shop\r\nX-Buyer: b1\r\nIdempotency-Key: k\r\nContent-Type: "
      "application/json\r\nContent-Length: 31\r\n\r\n{\"sku\":\"steam-50\",\"quantity\":12}";
  const std::string bits[] = {"\r\n",
                              "\r",
                              "\n",
                              ":",
                              " ",
                              std::string(1, '\0'),
                              "\xFF",
                              "Transfer-Encoding: chunked\r\n",
                              "Content-Length: 7\r\n",
                              "0\r\n\r\n",
                              "HTTP/1.0",
                              "%00",
                              "GET / HTTP/1.1\r\n\r\n",
                              std::string(300, 'A')};
  std::mt19937 random(20240611);
  const auto below = [&random](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  for (int i = 0; i < 1500; ++i) {
    std::string text = whole;
    for (std::size_t edits = 1 + below(4); edits > 0 && !text.empty(); --edits) {
      const std::size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = static_cast<char>(below(256));
          break;
        case 1:
          text.erase(at, 1 + below(20));
          break;
        case 2:
          text.insert(at, bits[below(std::size(bits))]);
          break;
        default:
          text.resize(at);
      }
    }
    const std::string answer = t.answer_to(text);
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 2") || answer.starts_with("HTTP/1.1 4"))
        << i << ": " << answer;
  }
  EXPECT_TRUE(t.lives());
}

}  // namespace
}  // namespace platform::edge
