// Alipay over real sockets, checked with the rules of its documents written down a second time.
#include "tests/unit/partners/bank.hpp"

namespace cardstorm {
namespace {

using partners::Params;

std::string sorted_text(const Params& params, bool with_sign_type) {
  std::string text;
  for (const auto& [name, value] : params)
    if (!value.empty() && name != "sign" && (with_sign_type || name != "sign_type"))
      text += (text.empty() ? "" : "&") + name + "=" + value;
  return text;
}

struct AlipayTest : Bank {
  AlipayTest() {
    take_channel("alpha=alipay");
    lay_keys("alpha");
  }

  Params signed_call(const std::string& method, const Json& biz, const std::string& notify = "") const {
    Params out{
        {"app_id", "2021000000000001"},       {"method", method}, {"charset", "utf-8"},        {"sign_type", "RSA2"},
        {"timestamp", "2026-01-01 00:00:00"}, {"version", "1.0"}, {"biz_content", biz.dump()}, {"notify_url", notify}};
    out["sign"] =
        base64(rsa_sha256_sign(key_text("alpha", "merchant_private.pem") + "\n", sorted_text(out, true)).value());
    return out;
  }
  /// The answer's node; its signature must fit the node's text as it stands.
  Json call(const std::string& method, const Json& biz, const std::string& notify = "") const {
    return node_of(method, post_form("/channel/alpha/gateway.do", signed_call(method, biz, notify)).body);
  }
  Json node_of(std::string method, const std::string& body) const {
    std::replace(method.begin(), method.end(), '.', '_');
    const std::string head = "{\"" + method + "_response\":";
    const auto end = body.rfind(",\"sign\":");
    EXPECT_TRUE(body.starts_with(head)) << body;
    if (!body.starts_with(head) || end == std::string::npos) return {};
    const std::string text = body.substr(head.size(), end - head.size());
    const auto sign = base64_decode(Json::parse(body).value()["sign"].string());
    EXPECT_TRUE(sign && rsa_sha256_verify(key_text("alpha", "partner_public.pem") + "\n", text, *sign));
    return Json::parse(text).value();
  }
  Json create(const std::string& number, const std::string& notify, const std::string& yuan = "5.00") const {
    return call("alipay.trade.precreate",
                Json::object({{"out_trade_no", number}, {"total_amount", yuan}, {"subject", "卡密"}}), notify);
  }
  Json by_number(const std::string& method, const std::string& number) const {
    return call(method, Json::object({{"out_trade_no", number}}));
  }
  Json refund(const std::string& number, const std::string& request_no, const std::string& yuan) const {
    return call("alipay.trade.refund",
                Json::object({{"out_trade_no", number}, {"refund_amount", yuan}, {"out_request_no", request_no}}));
  }
  void expect_signed(const ServerRequest& notify) const {
    EXPECT_EQ(notify.method, "POST");
    const Params said = partners::params_of(std::string_view(notify.body));
    const auto sign = base64_decode(said.at("sign"));
    EXPECT_TRUE(sign &&
                rsa_sha256_verify(key_text("alpha", "partner_public.pem") + "\n", sorted_text(said, false), *sign));
  }
};

TEST_F(AlipayTest, LivesFromCreateToBill) {
  Receiver shop;
  open();
  const Json created = create("t1", shop.root() + "/notify");
  ASSERT_EQ(created["code"].string(), "10000") << created.dump();
  EXPECT_FALSE(created["qr_code"].string().empty());
  ASSERT_TRUE(shop.wait_for(1));
  expect_signed(shop.seen()[0]);
  Params paid = partners::params_of(std::string_view(shop.seen()[0].body));
  EXPECT_EQ(paid["trade_status"], "TRADE_SUCCESS");
  EXPECT_EQ(paid["total_amount"], "5.00");
  EXPECT_EQ(paid["app_id"], "2021000000000001");
  EXPECT_EQ(paid["seller_id"], "2088102146225135");
  EXPECT_FALSE(paid.contains("refund_fee"));
  EXPECT_EQ(by_number("alipay.trade.query", "t1")["trade_status"].string(), "TRADE_SUCCESS");
  EXPECT_EQ(by_number("alipay.trade.query", "none")["sub_code"].string(), "ACQ.TRADE_NOT_EXIST");
  EXPECT_EQ(create("t1", "")["sub_code"].string(), "ACQ.TRADE_HAS_SUCCESS");
  EXPECT_EQ(by_number("alipay.trade.close", "t1")["sub_code"].string(), "ACQ.TRADE_STATUS_ERROR");

  EXPECT_EQ(refund("t1", "r1", "2.00")["fund_change"].string(), "Y");
  EXPECT_EQ(refund("t1", "r1", "2.00")["fund_change"].string(), "N");  // the same again gives nothing
  EXPECT_EQ(refund("t1", "r2", "3.01")["code"].string(), "40004");
  ASSERT_TRUE(shop.wait_for(2));
  Params part = partners::params_of(std::string_view(shop.seen()[1].body));
  EXPECT_EQ(part["trade_status"], "TRADE_SUCCESS");  // not paid a second time: refund_fee says what it is
  EXPECT_EQ(part["refund_fee"], "2.00");
  EXPECT_EQ(refund("t1", "r3", "3.00")["refund_fee"].string(), "5.00");
  ASSERT_TRUE(shop.wait_for(3));
  expect_signed(shop.seen()[2]);
  EXPECT_EQ(partners::params_of(std::string_view(shop.seen()[2].body))["trade_status"], "TRADE_CLOSED");
  EXPECT_EQ(by_number("alipay.trade.query", "t1")["trade_status"].string(), "TRADE_CLOSED");
  const Json asked =
      call("alipay.trade.fastpay.refund.query", Json::object({{"out_trade_no", "t1"}, {"out_request_no", "r3"}}));
  EXPECT_EQ(asked["refund_status"].string(), "REFUND_SUCCESS");

  const Json bill = call(
      "alipay.data.dataservice.bill.downloadurl.query",
      Json::object({{"bill_type", "trade"}, {"bill_date", partners::china_time(partners::unix_now()).substr(0, 7)}}));
  const HttpResponse rows = fetch({"GET", bill["bill_download_url"].string(), "", {}, 5s});
  EXPECT_EQ(split(trim(rows.body), '\n').size(), 4U) << rows.body;
  EXPECT_NE(rows.body.find(",-2.00,r1"), std::string::npos);
  EXPECT_EQ(ask("GET", "/channel/alpha/bill.csv?token=wrong").status, 403);
  EXPECT_EQ(lines("alpha", "refunded").size(), 2U);
  ASSERT_TRUE(wait_for_lines("alpha", "refund_notify", 2));
  EXPECT_EQ(lines("alpha", "notify").size(), 1U);  // what tells of a refund is another kind of line
}

TEST_F(AlipayTest, DoesNothingForWrongSignatures) {
  open();
  const Json biz = Json::object({{"out_trade_no", "t1"}, {"total_amount", "5.00"}, {"subject", "x"}});
  const auto sub_code = [&](const Params& params) {
    return node_of("alipay.trade.precreate", post_form("/gateway.do", params).body)["sub_code"].string();
  };
  Params changed = signed_call("alipay.trade.precreate", biz);
  changed["biz_content"] = Json(biz).set("total_amount", "0.01").dump();
  EXPECT_EQ(sub_code(changed), "isv.invalid-signature");
  changed = signed_call("alipay.trade.precreate", biz);
  changed.erase("sign");
  EXPECT_EQ(sub_code(changed), "isv.invalid-signature");
  changed = signed_call("alipay.trade.precreate", biz);
  changed["sign_type"] = "RSA";
  EXPECT_EQ(sub_code(changed), "isv.invalid-signature-type");
  changed = signed_call("alipay.trade.precreate", biz);
  changed["app_id"] = "2021000000000002";
  EXPECT_EQ(sub_code(changed), "isv.invalid-app-id");
  for (const char* yuan : {"0", "5.001", "-5", "5e0", ""})
    EXPECT_EQ(create("t1", "", yuan)["sub_code"].string(), "ACQ.INVALID_PARAMETER") << yuan;
  EXPECT_TRUE(lines("alpha", "created").empty());
}

TEST_F(AlipayTest, ShowsAPageToABuyerAndCountsItAsCreate) {
  open();
  const Params params =
      signed_call("alipay.trade.page.pay", Json::object({{"out_trade_no", "t1"},
                                                         {"total_amount", "5"},
                                                         {"subject", "x"},
                                                         {"product_code", "FAST_INSTANT_TRADE_PAY"}}));
  EXPECT_NE(ask("GET", "/channel/alpha/gateway.do?" + partners::form_text(params)).body.find("<html"),
            std::string::npos);
  EXPECT_TRUE(wait_for_lines("alpha", "charged", 1));
}

TEST_F(AlipayTest, OnlyTheSevenCharactersAreAYes) {
  Receiver shop([](int nth) {
    return nth == 1   ? ServerResponse{200, "success\n"}
           : nth == 2 ? ServerResponse{200, "SUCCESS"}
                      : ServerResponse{200, "success"};
  });
  setup.time_scale = 1e6;
  open();
  create("t1", shop.root());
  ASSERT_TRUE(wait_for_lines("alpha", "notify", 3));
  const auto notifies = lines("alpha", "notify");
  EXPECT_FALSE(notifies[1]["acknowledged"].boolean());
  EXPECT_TRUE(notifies[2]["acknowledged"].boolean());
  Params first = partners::params_of(std::string_view(shop.seen()[0].body)),
         last = partners::params_of(std::string_view(shop.seen()[2].body));
  EXPECT_EQ(first["notify_id"], last["notify_id"]);
}

TEST_F(AlipayTest, ClosesAndCancels) {
  setup.confirm = 1h;
  open();
  create("t1", "");
  EXPECT_EQ(by_number("alipay.trade.close", "t1")["code"].string(), "10000");
  EXPECT_EQ(by_number("alipay.trade.query", "t1")["trade_status"].string(), "TRADE_CLOSED");
  EXPECT_EQ(create("t1", "")["sub_code"].string(), "ACQ.TRADE_HAS_CLOSE");
  create("t2", "");
  EXPECT_EQ(by_number("alipay.trade.cancel", "t2")["action"].string(), "close");
  EXPECT_EQ(lines("alpha", "trade_closed").size(), 2U);
}

TEST_F(AlipayTest, AcceptsRefundsThatComeLater) {
  take_channel("alpha=alipay,refund_pending=1,refund_after=1s");
  setup.time_scale = 20;
  open();
  create("t1", "http://127.0.0.1:1/none");
  ASSERT_TRUE(wait_for_lines("alpha", "charged", 1));
  const Json biz = Json::object({{"out_trade_no", "t1"}, {"out_request_no", "r1"}});
  EXPECT_EQ(refund("t1", "r1", "5.00")["fund_change"].string(), "N");  // accepted only
  ASSERT_TRUE(eventually(
      [&] { return call("alipay.trade.fastpay.refund.query", biz)["refund_status"].string() == "REFUND_SUCCESS"; }));
  EXPECT_EQ(lines("alpha", "refunded").size(), 1U);
  EXPECT_EQ(refund("t1", "r2", "0.01")["code"].string(), "40004");
}

TEST_F(AlipayTest, BillsADayOrAMonthAndNothingElse) {
  open();
  create("t1", "http://127.0.0.1:1/none");
  ASSERT_TRUE(wait_for_lines("alpha", "charged", 1));
  const auto bill = [&](const std::string& date) {
    return call("alipay.data.dataservice.bill.downloadurl.query",
                Json::object({{"bill_type", "trade"}, {"bill_date", date}}));
  };
  const auto rows = [&](const std::string& date) {
    return split(trim(fetch({"GET", bill(date)["bill_download_url"].string(), "", {}, 5s}).body), '\n').size() - 1;
  };
  const std::string day = by_number("alipay.trade.query", "t1")["send_pay_date"].string().substr(0, 10);
  EXPECT_EQ(rows(day), 1U);
  EXPECT_EQ(rows(day.substr(0, 7)), 1U);
  EXPECT_EQ(rows("2020-01-01"), 0U);
  EXPECT_EQ(bill("yesterday")["code"].string(), "40002");
  EXPECT_EQ(bill("2020-1-1")["code"].string(), "40002");
}

TEST_F(AlipayTest, KnowsARefundByItsNumberWithinItsTrade) {
  open();
  for (const char* number : {"t1", "t2"}) create(number, "http://127.0.0.1:1/none");
  ASSERT_TRUE(wait_for_lines("alpha", "charged", 2));
  EXPECT_EQ(refund("t1", "r1", "2.00")["fund_change"].string(), "Y");
  EXPECT_EQ(refund("t2", "r1", "1.00")["fund_change"].string(), "Y");
  EXPECT_EQ(refund("t2", "r1", "1.00")["fund_change"].string(), "N");
  const Json asked =
      call("alipay.trade.fastpay.refund.query", Json::object({{"out_trade_no", "t2"}, {"out_request_no", "r1"}}));
  EXPECT_EQ(asked["refund_amount"].string(), "1.00");
  EXPECT_EQ(lines("alpha", "refunded")[1]["refund_no"].string(), "r1");
}

TEST_F(AlipayTest, TellsNobodyOfARefundThatGaveNothingBack) {
  Receiver shop;
  take_channel("alpha=alipay,refund_pending=1,refund_fail=1,refund_after=1s");
  setup.time_scale = 1000;
  open();
  create("t1", shop.root());
  ASSERT_TRUE(wait_for_lines("alpha", "notify", 1));
  refund("t1", "r1", "5.00");
  ASSERT_TRUE(wait_for_lines("alpha", "refund_failed", 1));
  create("t2", shop.root());  // its notify leaves after whatever the refund would have told
  ASSERT_TRUE(wait_for_lines("alpha", "notify", 2));
  EXPECT_EQ(shop.seen().size(), 2U);
  EXPECT_TRUE(lines("alpha", "refund_notify").empty());
}

}  // namespace
}  // namespace cardstorm
