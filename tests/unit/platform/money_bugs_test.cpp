// The planted bugs of the payment service: each bites when it is on, and nothing of the kind happens when it is off.
#include "reference_platform/services/payment_book.hpp"
#include "tests/unit/platform/money_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using domain::Bug;

domain::Switches only(Bug bug, bool on) {
  domain::Switches s;
  s.set(bug, on);
  return s;
}

// Two copies at the same time: both have looked when the first one writes. A lock on the payment's row makes that
// certain.
TEST_F(MoneyTest, B02CreditsTwiceForTwoCopies) {
  for (const bool on : {false, true}) {
    const std::string no = wish("alpha", 500, "waiting");
    const services::Charge charge{"alpha", no + "-alpha", "t-" + no, no, 500};
    const auto gate = store::connect(database_urls_.front());
    gate->begin();
    gate->run("SELECT 1 FROM payments WHERE order_no = $1 FOR UPDATE", {no});
    std::vector<std::thread> copies;
    for (int i = 0; i < 2; ++i) {
      copies.emplace_back(
          [&] { services::record_charge(*store::connect(database_urls_.front()), charge, only(Bug::B02, on)); });
    }
    EXPECT_TRUE(wait_until([&] {
      return number(
                 "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = "
                 "'Lock'") == 2;
    }));
    gate->commit();
    for (auto& c : copies) c.join();
    EXPECT_EQ(db_of(no).take()->run("SELECT count(*) FROM outbox WHERE order_no = $1", {no}).number(0, 0), on ? 2 : 1);
  }
}

// The node is killed between its answer and what the answer promised: nobody tells it again.
TEST_F(MoneyTest, B03LosesAnAnsweredPaymentInACrash) {
  for (const bool on : {false, true}) {
    const std::string no = wish("alpha", 500, "waiting");
    execute("UPDATE payments SET next_at = now() + interval '1 h' WHERE state = 'waiting'");  // nobody asks meanwhile
    partners_->plant(trade_of(no, "alpha", 500));
    auto c = config("payment", "payment", "hardened");
    c.switches.set(Bug::B03, on);
    url_ = "http://127.0.0.1:" + std::to_string(c.port);
    const auto gate = store::connect(database_urls_.front());
    gate->begin();
    gate->run("LOCK TABLE charges IN EXCLUSIVE MODE");  // the commit takes its time
    auto process = spawn(c);
    ASSERT_TRUE(wait_until(
        [&] {
          return edge::call("GET", "http://127.0.0.1:" + std::to_string(c.admin_port) + "/ready", "", {},
                            {100ms, 500ms})
                     .status == 200;
        },
        20s));
    const auto answer = services::partner_call({url_, kKey}, "POST", "/notify/alpha",
                                               notify_body(no, "alpha", 500, "T-" + no), "", {1s, on ? 5000ms : 500ms});
    EXPECT_EQ(answer.body == "success", on);
    const auto waiting = [&] {
      return number(
          "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");
    };
    wait_until([&] { return waiting() == 1; }, 3s);  // it has got as far as its commit, or its second for that is over
    process.signal(9);
    process.wait(5s);
    execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type "
        "= 'Lock'");  // and its statement with it
    EXPECT_TRUE(wait_until([&] { return waiting() == 0; }));
    gate->rollback();
    execute(
        "UPDATE payments SET next_at = next_at - interval '1 h' WHERE state = 'waiting'");  // an hour later; infinity
                                                                                            // stays what it is
    c.switches.set(Bug::B03, false);  // whoever comes next finds only what is written down
    c.name = "next";
    start(c);
    EXPECT_EQ(
        wait_until(
            [&] {
              return db_of(no).take()->run("SELECT count(*) FROM outbox WHERE order_no = $1", {no}).number(0, 0) == 1;
            },
            on ? 1500ms : 8000ms),
        !on);
    stop_all();
  }
}

TEST_F(MoneyTest, B05SellsEverythingForOneCent) {
  for (const bool on : {false, true}) {
    const std::string no = wish("alpha", 500, "waiting");
    const services::Charge cheap{"alpha", no + "-alpha", "t-" + no, no, 1};
    EXPECT_EQ(services::record_charge(*db_of(no).take(), cheap, only(Bug::B05, on)).credit,
              on ? services::Credit::credited : services::Credit::wrong_amount);
    EXPECT_EQ(count("paid"), on ? 1 : 0);
  }
}

TEST_F(MoneyTest, B06TakesAPaymentToAnotherMerchantForOurs) {
  for (const bool on : {false, true}) {
    start_payment([on](ops::NodeConfig& c) { c.switches.set(Bug::B06, on); });
    const std::string no = wish("alpha", 500, "waiting");
    std::string body = notify_body(no, "alpha", 500, "t-" + no);
    body.replace(body.find("\"alpha\""), 7, "\"nobody\"");  // as harness/partners' trick wrong_merchant
    EXPECT_EQ(tell("alpha", body).status, on ? 200 : 400);
    EXPECT_EQ(count("paid"), on ? 1 : 0);
    stop_all();
  }
}

TEST_F(MoneyTest, B09KeepsTheMoneyOfALatePayer) {
  for (const bool on : {false, true}) {
    const std::string no = wish("alpha", 500, "closed");
    const services::Charge late{"alpha", no + "-alpha", "t-" + no, no, 500};
    EXPECT_EQ(services::record_charge(*db_of(no).take(), late, only(Bug::B09, on)).credit, services::Credit::surplus);
    EXPECT_EQ(db_of(no).take()->run("SELECT count(*) FROM refunds WHERE order_no = $1", {no}).number(0, 0), on ? 0 : 1);
  }
}

TEST_F(MoneyTest, B17RefundsTwiceWhenTheFirstAnswerIsLost) {
  for (const bool on : {false, true}) {
    start_payment([on](ops::NodeConfig& c) { c.switches.set(Bug::B17, on); });
    partners_->lost_refund_answers = 1;
    const std::string no = paid("alpha", 1000);
    want_refund(no, "alpha", no + "-r1", 300);
    EXPECT_TRUE(wait_until([&] {
      return db_of(no).take()->run("SELECT count(*) FROM outbox WHERE order_no = $1", {no}).number(0, 0) == 1;
    }));
    EXPECT_EQ(partners_->kept_cents(no), on ? 400 : 700);
    stop_all();
  }
}

TEST_F(MoneyTest, B18CallsAnAcceptedRefundDone) {
  for (const bool on : {false, true}) {
    start_payment([on](ops::NodeConfig& c) { c.switches.set(Bug::B18, on); });
    partners_->refunds_pending = true;
    const std::string no = paid("beta", 1000);
    want_refund(no, "beta", no + "-r1", 1000);
    const auto told = [&] {
      return db_of(no).take()->run("SELECT count(*) FROM outbox WHERE order_no = $1", {no}).number(0, 0);
    };
    ASSERT_TRUE(wait_until([&] {
      return db_of(no)
                 .take()
                 ->run("SELECT count(*) FROM refunds WHERE order_no = $1 AND state IN ('accepted','done')", {no})
                 .number(0, 0) == 1;
    }));
    EXPECT_EQ(told(), on ? 1 : 0);
    partners_->refunds_pending = false;
    partners_->settle_refunds(false);
    EXPECT_EQ(wait_until([&] { return partners_->kept_cents(no) == 0; }, on ? 1500ms : 8000ms),
              !on);  // told, and never paid back
    stop_all();
  }
}

TEST_F(MoneyTest, B28RefusesATrueNotifyThatIsSpelledDifferently) {
  for (const bool on : {false, true}) {
    start_payment([on](ops::NodeConfig& c) { c.switches.set(Bug::B28, on); });
    const std::string usual = wish("alpha", 500, "waiting"), spaced = wish("alpha", 500, "waiting");
    EXPECT_EQ(tell("alpha", notify_body(usual, "alpha", 500, "t-" + usual)).status, 200);
    std::string body = notify_body(spaced, "alpha", 500, "t-" + spaced);
    body.insert(1, " ");
    EXPECT_EQ(tell("alpha", body).status, on ? 401 : 200);
    EXPECT_EQ(db_of(spaced).take()->run("SELECT count(*) FROM outbox WHERE order_no = $1", {spaced}).number(0, 0),
              on ? 0 : 1);
    stop_all();
  }
}

}  // namespace
}  // namespace platform::services_test
