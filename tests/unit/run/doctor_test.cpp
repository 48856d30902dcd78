// doctor: a small platform with a Prometheus and a real MariaDB, looked at whole and with one thing wrong at a time.
#include "harness/run/doctor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "harness/core/files.hpp"
#include "harness/db/db.hpp"
#include "harness/net/http_server.hpp"
#include "harness/run/doctor_try.hpp"
#include "tests/support/mariadb.hpp"
#include "tests/support/temp_dir.hpp"

namespace cardstorm {
namespace {

class Doctor : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    maria = std::make_unique<test::MariaDb>();
    ASSERT_EQ(maria->error(), "");
    const auto session =
        DbSession::open(*parse_db_url(maria->url(), maria->password_file()), {}, *AllowList::parse({"127.0.0.0/8"}));
    ASSERT_TRUE(session) << session.error().what;
    for (const char* sql :
         {"CREATE TABLE accounts (name VARCHAR(20) PRIMARY KEY)", "INSERT INTO accounts VALUES ('test'), ('real')"})
      ASSERT_TRUE((*session)->query(sql)) << sql;
  }
  static void TearDownTestSuite() { maria.reset(); }

  TargetSpec spec() {
    TargetSpec out;
    out.name = "my-shop";
    out.kind = "external";
    out.url = "http://127.0.0.1:" + std::to_string(server_->port());
    out.version_path = "/version";
    out.version_pointer = "/tag";
    out.touch = {"pool"};
    DatabaseSpec db;
    db.url = maria->url();
    db.password_file = maria->password_file();
    db.lock_table = "accounts";
    db.lock_where = "name = 'test'";
    out.databases["main"] = db;
    out.audit.database = "main";
    out.audit.orders =
        "SELECT name AS order_no, 'NEW' AS status, 1 AS quantity, 5 AS amount_cents, 0 AS paid_cents, 0 AS "
        "refunded_cents FROM accounts";
    out.guard_prometheus = out.url;
    out.guard = {{"errors", "errors > bool 5", true}};
    out.redis = "127.0.0.1:" + std::to_string(server_->port());
    return out;
  }
  static const DoctorFact* find(const std::vector<DoctorFact>& facts, const std::string& code,
                                const std::string& subject = "") {
    const auto found = std::find_if(facts.begin(), facts.end(), [&](const DoctorFact& f) {
      return f.code == code && (subject.empty() || f.subject == subject);
    });
    return found == facts.end() ? nullptr : &*found;
  }
  /// The fact that is bad, after it was checked that no other one is.
  static DoctorFact only_bad(const TargetSpec& spec) {
    DoctorFact out;
    int bad = 0;
    for (const DoctorFact& fact : examine_target(spec)) {
      if (fact.health != Health::bad) continue;
      ++bad;
      out = fact;
    }
    EXPECT_EQ(bad, 1) << out.code;
    return out;
  }

  static inline std::unique_ptr<test::MariaDb> maria;
  std::unique_ptr<HttpServer> server_ =
      std::move(*serve(0, [](const ServerRequest& request, const HttpServer::Reply& reply) {
        if (request.path == "/version") return reply({200, R"({"tag":"v7"})"});
        if (request.path == "/api/v1/query")
          return reply(
              {200, R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0"]}]}})"});
        reply({200, "hello", "text/plain"});
      }));
};

TEST_F(Doctor, FindsNothingMissingWhereAllIsThere) {
  const auto facts = examine_target(spec());
  for (const DoctorFact& fact : facts) EXPECT_NE(fact.health, Health::bad) << line_of(fact, Lang::en);
  EXPECT_FALSE(anything_missing(facts));
  for (const char* code : {"target_file", "address", "answers", "version", "mark", "database", "database_slots",
                           "database_lock", "audit", "guard", "redis"}) {
    ASSERT_NE(find(facts, code), nullptr) << code;
    EXPECT_EQ(find(facts, code)->health, Health::good) << code;
  }
  EXPECT_EQ(find(facts, "version")->found, "v7");
  EXPECT_EQ(find(facts, "fault", "db_pool_exhaustion")->health, Health::good);
  EXPECT_EQ(find(facts, "fault", "node_kill")->found, "`touch:` does not list nodes");
  for (const DoctorFact& fact : facts)
    for (const Lang lang : {Lang::en, Lang::zh}) EXPECT_TRUE(text_of_code("doctor_", fact.code, lang)) << fact.code;
}

TEST_F(Doctor, NamesTheOneThingThatIsWrongAndWhatToDo) {
  auto version = spec();
  version.version_pointer = "/nowhere";
  EXPECT_EQ(only_bad(version).code, "version");
  auto row = spec();
  row.databases["main"].lock_where = "name LIKE '%'";
  EXPECT_EQ(only_bad(row).found, "more than one row: accounts where name LIKE '%'");
  auto table = spec();
  table.databases["main"].lock_table = "nowhere";
  EXPECT_EQ(only_bad(table).code, "database_lock");
  auto columns = spec();
  columns.audit.orders = "SELECT name FROM accounts";
  EXPECT_NE(only_bad(columns).found.find("no column 'order_no'"), std::string::npos);
  const test::HeldPort closed;
  auto redis = spec();
  redis.redis = "127.0.0.1:" + std::to_string(closed.number());
  EXPECT_EQ(only_bad(redis).code, "redis");
  auto sources = spec();
  sources.sources = {"127.0.0.2", "192.0.2.77"};
  EXPECT_EQ(only_bad(sources).subject, "192.0.2.77")
      << "no address of this machine: each trade from it would count against the platform";
  auto partners = spec();
  partners.partners.url = "http://127.0.0.1:" + std::to_string(closed.number());
  EXPECT_EQ(only_bad(partners).code, "partners");
}

TEST_F(Doctor, TakesAUnixSocketForTheAddress) {
  TargetSpec shop;
  shop.name = "my-shop";
  shop.kind = "external";
  shop.url = "http://shop.invalid";  // a header, not a name to be resolved
  shop.unix_socket = "/nowhere/shop.sock";
  const DoctorFact bad = only_bad(shop);
  EXPECT_EQ(bad.code, "answers");
  EXPECT_NE(bad.found.find("/nowhere/shop.sock does not answer"), std::string::npos) << bad.found;
}

TEST_F(Doctor, SpeaksInLinesAndInJson) {
  const DoctorFact fact{"redis", "", Health::bad, "127.0.0.1:1: refused", ""};
  EXPECT_EQ(line_of(fact, Lang::en),
            "  MISSING  Redis listens: 127.0.0.1:1: refused\n           -> Start it, or correct redis:.\n");
  EXPECT_NE(line_of(fact, Lang::zh).find("缺失"), std::string::npos);
  EXPECT_EQ(
      json_of(fact).dump(),
      R"({"name":"redis","subject":"","state":"missing","found":"127.0.0.1:1: refused","remedy":"Start it, or correct redis:."})");
}

TEST(ChannelUse, CountsPaymentsAndRepeatedNotifies) {
  const test::TempDir dir;
  std::filesystem::create_directories(dir.path() + "/partners");
  ASSERT_TRUE(write_file(dir.path() + "/partners/alpha.jsonl", R"({"journal":"alpha","version":1,"mono_ns":0}
{"kind":"created","trade_no":"1"}
{"kind":"charged","trade_no":"1"}
{"kind":"notify","trade_no":"1","attempt":1}
{"kind":"notify","trade_no":"1","attempt":1}
{"kind":"notify","trade_no":"2","attempt":1}
torn)"));
  ASSERT_TRUE(write_file(dir.path() + "/partners/beta.jsonl", "{\"journal\":\"beta\",\"version\":1,\"mono_ns\":0}\n"));
  const auto use = channel_use(dir.path());
  ASSERT_EQ(use.size(), 2u);
  EXPECT_EQ(use[0].channel, "alpha");
  EXPECT_EQ(use[0].payments, 2);
  EXPECT_EQ(use[0].repeated, 1);
  EXPECT_EQ(use[1].payments, 0);
}

}  // namespace
}  // namespace cardstorm
