// Delivery by class: cards in turns, top-ups, memberships and equipment by suppliers that fail in every way they know.
#include "tests/unit/platform/goods_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using Does = FakeSuppliers::Does;

const std::map<std::string, std::string> kAll = {{"suppliers", "topup,topup2,members,truck"}};

TEST_F(Goods, DeliversTheCardsOfAnOrderOnceAndAll) {
  start_goods();
  const std::string no = paid("b1", "steam-50", 7);
  EXPECT_TRUE(ends(no, "delivered"));
  EXPECT_EQ(given(no), 7);
  tell_delivery(no);  // the message comes again
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM outbox WHERE topic = 'deliver'") == 0; }));
  EXPECT_EQ(given(no), 7);
  EXPECT_EQ(number("SELECT count(*) FROM deliveries"), 7);
  EXPECT_EQ(text("SELECT DISTINCT mark || ' ' || left(trace, 35) FROM outbox WHERE topic = 'delivered'"),
            "m1 00-0af7651916cd43dd8448eb211c80319c");
}

TEST_F(Goods, GivesNothingOfAnOrderWhoseCardsAreNotAllThere) {
  const std::string no = paid("b1", "steam-50", 3);
  db_of(no).take()->run("UPDATE cards SET order_no = NULL WHERE id = (SELECT min(id) FROM cards WHERE order_no = $1)",
                        {no});
  start_goods();
  EXPECT_TRUE(ends(no, "undeliverable"));
  EXPECT_EQ(number("SELECT count(*) FROM deliveries"), 0);
}

// 500 cards go in chunks, and everybody else's one card does not wait for them.
TEST_F(Goods, ABulkOrderDoesNotMakeOthersWait) {
  std::vector<std::string> bulk, small;
  for (int i = 0; i < 3; ++i) bulk.push_back(paid("big", "qcoin-10", kDatabases > 1 ? 300 : 500));
  for (int i = 0; i < 60; ++i) bulk.push_back(paid("big", "qcoin-10", 1));
  const auto database_of = [&](const std::string& buyer) {
    return shards_->database_of({store::partition_of(buyer), false});
  };
  for (int i = 0; small.size() < 10; ++i) {
    const std::string buyer = "b" + std::to_string(i);
    if (database_of(buyer) == database_of("big")) small.push_back(paid(buyer, "steam-50"));
  }
  start_goods();
  for (const auto& no : bulk) EXPECT_TRUE(ends(no, "delivered")) << no;
  for (const auto& no : small) EXPECT_TRUE(ends(no, "delivered")) << no;
  // Messages are numbered as they are written: all the small ones were through before the last of the large ones.
  const auto at = [&](const std::string& no) {
    return db_of(no)
        .take()
        ->run("SELECT id FROM outbox WHERE order_no = $1 AND topic = 'delivered'", {no})
        .number(0, 0);
  };
  std::int64_t last_small = 0, last_large = 0;
  for (const auto& no : small) last_small = std::max(last_small, at(no));
  for (int i = 0; i < 3; ++i) last_large = std::max(last_large, at(bulk[static_cast<std::size_t>(i)]));
  EXPECT_LT(last_small, last_large);
  EXPECT_EQ(given(bulk.front()), kDatabases > 1 ? 300 : 500);
}

TEST_F(Goods, ADatabaseThatIsHeldDoesNotStopTheOther) {
  if (kDatabases < 2) GTEST_SKIP() << "needs two databases";
  std::string there, here;
  for (int i = 0; there.empty() || here.empty(); ++i) {
    const std::string buyer = "b" + std::to_string(i);
    (shards_->database_of({store::partition_of(buyer), false}) == 0 ? here : there) = buyer;
  }
  const std::string stuck = paid(here, "phone-30", 1, "13800000000"), goes = paid(there, "phone-30", 1, "13800000000"),
                    card = paid(there, "steam-50");
  const auto lock = store::connect(database_urls_[0]);
  lock->begin();
  lock->run("LOCK TABLE outbox, supplies IN ACCESS EXCLUSIVE MODE");
  start_goods(kAll);
  EXPECT_TRUE(ends(goes, "delivered"));
  EXPECT_TRUE(ends(card, "delivered"));
  lock->rollback();
  EXPECT_TRUE(ends(stuck, "delivered"));
}

TEST_F(Goods, AsksEachPartnerForItsClassAndTellsTheirReceipts) {
  start_goods(kAll);
  const std::string topup = paid("b1", "phone-30", 1, "13800000000"), member = paid("b1", "video-month"),
                    sword = paid("b1", "sword-rare", 4);
  for (const auto& no : {topup, member, sword}) EXPECT_TRUE(ends(no, "delivered")) << no;
  EXPECT_EQ(told_body(topup)["receipt"].text(), topup + "-topup");
  EXPECT_EQ(told_body(sword)["receipt"].text(), sword + "-truck");
  EXPECT_TRUE(told_body(member)["receipt"].text().starts_with("M-"));
  for (const auto& no : {topup, member, sword}) EXPECT_TRUE(told_body(no)["refund_cents"].is_null());
  EXPECT_EQ(suppliers_.orders("topup").size() + suppliers_.orders("members").size() + suppliers_.orders("truck").size(),
            3U);
  for (const auto& mark : suppliers_.marks()) EXPECT_EQ(mark, "m1");
}

TEST_F(Goods, MakesReceiptsItselfWhereNoPartnerIsListed) {
  start_goods();
  const std::string member = paid("b1", "video-month"), sword = paid("b1", "sword-rare");
  EXPECT_TRUE(ends(member, "delivered"));
  EXPECT_TRUE(ends(sword, "delivered"));
  EXPECT_TRUE(told_body(sword)["receipt"].text().starts_with("E-"));
  EXPECT_TRUE(suppliers_.orders("members").empty());
}

TEST_F(Goods, DeliversThePartAndPaysBackTheRest) {
  suppliers_.does("topup", Does::part);
  suppliers_.does("truck", Does::part);
  start_goods({{"suppliers", "topup,truck"}});
  const std::string topup = paid("b1", "phone-30", 1, "13800000000"), sword = paid("b1", "sword-rare", 4, "", 35'201);
  EXPECT_TRUE(ends(topup, "delivered"));
  EXPECT_EQ(told_body(topup)["refund_cents"].integer(), 2000);
  EXPECT_TRUE(ends(sword, "delivered"));
  EXPECT_EQ(told_body(sword)["refund_cents"].integer(),
            35'201 - 35'201 / 4);  // the cent that does not divide is the buyer's
}

TEST_F(Goods, GoesToTheSecondSupplierOnlyWhenTheFirstSurelyDidNot) {
  suppliers_.does("topup", Does::fail);
  start_goods(kAll);
  const std::string failed = paid("b1", "phone-30", 1, "13800000000");
  EXPECT_TRUE(ends(failed, "delivered"));
  EXPECT_EQ(told_body(failed)["receipt"].text(), failed + "-topup2");
  suppliers_.does("topup", Does::refuse);
  const std::string refused = paid("b1", "phone-30", 1, "13800000000");
  EXPECT_TRUE(ends(refused, "delivered"));
  EXPECT_EQ(told_body(refused)["receipt"].text(), refused + "-topup2");
  suppliers_.does("topup", Does::lose_answer);  // it has delivered, and nobody hears of it
  const std::string lost = paid("b1", "phone-30", 1, "13800000000");
  EXPECT_TRUE(ends(lost, "delivered"));
  EXPECT_EQ(told_body(lost)["receipt"].text(), lost + "-topup");
  EXPECT_FALSE(suppliers_.orders("topup2").contains(lost + "-topup2"));
}

TEST_F(Goods, PaysBackWhenNoSupplierDelivers) {
  suppliers_.does("topup", Does::fail);
  suppliers_.does("topup2", Does::fail);
  start_goods(kAll);
  const std::string no = paid("b1", "phone-30", 1, "13800000000");
  EXPECT_TRUE(ends(no, "undeliverable"));
}

// Five hanging calls open the breaker; what was never sent goes to the second supplier; what was sent stays where it
// is.
TEST_F(Goods, ASupplierThatHangsLosesItsTurnAndNothingElse) {
  suppliers_.does("topup", Does::hang);
  start_goods(kAll);
  std::vector<std::string> orders;
  for (int i = 0; i < 14; ++i) orders.push_back(paid("b" + std::to_string(i), "phone-30", 1, "13800000000"));
  const std::string member = paid("b1", "video-month");
  EXPECT_TRUE(ends(member, "delivered", 2s));
  EXPECT_TRUE(wait_until([&] { return suppliers_.orders("topup2").size() >= 6; }));
  EXPECT_EQ(number("SELECT count(*) FROM supplies a JOIN supplies b ON a.order_no = b.order_no WHERE a.supplier = "
                   "'topup' AND b.supplier = 'topup2' AND a.state <> 'dropped'"),
            0);
  suppliers_.does("topup", Does::deliver);
  for (const auto& no : orders) EXPECT_TRUE(ends(no, "delivered", 25s)) << no;
  for (const auto& no : orders)
    EXPECT_EQ(suppliers_.orders("topup").contains(no + "-topup") ? 1 : 0,
              suppliers_.orders("topup2").contains(no + "-topup2") ? 0 : 1);
}

TEST_F(Goods, AcceptedIsNotDone) {
  suppliers_.does("topup", Does::nothing);
  start_goods({{"suppliers", "topup"}});
  const std::string no = paid("b1", "phone-30", 1, "13800000000");
  EXPECT_TRUE(wait_until([&] { return text("SELECT state FROM supplies") == "accepted"; }));
  EXPECT_TRUE(wait_until([&] { return suppliers_.calls("GET topup/order") >= 1; }));
  EXPECT_EQ(told(no), "");
}

TEST_F(Goods, TakesBackWhatWasDelivered) {
  start_goods(kAll);
  const std::string member = paid("b1", "video-month"), sword = paid("b1", "sword-rare");
  for (const auto& no : {member, sword}) {
    ASSERT_TRUE(ends(no, "delivered"));
    tell_delivery(no, "revoke");
  }
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM supplies WHERE state = 'revoked'") == 2; }));
  EXPECT_EQ(suppliers_.orders("members")[member + "-members"], "REVOKED");
  EXPECT_EQ(suppliers_.orders("truck")[sword + "-truck"], "REVOKED");
}

TEST_F(Goods, ARevokeThatOvertakesItsDeliveryKeepsItFromHappening) {
  start_goods(kAll);
  const std::string no = paid("b1", "video-month");
  ASSERT_TRUE(ends(no, "delivered"));
  const int before = suppliers_.calls("POST members/order");
  db_of(no).take()->run("DELETE FROM supplies");
  tell_delivery(no, "revoke");
  EXPECT_TRUE(wait_until([&] { return text("SELECT state FROM supplies") == "revoked"; }));
  tell_delivery(no);  // the late doing
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM outbox WHERE topic = 'deliver'") == 0; }));
  EXPECT_EQ(suppliers_.calls("POST members/order"), before);
}

TEST_F(Goods, BelievesOnlySignedWordsOfSuppliersAndEachOnce) {
  suppliers_.does("topup", Does::nothing);
  start_goods({{"suppliers", "topup"}});
  const std::string no = paid("b1", "phone-30", 1, "13800000000"), number_ = no + "-topup";
  ASSERT_TRUE(wait_until([&] { return text("SELECT state FROM supplies") == "accepted"; }));
  const auto notify = [&](const std::string& key, const std::string& body) {
    return services::partner_call({delivery_, key}, "POST", "/notify/topup", body, "", {1s, 3s});
  };
  const auto said = [&](const std::string& status, const std::string& of = "") {
    return R"({"request_no":")" + number_ + R"(","order":")" + (of.empty() ? no : of) + R"(","status":")" + status +
           R"(","delivered_cents":3000,"notify_no":"n"})";
  };
  EXPECT_EQ(notify("wrong", said("SUCCESS")).status, 401);
  for (const std::string& bad : {std::string("{"), std::string("[]"), std::string("7"), said("DONE"), said(""),
                                 said("SUCCESS", "x"), std::string(R"({"request_no":7,"status":"SUCCESS"})"),
                                 std::string(R"({"request_no":"H0nobody-topup","status":"SUCCESS"})"),
                                 std::string(R"({"request_no":"H0'; DROP TABLE orders; --","status":"SUCCESS"})"),
                                 std::string(R"({"request_no":")") + no + R"(-topup","status":"PARTIAL"})"})
    EXPECT_GE(notify(kKey, bad).status, 400) << bad;
  EXPECT_EQ(told(no), "");
  EXPECT_EQ(notify(kKey, said("SUCCESS")).body, "success");
  EXPECT_EQ(told(no), "delivered");
  EXPECT_EQ(notify(kKey, said("SUCCESS")).body, "success");
  EXPECT_EQ(notify(kKey, said("FAILED")).body, "success");  // too late to be true
  EXPECT_EQ(told(no), "delivered");
  EXPECT_EQ(as_buyer(delivery_, "x", "GET", "/notify/topup").status, 404);
}

}  // namespace
}  // namespace platform::services_test
