// The parser of answers: every cut into pieces gives the same result, and nothing makes it run away.
#include "harness/net/http_parser.hpp"

#include <gtest/gtest.h>

#include "harness/core/rng.hpp"

namespace cardstorm {
namespace {

struct Read {
  bool done, failed, keep;
  int status;
  Cause cause;
  std::string body;
  std::size_t taken;
  bool operator==(const Read&) const = default;
};

Read read(const std::string& wire, std::size_t piece, bool end = true, bool head = false, std::size_t body_max = 1000) {
  HttpParser parser;
  parser.begin(head, false, body_max);
  std::size_t taken = 0;
  while (taken < wire.size() && !parser.done() && !parser.failed())
    taken += parser.feed(std::string_view(wire).substr(taken, piece));
  if (end) parser.end_of_input();
  return {parser.done(),
          parser.failed(),
          parser.keep_alive(),
          parser.status(),
          parser.failed() ? parser.cause() : Cause::none,
          parser.take_body(),
          parser.failed() ? 0 : taken};
}

TEST(HttpParser, GivesTheSameForEveryCutIntoPieces) {
  const std::vector<std::string> wires = {
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\n",
      "HTTP/1.0 404 Not Found\r\nA: b\r\n\r\nuntil the end",
      "HTTP/1.1 100 C\r\nA: b\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n",
      "SSH-2.0-what",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"};
  for (const std::string& wire : wires)
    for (std::size_t piece = 1; piece < wire.size(); ++piece)
      EXPECT_EQ(read(wire, piece), read(wire, wire.size())) << wire << " by " << piece;
}

TEST(HttpParser, StopsAtTheEndOfTheAnswer) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  const Read got = read(answer + "HTTP/1.1 200 forged\r\n", 1000, false);
  EXPECT_TRUE(got.done);
  EXPECT_EQ(got.taken, answer.size());
}

TEST(HttpParser, KnowsWhenAConnectionMayBeKept) {
  EXPECT_TRUE(read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 99).keep);
  EXPECT_FALSE(read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Upgrade, Close\r\n\r\n", 99).keep);
  EXPECT_FALSE(read("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 99).keep);
  EXPECT_TRUE(read("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", 99).keep);
  EXPECT_FALSE(read("HTTP/1.1 200 OK\r\n\r\nbody", 99).keep);
}

TEST(HttpParser, NamesWhatIsWrong) {
  EXPECT_EQ(read("HTTP/2 200\r\n\r\n", 99).cause, Cause::bad_body);
  EXPECT_EQ(read("HTTP/1.1 99 OK\r\n\r\n", 99).cause, Cause::bad_body);
  EXPECT_EQ(read("HTTP/1.1 101 Switching\r\n\r\n", 99).cause, Cause::bad_body);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 99).cause, Cause::bad_body);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 99).cause, Cause::bad_body);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", 99).cause, Cause::bad_body);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 99).cause, Cause::bad_body);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 99).cause,
            Cause::bad_body);
  EXPECT_EQ(read("", 1).cause, Cause::reset);
  EXPECT_EQ(read("HTTP/1.1 20", 99).cause, Cause::reset);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 99).cause, Cause::reset);
}

TEST(HttpParser, HoldsItsBounds) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  EXPECT_EQ(read(head + "X: " + std::string(kHttpHeadMax, 'x'), 1000).cause, Cause::too_large);
  std::string interim;
  while (interim.size() <= kHttpHeadMax) interim += "HTTP/1.1 102 Wait\r\n\r\n";
  EXPECT_EQ(read(interim, 1000).cause, Cause::too_large);
  std::string trailers = head + "Transfer-Encoding: chunked\r\n\r\n0\r\n";
  while (trailers.size() <= kHttpHeadMax) trailers += "X: y\r\n";
  EXPECT_EQ(read(trailers, 1000).cause, Cause::too_large);
  const Read big = read(head + "Content-Length: 5000\r\n\r\n" + std::string(5000, 'x'), 77);
  EXPECT_EQ(big.cause, Cause::too_large);
  EXPECT_EQ(big.body.size(), 1000u);
  EXPECT_TRUE(read(head + "Content-Length: 1000\r\n\r\n" + std::string(1000, 'x'), 77).done);
}

TEST(HttpParser, GivesHeadersInLowerCase) {
  HttpParser parser;
  parser.begin(false, true, 100);
  parser.feed("HTTP/1.1 103 Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nX-Thing:  a\r\n b\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(parser.done());
  EXPECT_EQ(parser.take_headers(), (HttpParser::Headers{{"x-thing", "a b"}, {"content-length", "0"}}));
}

TEST(HttpParser, SurvivesNoise) {
  Rng rng(7, "noise");
  const std::string seeds =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  for (int round = 0; round < 5000; ++round) {
    std::string wire = seeds;
    for (int i = 0; i < 4; ++i) wire[rng.below(wire.size())] = static_cast<char>(rng.below(256));
    const Read got = read(wire, 1 + rng.below(20));
    EXPECT_NE(got.done, got.failed);
  }
}

}  // namespace
}  // namespace cardstorm
