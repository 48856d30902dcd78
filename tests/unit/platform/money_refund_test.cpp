// Refunds at the channels: accepted is not done, one number for ever, parts, several per order, and what people must
// look at.
#include "tests/unit/platform/money_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

TEST_F(MoneyTest, RefundsInPartsAndTellsTheOrderOfEach) {
  start_payment();
  const std::string no = paid("alpha", 1000, kDatabases - 1);
  want_refund(no, "alpha", no + "-r1", 300);
  want_refund(no, "alpha", no + "-r2", 200);
  EXPECT_TRUE(wait_until([&] { return count("refunded") == 2; }));
  EXPECT_EQ(partners_->kept_cents(no), 500);
  std::set<std::string> bodies;
  const auto rows = db_of(no).take()->run("SELECT body FROM outbox WHERE topic = 'refunded'");
  for (int i = 0; i < rows.size(); ++i) bodies.insert(std::string(rows.text(i, 0)));
  EXPECT_EQ(bodies, (std::set<std::string>{R"({"refund_no":")" + no + R"(-r1","amount_cents":300})",
                                           R"({"refund_no":")" + no + R"(-r2","amount_cents":200})"}));
}

TEST_F(MoneyTest, TakesAnAcceptedRefundForNothingUntilTheChannelSaysDone) {
  start_payment();
  partners_->refunds_pending = true;
  const std::string no = paid("beta", 1000);
  want_refund(no, "beta", no + "-r1", 1000);
  EXPECT_TRUE(
      wait_until([&] { return number("SELECT count(*) FROM refunds WHERE state = 'accepted' AND asked >= 2") == 1; }));
  EXPECT_EQ(count("refunded"), 0);
  EXPECT_EQ(partners_->kept_cents(no), 1000);
  partners_->settle_refunds(true);
  EXPECT_TRUE(wait_until([&] { return count("refunded") == 1; }));
  EXPECT_EQ(partners_->kept_cents(no), 0);
  EXPECT_EQ(partners_->refund_count(), 1);
}

TEST_F(MoneyTest, TriesAFailedRefundAgainUnderItsNumber) {
  start_payment();
  partners_->refunds_pending = true;
  const std::string no = paid("beta", 1000);
  want_refund(no, "beta", no + "-r1", 400);
  ASSERT_TRUE(wait_until([&] { return number("SELECT count(*) FROM refunds WHERE state = 'accepted'") == 1; }));
  partners_->refunds_pending = false;
  partners_->settle_refunds(false);
  EXPECT_TRUE(wait_until([&] { return count("refunded") == 1; }));
  EXPECT_EQ(partners_->kept_cents(no), 600);
  EXPECT_EQ(partners_->refund_count(), 1);
  EXPECT_EQ(number("SELECT coalesce(sum(failed), 0) FROM refunds"), 1);
}

TEST_F(MoneyTest, RefundsOnceWhenTheAnswersAreLost) {
  start_payment();
  partners_->lost_refund_answers = 2;
  const std::string no = paid("alpha", 1000);
  want_refund(no, "alpha", no + "-r1", 300);
  EXPECT_TRUE(wait_until([&] { return count("refunded") == 1; }));
  EXPECT_EQ(partners_->kept_cents(no), 700);
  EXPECT_EQ(partners_->refund_count(), 1);
}

TEST_F(MoneyTest, ShowsWhatIsStuckToPeopleAndTriesAgainWhenTheySay) {
  start_payment();
  const std::string no = paid("alpha", 1000);
  want_refund(no, "alpha", no + "-r1", 1500);  // more than was charged
  ASSERT_TRUE(wait_until([&] { return number("SELECT count(*) FROM refunds WHERE state = 'stuck'") == 1; }));
  const auto shown = as_buyer(url_, "b1", "GET", "/ops/reconciliation");
  ASSERT_EQ(shown.json["stuck_refunds"].items().size(), 1U) << shown.body;
  EXPECT_EQ(shown.json["stuck_refunds"].items()[0]["trouble"].text(), "exceeds");
  EXPECT_EQ(shown.json["stuck_refunds"].items()[0]["refund_no"].text(), no + "-r1");
  EXPECT_EQ(count("refunded"), 0);
  execute("UPDATE refunds SET amount_cents = 1000");
  EXPECT_EQ(as_buyer(url_, "b1", "POST", "/ops/refunds/" + no + "-r1/retry").status, 200);
  EXPECT_TRUE(wait_until([&] { return count("refunded") == 1; }));
  EXPECT_EQ(as_buyer(url_, "b1", "POST", "/ops/refunds/" + no + "-r1/retry").status, 404);
  EXPECT_EQ(as_buyer(url_, "b1", "POST", "/ops/refunds/none/retry").status, 404);
}

}  // namespace
}  // namespace platform::services_test
