// EasyPay over real sockets: what a shop's own code would sign, read and answer.
#include "tests/unit/partners/bank.hpp"

namespace cardstorm {
namespace {

using partners::Params;

/// The rule of the family, written down a second time: sorted, without empty values, key at the end.
std::string md5_of(const Params& params, const std::string& key) {
  std::string text;
  for (const auto& [name, value] : params)
    if (!value.empty() && name != "sign" && name != "sign_type") text += (text.empty() ? "" : "&") + name + "=" + value;
  return md5_hex(text + key);
}

struct EasyPayTest : Bank {
  EasyPayTest() { take_channel("alpha=easypay"); }

  Params wanted(const std::string& number, const std::string& notify, const std::string& money = "5.00") const {
    return {{"pid", "1001"},
            {"type", "alipay"},
            {"out_trade_no", number},
            {"notify_url", notify},
            {"return_url", "http://shop/return"},
            {"name", "测试 a&b=c+d"},
            {"money", money}};
  }
  Params signed_with(Params params, const std::string& key) const {
    params["sign"] = md5_of(params, key);
    params["sign_type"] = "MD5";
    return params;
  }
  Json mapi(const Params& params) const {
    return Json::parse(post_form("/channel/alpha/mapi.php", params).body).value();
  }
  Json create(const std::string& number, const std::string& notify = "http://127.0.0.1:1/none",
              const std::string& money = "5.00") const {
    return mapi(signed_with(wanted(number, notify, money), key_text("alpha", "secret")));
  }
  Json api(const std::string& act, Params more) const {
    more["act"] = act;
    more["pid"] = "1001";
    more["key"] = key_text("alpha", "secret");
    return Json::parse(ask("GET", "/channel/alpha/api.php?" + partners::form_text(more)).body).value();
  }
  Json duplicate(const std::string& body, const std::string& name = "alpha") const {
    return Json::parse(
               ask("POST", "/control/channel/" + name + "/duplicate", body, {{"X-Control-Token", "token"}}).body)
        .value();
  }
};

TEST(EasyPaySign, MatchesAVectorMadeElsewhere) {
  // printf 'money=1.00&name=card&notify_url=http://a/n&out_trade_no=7&pid=1001&type=alipayKEY' | md5sum
  EXPECT_EQ(md5_hex(partners::sign_text({{"pid", "1001"},
                                         {"type", "alipay"},
                                         {"out_trade_no", "7"},
                                         {"notify_url", "http://a/n"},
                                         {"name", "card"},
                                         {"money", "1.00"},
                                         {"param", ""},
                                         {"sign", "x"},
                                         {"sign_type", "MD5"}},
                                        "sign sign_type") +
                    "KEY"),
            "b5eb7fe948e83530380a95652bacdcaf");
}

TEST_F(EasyPayTest, LivesFromCreateToBill) {
  Receiver shop;
  open();
  const std::string key = key_text("alpha", "secret");
  const Json created = create("t1", shop.root() + "/notify.php?from=pay");
  ASSERT_EQ(created["code"].integer(), 1) << created.dump();
  EXPECT_EQ(api("order", {{"out_trade_no", "t1"}})["money"].string(), "5.00");
  ASSERT_TRUE(shop.wait_for(1));
  const ServerRequest notify = shop.seen()[0];
  EXPECT_EQ(notify.method, "GET");
  Params said = partners::params_of(notify.query);
  EXPECT_EQ(said["from"], "pay");
  said.erase("from");
  EXPECT_EQ(said["sign"], md5_of(said, key));
  EXPECT_EQ(said["trade_status"], "TRADE_SUCCESS");
  EXPECT_EQ(said["money"], "5.00");
  EXPECT_EQ(said["name"], "测试 a&b=c+d");
  EXPECT_EQ(said["out_trade_no"], "t1");
  EXPECT_EQ(said["pid"], "1001");
  EXPECT_EQ(said["trade_no"], created["trade_no"].string());
  EXPECT_EQ(api("order", {{"trade_no", said["trade_no"]}})["status"].integer(), 1);
  EXPECT_EQ(api("order", {{"out_trade_no", "none"}})["code"].integer(), -1);

  EXPECT_EQ(api("refund", {{"out_trade_no", "t1"}, {"money", "2.00"}, {"out_refund_no", "r1"}})["code"].integer(), 1);
  EXPECT_EQ(api("refund", {{"out_trade_no", "t1"}, {"money", "2.00"}, {"out_refund_no", "r1"}})["code"].integer(), 1);
  EXPECT_EQ(api("refund", {{"out_trade_no", "t1"}, {"money", "3.01"}})["code"].integer(), -1);
  EXPECT_EQ(api("refund", {{"trade_no", said["trade_no"]}, {"money", "3"}})["code"].integer(), 1);
  EXPECT_EQ(lines("alpha", "refunded").size(), 2U);
  const Json bill = api("orders", {});
  ASSERT_EQ(bill["data"].items().size(), 1U);
  EXPECT_EQ(bill["data"].items()[0]["refundmoney"].string(), "5.00");
  ASSERT_EQ(lines("alpha", "charged").size(), 1U);
  EXPECT_EQ(lines("alpha", "charged")[0]["amount_cents"].integer(), 500);
  EXPECT_EQ(lines("alpha", "charged")[0]["order"].string(), "t1");
}

TEST_F(EasyPayTest, BillsPagesForThoseWhoAskWithALimit) {
  open();
  for (const char* number : {"t1", "t2", "t3"}) create(number);
  ASSERT_TRUE(wait_for_lines("alpha", "charged", 3));
  EXPECT_EQ(api("orders", {})["count"].integer(), 3);
  EXPECT_EQ(api("orders", {{"limit", "2"}})["count"].integer(), 2);
  EXPECT_EQ(api("orders", {{"limit", "2"}, {"page", "2"}})["data"].items()[0]["out_trade_no"].string(), "t3");
  EXPECT_EQ(api("orders", {{"limit", "2"}, {"page", "3"}})["count"].integer(),
            0);  // whoever turns pages comes to an end
  EXPECT_EQ(api("orders", {{"page", "2"}})["count"].integer(), 0);
  EXPECT_EQ(api("orders", {{"limit", "0"}})["code"].integer(), -1);
}

TEST_F(EasyPayTest, TakesABuyersFormAndShowsAPage) {
  open();
  const auto params = signed_with(wanted("t1", "http://127.0.0.1:1/none"), key_text("alpha", "secret"));
  for (const HttpResponse& page :
       {ask("GET", "/channel/alpha/submit.php?" + partners::form_text(params)), post_form("/submit.php", params)}) {
    EXPECT_EQ(page.status, 200);
    EXPECT_NE(page.body.find("<html"), std::string::npos);
    EXPECT_NE(page.body.find("a&amp;b"), std::string::npos);
    EXPECT_NE(page.body.find("5.00"), std::string::npos);
  }
  ASSERT_TRUE(wait_for_lines("alpha", "charged", 1));
  const std::string pay_url = mapi(params)["payurl"].string();
  EXPECT_NE(fetch({"GET", pay_url, "", {}, 5s}).body.find("5.00"), std::string::npos) << pay_url;
}

TEST_F(EasyPayTest, DoesNothingForWrongSignaturesSumsAndMerchants) {
  open();
  const std::string key = key_text("alpha", "secret");
  auto changed = signed_with(wanted("t1", "http://n"), key);
  changed["money"] = "0.01";
  EXPECT_EQ(mapi(changed)["code"].integer(), -1);
  EXPECT_EQ(mapi(signed_with(wanted("t1", "http://n"), "another key"))["code"].integer(), -1);
  EXPECT_EQ(mapi(wanted("t1", "http://n"))["code"].integer(), -1);
  auto other = wanted("t1", "http://n");
  other["pid"] = "1002";
  EXPECT_EQ(mapi(signed_with(other, key))["code"].integer(), -1);
  for (const char* money : {"", "0", "0.00", "-1", "1.005", "1e2", " 1", "1.", ".5", "1,00", "+1", "99999999999"})
    EXPECT_EQ(mapi(signed_with(wanted("t1", "http://n", money), key))["code"].integer(), -1) << money;
  EXPECT_EQ(Json::parse(ask("GET", "/channel/alpha/api.php?act=order&pid=1001&key=wrong&out_trade_no=t1").body)
                .value()["code"]
                .integer(),
            -1);
  EXPECT_TRUE(lines("alpha", "created").empty());
}

TEST_F(EasyPayTest, ChargesOnceAndRefusesAnotherSum) {
  open();
  const std::string number = create("t1")["trade_no"].string();
  EXPECT_EQ(create("t1")["trade_no"].string(), number);
  EXPECT_EQ(create("t1", "http://127.0.0.1:1/none", "5.01")["code"].integer(), -1);
  ASSERT_TRUE(wait_for_lines("alpha", "charged", 1));
  EXPECT_EQ(lines("alpha", "created").size(), 1U);
}

TEST_F(EasyPayTest, RepeatsUntilTheAnswerIsSuccessAndEndsAfterEightTries) {
  Receiver never([](int) {
    return ServerResponse{200, "<html>success</html>"};
  }),
      third([](int nth) {
        return nth < 3 ? ServerResponse{500, "success"} : ServerResponse{200, " SUCCESS\n"};
      });
  setup.time_scale = 1e7;
  open();
  create("t1", never.root());
  create("t2", third.root());
  ASSERT_TRUE(wait_for_lines("alpha", "notify", 11));
  bank.reset();
  EXPECT_EQ(never.seen().size(), 8U);
  EXPECT_EQ(third.seen().size(), 3U);
  EXPECT_EQ(lines("alpha", "notify").size(), 11U);
}

TEST_F(EasyPayTest, SendsEachMessageOnceWhenTheScheduleSaysSo) {
  Receiver never([](int) { return ServerResponse{500, ""}; });
  take_channel("alpha=easypay,schedule=none");
  setup.time_scale = 1e7;
  open();
  create("t1", never.root());
  ASSERT_TRUE(wait_for_lines("alpha", "notify", 1));
  const Json state = Json::parse(ask("GET", "/control/state", "", {{"X-Control-Token", "token"}}).body).value();
  EXPECT_EQ(state["notifies_open"].integer(), 0);
  EXPECT_EQ(state["channels"].items()[0]["dialect"].string(), "easypay");
}

TEST_F(EasyPayTest, SendsTwoCopiesAtOnceWhileAControlCallAsksForIt) {
  Receiver shop;
  shop.keep_back();
  open();
  EXPECT_EQ(duplicate(R"({"share":1})")["code"].string(), "bad_request");  // no lease
  EXPECT_EQ(duplicate(R"({"share":2,"lease_ms":1000})")["code"].string(), "bad_request");
  EXPECT_EQ(duplicate(R"({"share":1,"lease_ms":60000})")["duplicate_share"].number(), 1);
  create("t1", shop.root());
  EXPECT_TRUE(shop.wait_for(2));
  EXPECT_EQ(shop.seen()[0].query, shop.seen()[1].query);
  EXPECT_EQ(duplicate(R"({"share":0})")["duplicate_share"].number(), 0);
  create("t2", shop.root());
  EXPECT_TRUE(shop.wait_for(3));
  shop.release();
  ASSERT_TRUE(wait_for_lines("alpha", "notify", 3));
}

TEST_F(EasyPayTest, IsDelayedLikeEveryChannel) {
  open();
  ASSERT_EQ(control(R"({"delay_ms":300,"lease_ms":60000})").body["delay_ms"].integer(), 300);
  EXPECT_GE(raw({"GET", url("/channel/alpha/ping"), "", {}, 5s}).took, 300ms);
}

TEST_F(EasyPayTest, TellsAnAdminWhatToEnter) {
  open();
  const Json card = Json::parse(read_file(setup.keys_dir + "/merchant.json").value()).value()["alpha"];
  EXPECT_EQ(card["pid"].string(), "1001");
  EXPECT_EQ(card["address"].string(), url("/channel/alpha/"));
  const std::string text = read_file(setup.keys_dir + "/merchant.json").value();
  EXPECT_EQ(text.find(key_text("alpha", "secret")), std::string::npos);
  EXPECT_EQ(key_text("alpha", "secret").size(), 32U);
  EXPECT_EQ(fs::status(setup.keys_dir + "/alpha/secret").permissions() & fs::perms(0777), fs::perms(0600));
}

TEST_F(EasyPayTest, KeepsTheKeysOfAnEarlierLife) {
  open();
  const std::string key = key_text("alpha", "secret");
  bank.reset();
  for (const char* name : {"alpha", "beta", "topup"}) fs::remove(setup.journal_dir + "/" + name + ".jsonl");
  open();
  EXPECT_EQ(key_text("alpha", "secret"), key);
  EXPECT_EQ(create("t1")["code"].integer(), 1);
}

}  // namespace
}  // namespace cardstorm
