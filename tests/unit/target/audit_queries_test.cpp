// audit by SQL: the books of a real PostgreSQL and a real MariaDB, by views and by a user's own queries.
#include <gtest/gtest.h>

#include "harness/db/db.hpp"
#include "harness/target/audit.hpp"
#include "tests/contract/fake_platform.hpp"
#include "tests/support/mariadb.hpp"
#include "tests/support/postgres.hpp"

namespace cardstorm {
namespace {

class AuditBySql : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    postgres = std::make_unique<test::Postgres>();
    maria = std::make_unique<test::MariaDb>();
    ASSERT_EQ(postgres->error(), "");
    ASSERT_EQ(maria->error(), "");
    for (const auto& url : {postgres->url(), maria->url()}) {
      const auto session = DbSession::open(*parse_db_url(url, postgres->password_file()), {}, test::loopback());
      ASSERT_TRUE(session) << session.error().what;
      for (const char* sql :
           {"CREATE TABLE shop_orders (id INT, no VARCHAR(20), state VARCHAR(20), n INT, yuan DECIMAL(10,2), paid "
            "DECIMAL(10,2))",
            "INSERT INTO shop_orders VALUES (1, 'A', 'DONE', 2, 19.90, 19.90), (2, 'B', 'NEW', 1, 5.00, NULL)",
            "CREATE TABLE shop_cards (no VARCHAR(20), secret VARCHAR(40))",
            "INSERT INTO shop_cards VALUES ('A', 'CS-1'), ('A', 'CS-2'), ('Z', 'CS-3')",
            "CREATE VIEW audit_orders AS SELECT id, no AS order_no FROM shop_orders",
            "CREATE VIEW audit_wallets AS SELECT 1 AS id, 'w' AS wallet, 5 AS balance_cents",
            "CREATE VIEW audit_ledger AS SELECT 1 AS id, 'w' AS wallet WHERE 1 = 0"}) {
        const auto done = (*session)->query(sql);
        ASSERT_TRUE(done) << done.error().what;
      }
    }
  }
  static void TearDownTestSuite() {
    postgres.reset();
    maria.reset();
  }
  static DatabaseSpec database() {
    DatabaseSpec spec;
    spec.url = GetParam() == "mysql" ? maria->url() : postgres->url();
    spec.password_file = postgres->password_file();
    return spec;
  }
  static AuditSpec queries() {
    AuditSpec audit;
    audit.database = "main";
    audit.orders =
        "SELECT no AS order_no, state AS status, n AS quantity, yuan * 100 AS amount_cents, COALESCE(paid, 0) * 100 AS "
        "paid_cents, "
        "0 AS refunded_cents FROM shop_orders ORDER BY id;";
    audit.cards = "SELECT no AS order_no, secret FROM shop_cards -- all of them";
    audit.ledger =
        "SELECT 9 AS id, 'w' AS wallet, NULL AS order_no, 'topup' AS kind, 100 AS delta_cents, 200 AS "
        "balance_after_cents "
        "UNION ALL SELECT 3, 'w', 'A', 'pay', -100, 100";
    return audit;
  }
  static inline std::unique_ptr<test::Postgres> postgres;
  static inline std::unique_ptr<test::MariaDb> maria;
};

TEST_P(AuditBySql, GivesTheRowsOfTheUsersQueries) {
  const auto rows = audit_by_queries(queries(), database(), test::loopback());
  ASSERT_TRUE(rows) << rows.error().what;
  ASSERT_EQ(rows->size(), 5u);
  EXPECT_EQ((*rows)[0].dump(), R"({"row":"source","source":"sql","cards_without_order":1})");
  EXPECT_EQ(
      (*rows)[1].dump(),
      R"({"row":"order","order_no":"A","status":"DONE","quantity":2,"amount_cents":1990,"paid_cents":1990,"refunded_cents":0,"id":1,"cards":["CS-1","CS-2"]})");
  EXPECT_EQ((*rows)[2]["paid_cents"].dump(), "0");
  EXPECT_EQ((*rows)[2]["cards"].dump(), "[]");
  EXPECT_EQ((*rows)[3]["id"].integer(), 3) << "the ledger in the order of its ids";
  EXPECT_TRUE((*rows)[4]["order_no"].is_null());
}

TEST_P(AuditBySql, NamesAllMistakesOfAQuery) {
  AuditSpec wrong = queries();
  wrong.orders =
      "SELECT no AS order_number, state AS status, n AS quantity, yuan AS amount_cents, 0 AS paid_cents FROM "
      "shop_orders";
  wrong.cards = "SELECT * FROM no_such_table";
  const auto rows = audit_by_queries(wrong, database(), test::loopback());
  ASSERT_FALSE(rows);
  EXPECT_NE(rows.error().what.find(
                "'orders': no column 'order_no', no column 'refunded_cents', unknown column 'order_number'"),
            std::string::npos)
      << rows.error().what;
  const auto trials = try_audit_queries(wrong, database(), test::loopback());
  ASSERT_EQ(trials.size(), 3u);
  EXPECT_FALSE(trials[0].status);
  EXPECT_FALSE(trials[1].status);
  EXPECT_TRUE(trials[2].status) << trials[2].status.error().what;
  AuditSpec yuan = queries();
  yuan.orders =
      "SELECT no AS order_no, state AS status, n AS quantity, yuan AS amount_cents, 0 AS paid_cents, 0 AS "
      "refunded_cents FROM shop_orders ORDER BY id";
  const auto cents = audit_by_queries(yuan, database(), test::loopback());
  ASSERT_FALSE(cents);
  EXPECT_NE(cents.error().what.find("amount_cents is '19.90', not a whole number"), std::string::npos)
      << cents.error().what;
}

TEST_P(AuditBySql, NeverWritesAndStopsAtItsBounds) {
  AuditSpec writes = queries();
  writes.orders = GetParam() == "mysql"
                      ? "INSERT INTO shop_cards VALUES ('B', 'CS-9')"
                      : "WITH x AS (INSERT INTO shop_cards VALUES ('B', 'CS-9') RETURNING 1) SELECT * FROM x";
  const auto done = audit_by_queries(writes, database(), test::loopback());
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().what.find(GetParam() == "mysql" ? "[1792]" : "[25006]"), std::string::npos)
      << done.error().what;
  AuditSpec few = queries();
  few.rows_max = 1;
  EXPECT_FALSE(audit_by_queries(few, database(), test::loopback()));
  const auto outside = audit_by_queries(queries(), database(), *AllowList::parse({"10.0.0.0/8"}));
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, Errc::refused);
}

TEST_P(AuditBySql, ReadsTheReferencePlatformsViews) {
  if (GetParam() == "mysql") GTEST_SKIP() << "its database is PostgreSQL";
  std::string url = postgres->url();
  url.insert(url.find('@'), ":" + postgres->password());
  const auto rows = audit_by_sql(url, test::loopback(), 20s);
  ASSERT_TRUE(rows) << rows.error().what;
  ASSERT_EQ(rows->size(), 4u);
  EXPECT_EQ((*rows)[1].dump(), R"({"row":"order","id":1,"order_no":"A"})");
  EXPECT_EQ((*rows)[3].dump(), R"({"row":"wallet","id":1,"wallet":"w","balance_cents":5})");
  EXPECT_FALSE(audit_by_sql(postgres->url("no_such_database"), test::loopback(), 5s));
}

INSTANTIATE_TEST_SUITE_P(Books, AuditBySql, testing::Values("postgresql", "mysql"),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace cardstorm
