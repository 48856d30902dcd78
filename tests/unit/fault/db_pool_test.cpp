// db_pool: a real PostgreSQL and a real MariaDB lose a row and their connection slots, and get them back in every way
// there is: released, not renewed, holder killed, holder frozen (only the server is left), undone by the journal's
// program.
#include "harness/target/db_pool.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "harness/db/db.hpp"
#include "harness/lease/run_undo.hpp"
#include "tests/support/mariadb.hpp"
#include "tests/support/postgres.hpp"
#include "tests/unit/fault/db_holder_role.hpp"
#include "tests/unit/fault/support.hpp"

namespace cardstorm {
namespace {

using test::eventually;
using test::loopback;

/// A target whose only ability is the database from outside.
class OutsideTarget final : public Target {
 public:
  explicit OutsideTarget(const DatabaseSpec& spec) : pool_(make_db_pool({{"main", spec}}, loopback())) {}
  Status start(Nanos, const std::stop_token&) override { return ok(); }
  Status stop() override { return ok(); }
  [[nodiscard]] std::string url() const override { return ""; }
  [[nodiscard]] std::string version() const override { return ""; }
  PoolControl* pool() override { return pool_.get(); }

 private:
  std::unique_ptr<PoolControl> pool_;
};

class DbPool : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    postgres = std::make_unique<test::Postgres>();
    maria = std::make_unique<test::MariaDb>();
    ASSERT_EQ(postgres->error(), "");
    ASSERT_EQ(maria->error(), "");
  }
  static void TearDownTestSuite() {
    postgres.reset();
    maria.reset();
  }
  void SetUp() override {
    ASSERT_TRUE(postgres && maria && postgres->error().empty() && maria->error().empty());
    root_ = open(url(), password_file());
    for (const char* sql :
         {"DROP TABLE IF EXISTS accounts", "CREATE TABLE accounts (name VARCHAR(20) PRIMARY KEY, n INT)",
          "INSERT INTO accounts VALUES ('test', 0), ('real', 0), ('real2', 0)"})
      ASSERT_TRUE(root_->query(sql));
  }

  [[nodiscard]] static bool mysql() { return GetParam() == "mysql"; }
  [[nodiscard]] static std::string url() { return mysql() ? maria->url() : postgres->url(); }
  [[nodiscard]] static std::string password_file() {
    return mysql() ? maria->password_file() : postgres->password_file();
  }
  static std::unique_ptr<DbSession> open(const std::string& url, const std::string& file, std::string* why = nullptr) {
    DbOptions options;
    options.statement = 1s;
    auto session = DbSession::open(*parse_db_url(url, file), options, loopback());
    if (why != nullptr) *why = session ? "" : session.error().what;
    return session ? std::move(*session) : nullptr;
  }
  static DatabaseSpec row(Nanos limit = 30s) {
    DatabaseSpec spec;
    spec.url = url();
    spec.password_file = password_file();
    spec.lock_table = "accounts";
    spec.lock_where = "name = 'test' -- the row of the drills";
    spec.limit = limit;
    return spec;
  }
  /// Whether a buyer of the platform could change that row at this moment.
  bool row_is_free(const std::string& name = "test") {
    const std::string limit = mysql() ? "SET SESSION innodb_lock_wait_timeout = 0" : "SET lock_timeout = '20ms'";
    EXPECT_TRUE(root_->query(limit));
    auto done = root_->query("UPDATE accounts SET n = n + 1 WHERE name = '" + name + "'");
    return done.has_value();
  }
  static bool held(PoolControl& pool, int wanted, Nanos wait = 5s) {
    return eventually(
        [&] {
          const auto state = pool.state("main");
          return state && state->held == wanted;
        },
        wait);
  }

  static inline std::unique_ptr<test::Postgres> postgres;
  static inline std::unique_ptr<test::MariaDb> maria;
  std::unique_ptr<DbSession> root_;
};

TEST_P(DbPool, LocksTheTestRowAloneUntilItIsReleased) {
  const auto pool = make_db_pool({{"main", row()}}, loopback());
  ASSERT_TRUE(held(*pool, 0));
  const auto before = pool->state("main");
  ASSERT_TRUE(before) << before.error().what;
  EXPECT_EQ(before->max, 1);
  ASSERT_TRUE(pool->hold("main", 30s));
  ASSERT_TRUE(held(*pool, 1));
  EXPECT_FALSE(row_is_free());
  EXPECT_TRUE(row_is_free("real")) << "no other row";
  EXPECT_TRUE(row_is_free("real2")) << "no other row";
  ASSERT_TRUE(pool->release("main"));
  EXPECT_TRUE(eventually([&] { return row_is_free(); }));
  EXPECT_TRUE(held(*pool, 0));
  EXPECT_TRUE(pool->release("main")) << "twice is fine";
}

TEST_P(DbPool, SeesItsLockThoughSomebodyHasJustAskedTheServerForTransactions) {
  const auto pool = make_db_pool({{"main", row()}}, loopback());
  if (mysql()) {
    ASSERT_TRUE(root_->query("SELECT * FROM information_schema.innodb_trx"));
  }  // InnoDB goes on answering from what it made for this
  ASSERT_TRUE(pool->hold("main", 30s));
  EXPECT_TRUE(held(*pool, 1));
}

TEST_P(DbPool, EndsWithItsLeaseAndLivesWhileItIsRenewed) {
  constexpr Nanos kLong = 1500ms;  // longer than this thread or the holder's is ever kept waiting
  const auto pool = make_db_pool({{"main", row(1s)}}, loopback());
  ASSERT_TRUE(eventually([&] {
    EXPECT_TRUE(pool->hold("main", kLong));
    const auto state = pool->state("main");
    return state && state->held == 1;
  }));
  // Longer than lease and server limit together: only the renewals keep it.
  for (const Nanos end = monotonic_now() + kLong + 1200ms; monotonic_now() < end;) {
    ASSERT_TRUE(pool->hold("main", kLong));
    ASSERT_FALSE(row_is_free());
  }
  EXPECT_TRUE(eventually([&] { return row_is_free(); }));
  EXPECT_TRUE(held(*pool, 0));
}

TEST_P(DbPool, TheServerGivesTheRowBackWhenTheHolderIsKilled) {
  test::DbHolderProcess holder(row());
  ASSERT_TRUE(holder.on());
  ASSERT_FALSE(row_is_free());
  holder.signal(SIGKILL);
  EXPECT_TRUE(eventually([&] { return row_is_free(); }, 3s));
}

TEST_P(DbPool, TheServerGivesTheRowBackWhenTheHolderIsFrozen) {
  test::DbHolderProcess holder(row(2s));
  ASSERT_TRUE(holder.on());
  holder.signal(SIGSTOP);
  ASSERT_FALSE(row_is_free());
  EXPECT_TRUE(eventually([&] { return row_is_free(); }, 6s)) << "the server's own limit of 2 s";
  holder.signal(SIGKILL);
}

TEST_P(DbPool, TheUndoOfTheJournalEndsWhatAnotherProcessHolds) {
  DatabaseSpec spec = row();
  spec.slots = 2;
  test::DbHolderProcess holder(spec);
  ASSERT_TRUE(holder.on());
  holder.signal(SIGSTOP);  // it would take them again
  ASSERT_FALSE(row_is_free());
  const Undo& undo = holder.undo();
  ASSERT_TRUE(std::holds_alternative<SqlUndo>(undo));
  EXPECT_EQ(json_of(undo).dump().find(test::MariaDb::password()), std::string::npos);
  EXPECT_FALSE(run_undo(undo, *AllowList::parse({"10.0.0.0/8"}), 300ms).reverted);
  const UndoResult result = run_undo(undo, loopback(), 10s);
  EXPECT_TRUE(result.reverted) << result.note;
  EXPECT_EQ(result.note, "ended 3 sessions");
  EXPECT_TRUE(row_is_free());
  EXPECT_EQ(run_undo(undo, loopback(), 10s).note, "the server has no session of ours") << "twice is fine";
  holder.signal(SIGKILL);
}

TEST_P(DbPool, TakesConnectionSlotsSoThatOthersAreRefused) {
  const std::string user = "shopper";
  if (mysql()) {
    ASSERT_TRUE(root_->query("CREATE OR REPLACE USER shopper@'%' IDENTIFIED BY '" + maria->password() +
                             "' WITH MAX_USER_CONNECTIONS 5"));
    ASSERT_TRUE(root_->query("GRANT SELECT ON shop.* TO shopper@'%'"));
  } else {
    (void)root_->query("DROP ROLE IF EXISTS shopper");
    ASSERT_TRUE(root_->query("CREATE ROLE shopper LOGIN PASSWORD '" + postgres->password() + "' CONNECTION LIMIT 5"));
  }
  DatabaseSpec spec;
  spec.url = url();
  spec.url.replace(spec.url.find("cardstorm@"), 10, "shopper@");
  spec.password_file = password_file();
  spec.slots = 4;  // of 5: the fifth looks
  OutsideTarget target(spec);
  FaultSpec wanted;
  wanted.fault = "db_pool_exhaustion";
  wanted.on = "main";
  auto fault = make_fault(wanted, target);
  ASSERT_TRUE(fault) << fault.error().what;
  std::string note, why;
  EXPECT_EQ((*fault)->probe(&note), Probe::normal) << note;
  auto buyer = open(spec.url, spec.password_file);  // the platform has one open
  ASSERT_TRUE(buyer);
  EXPECT_TRUE(eventually([&] {
    EXPECT_TRUE((*fault)->inject());  // renewed, as the lane does
    return (*fault)->probe(&note) == Probe::in_force;
  })) << note;
  EXPECT_EQ(note.rfind("held 3 of 4, in use 1", 0), 0u) << note;
  ASSERT_TRUE((*fault)->inject());
  EXPECT_EQ(open(spec.url, spec.password_file, &why), nullptr);
  EXPECT_TRUE(server_full(Error{Errc::unavailable, why})) << why;
  buyer.reset();
  EXPECT_TRUE(eventually([&] {
    (void)(*fault)->inject();
    return (*fault)->probe(&note) == Probe::in_force && note.rfind("held 4 of 4", 0) == 0;
  })) << note
      << ": what others give back is taken";
  ASSERT_TRUE((*fault)->heal());
  EXPECT_TRUE(eventually([&] { return open(spec.url, spec.password_file) != nullptr; }));
  EXPECT_TRUE(eventually([&] { return (*fault)->probe(&note) == Probe::normal; })) << note;
}

TEST_P(DbPool, RefusesWhatItCouldNotHoldOrWouldHoldTooMuchOf) {
  const auto complaint = [](const DatabaseSpec& spec, const std::string& name = "main") {
    const auto state = make_db_pool({{"main", spec}}, loopback())->state(name);
    return state ? "" : state.error().what;
  };
  DatabaseSpec none = row(), many = row(), no_table = row(), nothing = row(), open_password = row(), wrong = row();
  none.lock_where = "name = 'nobody'";
  many.lock_where = "name LIKE 'real%'";
  no_table.lock_table = "acc\"ou`nts";
  nothing.lock_table.clear();
  open_password.password_file.clear();
  open_password.url.insert(open_password.url.find('@'), ":hush");
  wrong.url.replace(wrong.url.find("cardstorm@"), 10, "nobody@");
  EXPECT_NE(complaint(none).find("no row of accounts"), std::string::npos) << complaint(none);
  EXPECT_NE(complaint(many).find("more than one row"), std::string::npos) << complaint(many);
  EXPECT_NE(complaint(no_table).find("test row"), std::string::npos) << complaint(no_table);
  EXPECT_NE(complaint(nothing).find("neither"), std::string::npos) << complaint(nothing);
  EXPECT_NE(complaint(open_password).find("holds a password"), std::string::npos) << complaint(open_password);
  EXPECT_EQ(complaint(open_password).find("hush"), std::string::npos) << complaint(open_password);
  EXPECT_NE(complaint(wrong).find("nobody"), std::string::npos) << complaint(wrong);
  EXPECT_NE(complaint(row(), "other").find("no database 'other'"), std::string::npos);
  const auto outside = make_db_pool({{"main", row()}}, *AllowList::parse({"10.0.0.0/8"}))->state("main");
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, Errc::refused);
}

TEST_P(DbPool, WaitsForARowThatThePlatformHoldsAndSaysSo) {
  std::vector<std::unique_ptr<PoolControl>> pools;
  for (int i = 0; i < 3; ++i) {
    pools.push_back(make_db_pool({{"main", row()}}, loopback()));
    ASSERT_TRUE(pools.back()->state("main"));
  }
  auto buyer = open(url(), password_file());
  ASSERT_TRUE(buyer->query(mysql() ? "START TRANSACTION" : "BEGIN"));
  ASSERT_TRUE(buyer->query("SELECT n FROM accounts WHERE name = 'test' FOR UPDATE"));
  std::unique_ptr<PoolControl> pool;
  const auto renew = [&] { ASSERT_TRUE(pool->hold("main", 30s)); };
  Nanos least = 1h;  // this machine may stand still for a moment, not each time
  for (auto& next : pools) {
    pool = std::move(next);
    const Nanos asked = monotonic_now();
    renew();
    least = std::min(least, monotonic_now() - asked);
  }
  EXPECT_LT(least, 900ms)
      << "it waits for nobody: whoever waited for this row would wait for the second that a statement may take";
  EXPECT_TRUE(eventually(
      [&] {
        const auto state = pool->state("main");
        return !state && state.error().what.find("locking the row") != std::string::npos;
      },
      4s))
      << "not in force while somebody else has the row";
  buyer.reset();
  renew();
  EXPECT_TRUE(held(*pool, 1));
  EXPECT_FALSE(row_is_free());
  pool.reset();
  EXPECT_TRUE(eventually([&] { return row_is_free(); })) << "an owner that goes lets go";
}

INSTANTIATE_TEST_SUITE_P(Outside, DbPool, testing::Values("postgresql", "mysql"),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace cardstorm
