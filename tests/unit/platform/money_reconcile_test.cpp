// Reconciliation: each of the three differences is planted, and exactly those are found; what can be cured is cured.
#include "tests/unit/platform/money_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

class ReconcileTest : public MoneyTest {
 protected:
  /// Runs now and gives the report.
  domain::Json run() {
    const auto asked = as_buyer(url_, "b1", "POST", "/ops/reconciliation/run");
    EXPECT_EQ(asked.status, 202) << asked.body;
    domain::Json report;
    EXPECT_TRUE(wait_until([&] {
      report = as_buyer(url_, "b1", "GET", "/ops/reconciliation").json;
      return report["runs"].integer() >= asked.json["run"].integer();
    }));
    return report;
  }
  /// "channel kind book out_trade_no ours theirs state", sorted.
  static std::set<std::string> differences(const domain::Json& report) {
    std::set<std::string> out;
    for (const auto& d : report["differences"].items()) {
      out.insert(d["channel"].text() + " " + d["kind"].text() + " " + d["book"].text() + " " +
                 d["out_trade_no"].text() + " " + std::to_string(d["ours_cents"].integer()) + " " +
                 std::to_string(d["theirs_cents"].integer()) + " " + d["state"].text());
    }
    return out;
  }
};

TEST_F(ReconcileTest, FindsNothingWhereTheBooksAgree) {
  start_payment();
  for (int i = 0; i < 10; ++i) paid(i % 2 == 0 ? "alpha" : "beta", 100 + i, i % kDatabases);
  const std::string no = paid("alpha", 1000);
  want_refund(no, "alpha", no + "-r1", 300);
  ASSERT_TRUE(wait_until([&] { return count("refunded") == 1; }));
  const auto report = run();
  EXPECT_EQ(differences(report), std::set<std::string>());
  EXPECT_EQ(report["trouble"].text(), "");
  EXPECT_EQ(report["channels"].items().size(), 2U);
}

TEST_F(ReconcileTest, FindsEachPlantedDifferenceAndNothingElse) {
  start_payment();
  for (int i = 0; i < 6; ++i) paid("alpha", 100 + i, i % kDatabases);
  std::set<std::string> planted;
  for (int database = 0; database < kDatabases; ++database) {
    const std::string gone = paid("alpha", 500, database), other = paid("alpha", 600, database),
                      paid_back = paid("beta", 700, database);
    partners_->forget(gone + "-alpha");
    partners_->plant(trade_of(other, "alpha", 601));
    auto refunded = trade_of(paid_back, "beta", 700);
    refunded.refunded = 700;
    partners_->plant(refunded);
    const std::string foreign = number_in(database);
    partners_->plant(trade_of(foreign, "beta", 900));  // no payment of ours
    planted.insert(
        {"alpha short charge " + gone + "-alpha 500 0 open", "alpha amount charge " + other + "-alpha 600 601 open",
         "beta amount refund " + paid_back + "-beta 0 700 open", "beta long charge " + foreign + "-beta 0 900 open"});
  }
  partners_->plant(trade_of("who", "beta", 5));
  planted.insert("beta long charge who-beta 0 5 open");
  EXPECT_EQ(differences(run()), planted);
  EXPECT_EQ(differences(run()), planted);  // again finds them again, once each
  EXPECT_EQ(number("SELECT count(*) FROM outbox"), 0);
}

// A window is looked at once: what is left out then is never found.
TEST_F(ReconcileTest, AsksForEachChargeThatTheBillLacksHoweverManyThereAre) {
  start_payment();
  execute(
      "INSERT INTO charges(channel, trade_no, out_trade_no, order_no, amount_cents, at) "
      "SELECT 'alpha', 'lost-' || n, 'lost-' || n || '-alpha', 'lost-' || n, 5, now() - interval '1 minute' FROM "
      "generate_series(1, 501) AS n");
  run();
  EXPECT_EQ(number("SELECT count(*) FROM reconciliations WHERE kind = 'short' AND state = 'open'"), 501 * kDatabases);
}

TEST_F(ReconcileTest, CreditsWhatTheChannelHasAndWeHaveNot) {
  start_payment();
  const std::string open = wish("alpha", 500, "waiting", kDatabases - 1), closed = wish("beta", 600, "closed");
  execute("UPDATE payments SET created_at = now() - interval '1 minute'");
  partners_->plant(trade_of(open, "alpha", 500));
  partners_->plant(trade_of(closed, "beta", 600));
  EXPECT_EQ(differences(run()), (std::set<std::string>{"alpha long charge " + open + "-alpha 0 500 cured",
                                                       "beta long charge " + closed + "-beta 0 600 cured"}));
  EXPECT_EQ(count("paid"), 1);
  EXPECT_TRUE(wait_until([&] { return partners_->kept_cents(closed) == 0; }));
  EXPECT_EQ(partners_->kept_cents(open), 500);
}

TEST_F(ReconcileTest, ClosesADifferenceThatIsGoneWhenLookedAtAgain) {
  start_payment();
  const std::string late = paid("alpha", 500);
  partners_->forget(late + "-alpha");
  EXPECT_EQ(differences(run()), std::set<std::string>{"alpha short charge " + late + "-alpha 500 0 open"});
  partners_->plant(trade_of(late, "alpha", 500));  // their books were late
  EXPECT_EQ(differences(run()), std::set<std::string>{"alpha short charge " + late + "-alpha 500 0 cured"});
}

TEST_F(ReconcileTest, ComparesTheWindowAgainWhenTheChannelDidNotAnswer) {
  start_payment();
  const std::string gone = paid("alpha", 500);
  partners_->forget(gone + "-alpha");
  partners_->set_down(true);
  const auto first = run();
  EXPECT_NE(first["trouble"].text().find("alpha"), std::string::npos);
  EXPECT_EQ(differences(first), std::set<std::string>());  // no answer is no finding
  partners_->set_down(false);
  EXPECT_EQ(differences(run()).size(), 1U);
}

TEST_F(ReconcileTest, RunsByItselfAndLeavesWhatIsOnItsWay) {
  const std::string on_its_way = wish("alpha", 500, "waiting");
  execute(
      "UPDATE payments SET created_at = now() + interval '1 hour'");  // young, however long the first run takes to come
  partners_->plant(trade_of(on_its_way, "alpha", 500));
  start_payment([](ops::NodeConfig& c) {
    c.options["reconcile_every_s"] = "1";
    c.options["reconcile_settle_s"] = "3";
  });
  EXPECT_TRUE(
      wait_until([&] { return as_buyer(url_, "b1", "GET", "/ops/reconciliation").json["runs"].integer() >= 1; }));
  EXPECT_EQ(count("paid"), 0);
}

}  // namespace
}  // namespace platform::services_test
