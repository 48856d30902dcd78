// Misbehaviour as data: each key does what it says, on the native dialect; the core is the same for all.
#include "harness/partners/behaviour.hpp"

#include <atomic>
#include <map>
#include <set>

#include "tests/unit/partners/bank.hpp"

namespace cardstorm {
namespace {

TEST(ParsePartner, ReadsNameDialectAndKeys) {
  const PartnerSpec spec =
      parse_partner("wx=wechat,duplicate=0.1,late_after=5m,schedule=15s/1m,notify=http://shop/n?a=b").value();
  EXPECT_EQ(spec.name, "wx");
  EXPECT_EQ(spec.dialect, "wechat");
  EXPECT_EQ(spec.behaviour.duplicate, 0.1);
  EXPECT_EQ(spec.behaviour.late_after, 5min);
  EXPECT_EQ(spec.behaviour.schedule, (std::vector<Nanos>{15s, 1min}));
  EXPECT_EQ(spec.behaviour.notify, "http://shop/n?a=b");
  EXPECT_EQ(parse_partner("alpha").value().dialect, "native");
  EXPECT_EQ(parse_partner("a,schedule=none").value().behaviour.schedule, std::vector<Nanos>{});
}

TEST(ParsePartner, NamesAllMistakesAtOnce) {
  const auto bad =
      parse_partner("W X=wechat,duplicat=0.1,early=2,late_after=5,drop,drop=0.1,drop=0.2,price=1e3,order_from=sky");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::invalid);
  for (const char* part : {"plain name", "did you mean 'duplicate'", "'early'", "'late_after'", "'drop' has no value",
                           "'drop' is there twice", "'price'", "'order_from'"})
    EXPECT_NE(bad.error().what.find(part), std::string::npos) << part << " in " << bad.error().what;
}

TEST(ParsePartner, WantsAnAddressForNotifies) {
  EXPECT_FALSE(parse_partner("wx=wechat,notify=shop"));
  EXPECT_TRUE(parse_partner("wx=wechat,notify=https://shop/n"));
}

struct Misbehaving : Bank {
  Json notify_body(Receiver& shop, std::size_t at) { return Json::parse(shop.seen()[at].body).value(); }
};

TEST_F(Misbehaving, UnknownDialectsAndDoubleNamesAreRefused) {
  take_channel("gamma=paypal");
  take_supplier("alpha=native");
  const auto started = start_partners(setup);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().what.find("paypal"), std::string::npos);
  EXPECT_NE(started.error().what.find("'alpha' is there twice"), std::string::npos);
}

TEST_F(Misbehaving, KeysThatWouldChangeNothingAreRefused) {
  take_channel("gamma=easypay,fail=0.5,late=0.1");
  take_supplier("up=hmac,early=0.2,unseen=0.1");
  const auto started = start_partners(setup);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().what.find("'gamma': 'fail' is for suppliers"), std::string::npos) << started.error().what;
  EXPECT_NE(started.error().what.find("'up': 'early' is for channels"), std::string::npos) << started.error().what;
  for (const char* fits : {"'late'", "'unseen'"})
    EXPECT_EQ(started.error().what.find(fits), std::string::npos) << started.error().what;
}

TEST_F(Misbehaving, EarlyNotifiesComeBeforeTheAnswer) {
  Receiver shop;
  take_channel("alpha=native,early=1");
  shop.keep_back();
  open();
  std::atomic<bool> answered{false};
  std::thread buyer([&] {
    EXPECT_EQ(pay("t1", 500, shop.url()).status, 200);
    answered = true;
  });
  EXPECT_TRUE(shop.wait_for(1));
  EXPECT_FALSE(answered);  // the answer waits for the notify
  shop.release();
  buyer.join();
}

TEST_F(Misbehaving, LostAndSilentNotifies) {
  Receiver shop;
  take_channel("alpha=native,drop=1,schedule=1s");
  take_channel("beta=native,silent=1");
  open();
  pay("t1", 500, shop.url());
  ASSERT_TRUE(wait_for_lines("alpha", "notify", 2));
  EXPECT_EQ(lines("alpha", "notify")[0]["status"].integer(), 0);
  call("POST", "/channel/beta/pay",
       Json::object({{"out_trade_no", "t2"}, {"order", "o"}, {"amount_cents", 5}, {"notify_url", shop.url()}}).dump());
  ASSERT_TRUE(wait_for_lines("beta", "charged", 1));
  EXPECT_TRUE(lines("beta", "notify").empty());
  EXPECT_TRUE(shop.seen().empty());
}

TEST_F(Misbehaving, MessagesAreOvertaken) {
  Receiver shop;
  take_channel("alpha=native,reorder=1");
  open();
  pay("t1", 500, shop.url());
  ASSERT_TRUE(shop.wait_for(1));  // nothing overtook it: it went out after its wait
  ASSERT_TRUE(wait_for_lines("alpha", "notify", 1));
  EXPECT_GE(lines("alpha", "notify")[0]["mono_ns"].integer() - lines("alpha", "charged")[0]["mono_ns"].integer(),
            Nanos(450ms).count());
  pay("t2", 500, shop.url());
  ASSERT_TRUE(wait_for_lines("alpha", "charged", 2));
  pay("t3", 500, shop.url());
  ASSERT_TRUE(shop.wait_for(3));
}

TEST_F(Misbehaving, LatePayersAndCloseCallsThatThePaymentOvertakes) {
  Receiver shop;
  take_channel("alpha=native,late=1,late_after=10h,after_close=1");
  open();
  pay("t1", 500, shop.url());
  EXPECT_EQ(call("POST", "/channel/alpha/close", R"({"out_trade_no":"t1"})").body["code"].string(), "already_paid");
  EXPECT_TRUE(shop.wait_for(1));
  EXPECT_EQ(lines("alpha", "charged").size(), 1U);
  EXPECT_TRUE(lines("alpha", "trade_closed").empty());
}

TEST_F(Misbehaving, ForgedNotifiesComeBeforeTheCharge) {
  Receiver shop([](int) { return ServerResponse{403, "no"}; });
  take_channel("alpha=native,hostile=1,schedule=none");
  open();
  for (int i = 0; i < 24; ++i) pay("t" + std::to_string(i), 500, shop.url());
  ASSERT_TRUE(wait_for_lines("alpha", "notify", 24));
  ASSERT_TRUE(wait_for_lines("alpha", "hostile", 24));
  std::map<std::string, int> tricks;
  for (const Json& line : lines("alpha", "hostile")) ++tricks[line["trick"].string()];
  EXPECT_EQ(tricks.size(), 4U);
  int wrong_signature = 0, wrong_amount = 0, wrong_channel = 0;
  for (const ServerRequest& notify : shop.seen()) {
    const Json body = Json::parse(notify.body).value();
    wrong_signature += partners::is_signed("key", notify) ? 0 : 1;
    wrong_amount += body["amount_cents"].integer() == 500 ? 0 : 1;
    wrong_channel += body["channel"].string() == "alpha" ? 0 : 1;
  }
  EXPECT_EQ(wrong_signature, tricks["bad_signature"] + tricks["foreign_order"]);
  EXPECT_EQ(wrong_amount, tricks["wrong_amount"]);
  EXPECT_EQ(wrong_channel, tricks["wrong_merchant"]);
}

TEST_F(Misbehaving, QueriesThatAreNeverAnswered) {
  take_channel("alpha=native,lose_query=1");
  open();
  pay("t1");
  const std::string path = "/channel/alpha/pay?out_trade_no=t1", now = partners::timestamp_text();
  EXPECT_EQ(fetch({"GET",
                   url(path),
                   "",
                   {{"X-Timestamp", now}, {"X-Sign", partners::signature("key", "GET", path, now, "")}},
                   300ms})
                .cause,
            Cause::timeout);
  EXPECT_EQ(pay("t1").status, 200);
}

TEST_F(Misbehaving, NotifiesGoWhereTheOperatorSays) {
  Receiver shop;
  take_channel("alpha=native,notify=" + shop.root() + "/elsewhere");
  open();
  pay("t1", 500, "http://127.0.0.1:1/none");
  ASSERT_TRUE(shop.wait_for(1));
  EXPECT_EQ(shop.seen()[0].path, "/elsewhere");
}

TEST_F(Misbehaving, TheSameSeedMisbehavesAlike) {
  take_channel("alpha=native,silent=0.5");
  std::set<std::string> told[2];
  for (auto& mine : told) {
    open();
    for (int i = 0; i < 20; ++i) {
      pay("t" + std::to_string(i));
      ASSERT_TRUE(wait_for_lines("alpha", "charged", static_cast<std::size_t>(i) + 1));
    }
    // What the other channel tells, and tells again, goes the same way after everything that alpha tells.
    call("POST", "/channel/beta/pay",
         Json::object(
             {{"out_trade_no", "last"}, {"order", "o"}, {"amount_cents", 5}, {"notify_url", "http://127.0.0.1:1/none"}})
             .dump());
    ASSERT_TRUE(wait_for_lines("beta", "notify", 2));
    bank.reset();
    for (const Json& line : lines("alpha", "notify")) mine.insert(line["order"].string());
    for (const char* name : {"alpha", "beta", "topup"}) fs::remove(setup.journal_dir + "/" + name + ".jsonl");
  }
  EXPECT_FALSE(told[0].empty());
  EXPECT_LT(told[0].size(), 20U);
  EXPECT_EQ(told[0], told[1]);
}

TEST(Cents, AreReadWithoutRounding) {
  using partners::cents_of;
  EXPECT_EQ(cents_of("1"), 100);
  EXPECT_EQ(cents_of("0.1"), 10);
  EXPECT_EQ(cents_of("0.01"), 1);
  EXPECT_EQ(cents_of("1234567890.99"), 123'456'789'099);
  for (const char* text :
       {"", "0", "0.00", ".1", "1.", "1.234", "-1", "+1", "1e3", " 1", "1 ", "1,0", "0x1", "12345678901"})
    EXPECT_EQ(cents_of(text), std::nullopt) << text;
}

}  // namespace
}  // namespace cardstorm
