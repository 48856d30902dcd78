// session: a real PostgreSQL and a real MariaDB; the limits are the server's, and every call has an end.
#include <gtest/gtest.h>

#include "harness/db/db.hpp"
#include "tests/support/mariadb.hpp"
#include "tests/support/postgres.hpp"

namespace cardstorm {
namespace {

AllowList loopback() { return *AllowList::parse({"127.0.0.0/8"}); }

struct Servers {
  test::Postgres postgres;
  test::MariaDb maria;
};
std::unique_ptr<Servers> servers;

class Start final : public testing::Environment {
  void SetUp() override { servers = std::make_unique<Servers>(); }
  void TearDown() override { servers.reset(); }
};
const auto* const kStart = testing::AddGlobalTestEnvironment(new Start);

class Session : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    ASSERT_EQ(servers->postgres.error(), "");
    ASSERT_EQ(servers->maria.error(), "");
  }
  [[nodiscard]] static bool mysql() { return GetParam() == "mysql"; }
  [[nodiscard]] static DbAddress address() {
    return mysql() ? *parse_db_url(servers->maria.url(), servers->maria.password_file())
                   : *parse_db_url(servers->postgres.url(), servers->postgres.password_file());
  }
  [[nodiscard]] static std::unique_ptr<DbSession> open(const DbOptions& options = {}) {
    auto session = DbSession::open(address(), options, loopback());
    EXPECT_TRUE(session) << session.error().what;
    return session ? std::move(*session) : nullptr;
  }
  [[nodiscard]] static std::string sleep(const std::string& seconds) {
    return mysql() ? "SELECT SLEEP(" + seconds + ")" : "SELECT pg_sleep(" + seconds + ")";
  }
};

TEST_P(Session, GivesRowsAsTextByColumn) {
  const auto session = open();
  ASSERT_TRUE(session);
  const auto rows = session->query(
      "SELECT 1 AS n, NULL AS nothing, '"
      "\xE5\x8D\xA1"
      "' AS name UNION ALL SELECT 2, NULL, ''");
  ASSERT_TRUE(rows) << rows.error().what;
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].dump(), "{\"n\":\"1\",\"nothing\":null,\"name\":\"\xE5\x8D\xA1\"}");
  EXPECT_EQ((*rows)[1]["n"].string(), "2");
  EXPECT_GT(session->id(), 0);
  EXPECT_TRUE(session->server().starts_with(mysql() ? "MariaDB 1" : "PostgreSQL 1")) << session->server();
  const auto none = session->query("SELECT 1 AS a, 2 AS b WHERE 1 = 0");
  ASSERT_TRUE(none) << none.error().what;
  EXPECT_TRUE(none->empty());
  EXPECT_EQ(session->columns(), (std::vector<std::string>{"a", "b"}));
}

TEST_P(Session, CarriesTheServersWordsAndLivesOn) {
  const auto session = open();
  ASSERT_TRUE(session);
  const auto bad = session->query("SELECT * FROM no_such_table");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::invalid);
  EXPECT_TRUE(bad.error().what.starts_with(mysql() ? "[1146] " : "[42P01] ")) << bad.error().what;
  EXPECT_TRUE(session->query("SELECT 1"));
}

TEST_P(Session, RefusesToWriteWhenReadOnly) {
  const auto writer = open();
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->query("DROP TABLE IF EXISTS notes"));
  ASSERT_TRUE(writer->query("CREATE TABLE notes (id INT)"));
  DbOptions options;
  options.read_only = true;
  const auto reader = open(options);
  ASSERT_TRUE(reader);
  EXPECT_TRUE(reader->query("SELECT * FROM notes"));
  EXPECT_FALSE(reader->query("INSERT INTO notes VALUES (1)"));
  EXPECT_TRUE(writer->query("SELECT * FROM notes")->empty());
}

TEST_P(Session, EndsAStatementAtTheServersLimit) {
  DbOptions options;
  options.statement = 300ms;
  const auto session = open(options);
  ASSERT_TRUE(session);
  const Nanos begin = monotonic_now();
  // MariaDB ends SLEEP() early and calls it a success; a join that never ends is ended with an error.
  const auto slow = mysql() ? session->query(
                                  "SELECT COUNT(*) FROM information_schema.columns a, information_schema.columns b, "
                                  "information_schema.columns c")
                            : session->query(sleep("20"));
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code, Errc::timeout) << slow.error().what;
  EXPECT_LT(monotonic_now() - begin, 3s);
}

TEST_P(Session, StopsAtTheBoundOfRows) {
  const auto session = open();
  ASSERT_TRUE(session);
  const std::string many = "SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3";
  EXPECT_EQ(session->query(many, 3)->size(), 3u);
  const auto over = session->query(many, 2);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Errc::invalid);
  EXPECT_FALSE(session->alive());
  EXPECT_EQ(session->query("SELECT 1").error().code, Errc::unavailable);
}

TEST_P(Session, IsEndedByTheServerWhenItIsIdle) {
  DbOptions options;
  options.idle = 1s;
  const auto idle = open(options), observer = open();
  ASSERT_TRUE(idle && observer);
  ASSERT_TRUE(idle->query(mysql() ? "START TRANSACTION" : "BEGIN"));
  const std::string count =
      mysql() ? "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE id = " + std::to_string(idle->id())
              : "SELECT count(*) AS n FROM pg_stat_activity WHERE pid = " + std::to_string(idle->id());
  EXPECT_EQ((*observer->query(count))[0]["n"].string(), "1");
  const auto gone = [&] { return (*observer->query(count))[0]["n"].string() == "0"; };
  EXPECT_TRUE(test::await_server(::getpid(), std::chrono::seconds(5), gone))
      << "nobody but the server can have ended it";
  const auto after = idle->query("SELECT 1");
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, Errc::unavailable) << after.error().what;
  EXPECT_FALSE(idle->alive());
}

TEST_P(Session, StaysInsideTheAllowList) {
  const auto session = DbSession::open(address(), {}, *AllowList::parse({"10.0.0.0/8"}));
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Errc::refused);
  EXPECT_NE(session.error().what.find("127.0.0.1"), std::string::npos) << session.error().what;
}

TEST_P(Session, SaysWhyTheLoginFailedWithoutThePassword) {
  DbAddress wrong = address();
  wrong.password = "h7sh-hush";
  const auto session = DbSession::open(wrong, {}, loopback());
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Errc::unavailable);
  EXPECT_NE(session.error().what.find(mysql() ? "[1045]" : "[28P01]"), std::string::npos) << session.error().what;
  EXPECT_EQ(session.error().what.find("h7sh"), std::string::npos) << session.error().what;
  EXPECT_FALSE(server_full(session.error()));
}

TEST_P(Session, EndsItsWaitForAServerThatSaysNothing) {
  const test::HeldPort port;
  const int on = 1;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  place.sin_port = htons(static_cast<std::uint16_t>(port.number()));
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&place), sizeof place), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  DbAddress mute = address();
  mute.port = port.number();
  DbOptions options;
  options.connect = 400ms;
  const Nanos begin = monotonic_now();
  EXPECT_FALSE(DbSession::open(mute, options, loopback()));
  EXPECT_LT(monotonic_now() - begin, 3s);
  ::close(listener);
  EXPECT_FALSE(DbSession::open(mute, options, loopback())) << "nobody listens there";
}

TEST_P(Session, TellsThatTheServerIsFull) {
  const auto root = open();
  ASSERT_TRUE(root);
  if (mysql()) {
    ASSERT_TRUE(root->query("CREATE OR REPLACE USER few@'%' IDENTIFIED BY 'few' WITH MAX_USER_CONNECTIONS 1"));
    ASSERT_TRUE(root->query("GRANT SELECT ON shop.* TO few@'%'"));
  } else {
    ASSERT_TRUE(root->query("DROP ROLE IF EXISTS few"));
    ASSERT_TRUE(root->query("CREATE ROLE few LOGIN PASSWORD 'few' CONNECTION LIMIT 1"));
  }
  DbAddress few = address();
  few.user = few.password = "few";
  const auto first = DbSession::open(few, {}, loopback());
  ASSERT_TRUE(first) << first.error().what;
  const auto second = DbSession::open(few, {}, loopback());
  ASSERT_FALSE(second);
  EXPECT_TRUE(server_full(second.error())) << second.error().what;
}

INSTANTIATE_TEST_SUITE_P(Db, Session, testing::Values("postgresql", "mysql"),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace cardstorm
