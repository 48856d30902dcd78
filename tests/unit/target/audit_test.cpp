// audit: pages over a real server.
#include "harness/target/audit.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "harness/net/http_server.hpp"
#include "tests/contract/fake_platform.hpp"

namespace cardstorm {
namespace {

std::unique_ptr<HttpServer> books(bool moves_on = true) {
  auto server = serve(0, [moves_on](const ServerRequest& request, const HttpServer::Reply& reply) {
    const bool first = request.query.find("after=0&") != std::string::npos || !moves_on;
    if (request.path == "/audit/orders" && first)
      return reply(
          {200, R"({"rows":[{"id":1,"order_no":"A","cards":["CS-1"]},{"id":2,"order_no":"B","cards":[]}],"next":2})"});
    if (request.path == "/audit/orders")
      return reply({200, R"({"rows":[{"id":7,"order_no":"C","cards":[]}],"next":null})"});
    if (request.path == "/audit/wallets")
      return reply({200, R"({"rows":[{"id":1,"wallet":"b1","balance_cents":5,"opening_cents":9}],"next":null})"});
    if (request.path == "/audit/ledger") return reply({200, R"({"rows":[],"next":null})"});
    reply({404, "{}"});
  });
  return std::move(*server);
}
std::string base_of(const HttpServer& server) { return "http://127.0.0.1:" + std::to_string(server.port()) + "/audit"; }

TEST(Audit, ReadsAllPagesOfAllBooks) {
  const auto server = books();
  const auto rows = audit_by_api(base_of(*server), test::loopback(), 10s);
  ASSERT_TRUE(rows) << rows.error().what;
  ASSERT_EQ(rows->size(), 5u);
  EXPECT_EQ((*rows)[0].dump(), R"({"row":"source","source":"api"})");
  EXPECT_EQ((*rows)[1].dump(), R"({"row":"order","id":1,"order_no":"A","cards":["CS-1"]})");
  EXPECT_EQ((*rows)[3]["order_no"].string(), "C");
  EXPECT_EQ((*rows)[4]["row"].string(), "wallet");
}

TEST(Audit, AsksForTheShadowsBooksWithTheMark) {
  std::atomic<int> marked{0};
  auto server = *serve(0, [&marked](const ServerRequest& request, const HttpServer::Reply& reply) {
    marked += request.header("x-cardstorm-mark") == "audit" ? 1 : 0;
    reply({200, R"({"rows":[],"next":null})"});
  });
  HttpRequest way;
  way.headers = {{"X-Cardstorm-Mark", "audit"}};
  ASSERT_TRUE(audit_by_api(base_of(*server), test::loopback(), 10s, way));
  EXPECT_EQ(marked, 3);
}

TEST(Audit, EndsWhenPagesDoNotMoveOn) {
  const auto server = books(false);
  const auto rows = audit_by_api(base_of(*server), test::loopback(), 10s);
  ASSERT_FALSE(rows);
  EXPECT_NE(rows.error().what.find("does not grow"), std::string::npos);
}

TEST(Audit, StaysInsideTheAllowList) {
  const auto server = books();
  const auto rows = audit_by_api(base_of(*server), *AllowList::parse({"10.0.0.0/8"}), 5s);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, Errc::refused);
}

TEST(Audit, PasswordLeavesTheAddress) {
  const auto split = [](const std::string& url) {
    const auto d = split_password(url);
    return d.url + " | " + d.password;
  };
  EXPECT_EQ(split("postgresql://auditor:p%40s+s@127.0.0.1:5/db"), "postgresql://auditor@127.0.0.1:5/db | p@s+s");
  EXPECT_EQ(split("postgresql://auditor@127.0.0.1:5/db"), "postgresql://auditor@127.0.0.1:5/db | ");
  EXPECT_EQ(split("postgresql://127.0.0.1:5/db?user=a@b"), "postgresql://127.0.0.1:5/db?user=a@b | ");
  EXPECT_EQ(split("host=/tmp dbname=x"), "host=/tmp dbname=x | ");
}

}  // namespace
}  // namespace cardstorm
