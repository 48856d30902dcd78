// WeChat Pay v3 over real sockets: strict headers in, signed headers and sealed notifies out.
#include "tests/unit/partners/bank.hpp"

namespace cardstorm {
namespace {

using partners::Params;

const std::string& header_of(const HttpResponse& response, const std::string& name) {
  static const std::string none;
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return none;
}

struct WeChatTest : Bank {
  WeChatTest() {
    take_channel("wx=wechat");
    lay_keys("wx");
  }

  std::string authorization(const std::string& method, const std::string& path, const std::string& body,
                            std::int64_t at, const std::string& id = "1900000001") const {
    const Json card = Json::parse(read_file(setup.keys_dir + "/merchant.json").value()).value()["wx"];
    const std::string time = std::to_string(at), text = method + "\n" + path + "\n" + time + "\nnonce\n" + body + "\n";
    const std::string signature = base64(rsa_sha256_sign(key_text("wx", "merchant_private.pem") + "\n", text).value());
    return "WECHATPAY2-SHA256-RSA2048 mchid=\"" + id + "\",nonce_str=\"nonce\",signature=\"" + signature +
           "\",timestamp=\"" + time + "\",serial_no=\"" + card["merchant_serial_no"].string() + "\"";
  }
  /// The answer's signature must fit its bytes.
  Reply call(const std::string& method, const std::string& v3, const std::string& body = "",
             const std::string& root = "/channel/wx") const {
    const HttpResponse got =
        ask(method, root + v3, body, {{"Authorization", authorization(method, root + v3, body, partners::unix_now())}});
    expect_signed(header_of(got, "wechatpay-timestamp"), header_of(got, "wechatpay-nonce"), got.body,
                  header_of(got, "wechatpay-signature"));
    const auto json = Json::parse(got.body);
    return {got.status, json ? *json : Json(got.body), got.done - got.sent};
  }
  void expect_signed(const std::string& time, const std::string& nonce, const std::string& body,
                     const std::string& signature) const {
    const auto raw_signature = base64_decode(signature);
    EXPECT_TRUE(raw_signature && rsa_sha256_verify(key_text("wx", "partner_public.pem") + "\n",
                                                   time + "\n" + nonce + "\n" + body + "\n", *raw_signature));
  }
  static std::string wanted(const std::string& number, std::int64_t cents, const std::string& notify) {
    return Json::object({{"appid", "wx0000000000000001"},
                         {"mchid", "1900000001"},
                         {"description", "卡密"},
                         {"out_trade_no", number},
                         {"notify_url", notify},
                         {"amount", Json::object({{"total", cents}, {"currency", "CNY"}})}})
        .dump();
  }
  Reply create(const std::string& number, const std::string& notify = "http://127.0.0.1:1/none",
               std::int64_t cents = 500) const {
    return call("POST", "/v3/pay/transactions/native", wanted(number, cents, notify));
  }
  Reply query(const std::string& number) const {
    return call("GET", "/v3/pay/transactions/out-trade-no/" + number + "?mchid=1900000001");
  }
  Reply close(const std::string& number) const {
    return call("POST", "/v3/pay/transactions/out-trade-no/" + number + "/close", R"({"mchid":"1900000001"})");
  }
  Reply refund(const std::string& number, const std::string& refund_no, std::int64_t cents,
               const std::string& notify = "http://127.0.0.1:1/none") const {
    return call("POST", "/v3/refund/domestic/refunds",
                Json::object({{"out_trade_no", number},
                              {"out_refund_no", refund_no},
                              {"notify_url", notify},
                              {"amount", Json::object({{"refund", cents}, {"total", 500}, {"currency", "CNY"}})}})
                    .dump());
  }
  /// The notify's content, after its signature and seal were checked.
  Json opened(const ServerRequest& notify) const {
    expect_signed(notify.header("wechatpay-timestamp"), notify.header("wechatpay-nonce"), notify.body,
                  notify.header("wechatpay-signature"));
    EXPECT_TRUE(notify.header("wechatpay-serial").starts_with("PUB_KEY_ID_"));
    const Json resource = Json::parse(notify.body).value()["resource"];
    const auto plain =
        aes_256_gcm_open(key_text("wx", "secret"), resource["nonce"].string(), resource["associated_data"].string(),
                         base64_decode(resource["ciphertext"].string()).value());
    EXPECT_TRUE(plain);
    return plain ? Json::parse(*plain).value() : Json();
  }
};

TEST_F(WeChatTest, LivesFromCreateToBill) {
  Receiver shop([](int) { return ServerResponse{204, ""}; });
  open();
  EXPECT_TRUE(create("trade-1", shop.root()).body["code_url"].string().starts_with("weixin://"));
  ASSERT_TRUE(shop.wait_for(1));
  const Json paid = opened(shop.seen()[0]);
  EXPECT_EQ(Json::parse(shop.seen()[0].body).value()["event_type"].string(), "TRANSACTION.SUCCESS");
  EXPECT_EQ(paid["out_trade_no"].string(), "trade-1");
  EXPECT_EQ(paid["amount"]["total"].integer(), 500);
  EXPECT_EQ(paid["mchid"].string(), "1900000001");
  EXPECT_EQ(query("trade-1").body["trade_state"].string(), "SUCCESS");
  EXPECT_EQ(query("trade-2").status, 404);
  EXPECT_EQ(close("trade-1").body["code"].string(), "ORDERPAID");
  EXPECT_EQ(create("trade-1", "http://n", 501).body["code"].string(), "OUT_TRADE_NO_USED");

  EXPECT_EQ(refund("trade-1", "r1", 200, shop.root()).body["status"].string(), "PROCESSING");
  EXPECT_EQ(refund("trade-1", "r2", 301).status, 400);  // what is pending counts
  ASSERT_TRUE(shop.wait_for(2));
  const Json refunded = opened(shop.seen()[1]);
  EXPECT_EQ(refunded["refund_status"].string(), "SUCCESS");
  EXPECT_EQ(call("GET", "/v3/refund/domestic/refunds/r1").body["status"].string(), "SUCCESS");
  EXPECT_EQ(refund("trade-1", "r1", 200).body["status"].string(), "SUCCESS");
  EXPECT_EQ(lines("wx", "refunded").size(), 1U);

  const Json bill =
      call("GET", "/v3/bill/tradebill?bill_date=" + partners::china_time(partners::unix_now()).substr(0, 7)).body;
  const std::string address = bill["download_url"].string(), path = address.substr(address.find("/channel/wx") + 11);
  const std::string rows = call("GET", path).body.string();
  EXPECT_EQ(sha256_hex(rows), bill["hash_value"].string());
  EXPECT_NE(rows.find(",`r1,`2.00"), std::string::npos) << rows;
}

TEST_F(WeChatTest, DoesNothingForRequestsThatAreNotProperlySigned) {
  open();
  const std::string path = "/channel/wx/v3/pay/transactions/native", body = wanted("trade-1", 500, "http://n");
  const std::int64_t now = partners::unix_now();
  const std::string good = authorization("POST", path, body, now);
  const auto status = [&](const std::string& header, const std::string& sent) {
    return ask("POST", path, sent, {{"Authorization", header}}).status;
  };
  EXPECT_EQ(status(good, body + " "), 401);
  EXPECT_EQ(status("", body), 401);
  EXPECT_EQ(status("Bearer x", body), 401);
  EXPECT_EQ(status(good + ",", body), 200);  // a last comma is a quirk of SDKs
  EXPECT_EQ(status(good + ";", wanted("trade-2", 500, "http://n")), 401);
  EXPECT_EQ(status(authorization("POST", path, body, now - 301), body), 401);
  EXPECT_EQ(status(authorization("GET", path, body, now), body), 401);
  EXPECT_EQ(status(authorization("POST", path, body, now, "1900000002"), body), 401);
  EXPECT_EQ(lines("wx", "created").size(), 1U);
}

TEST_F(WeChatTest, MakesTheKeysThatAreMissing) {
  fs::remove_all(setup.keys_dir);
  open();
  EXPECT_EQ(rsa_public_of(key_text("wx", "merchant_private.pem") + "\n").value(),
            key_text("wx", "merchant_public.pem") + "\n");
  EXPECT_EQ(key_text("wx", "secret").size(), 32U);
  for (const char* file : {"merchant_private.pem", "partner_private.pem", "secret"})
    EXPECT_EQ(fs::status(setup.keys_dir + "/wx/" + file).permissions() & fs::perms(0777), fs::perms(0600)) << file;
  create("trade-1");
  EXPECT_TRUE(wait_for_lines("wx", "charged", 1));
}

TEST_F(WeChatTest, RefusesAPrivateKeyThatIsNone) {
  ASSERT_TRUE(write_file(setup.keys_dir + "/wx/partner_private.pem", "no key"));
  const auto started = start_partners(setup);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().what.find("partner_private.pem"), std::string::npos);
  EXPECT_FALSE(fs::exists(setup.journal_dir + "/wx.jsonl"));
}

TEST_F(WeChatTest, TakesThePathAsAShopWithAFixedAddressSignsIt) {
  open();
  EXPECT_EQ(call("POST", "/v3/pay/transactions/native", wanted("trade-1", 500, "http://127.0.0.1:1/n"), "").status,
            200);
}

TEST_F(WeChatTest, TheStatusAloneSaysWhetherANotifyIsRepeated) {
  Receiver fail([](int) {
    return ServerResponse{200, R"({"code":"FAIL"})"};
  }),
      broken([](int nth) {
        return ServerResponse{nth < 3 ? 500 : 204, ""};
      });
  setup.time_scale = 1e6;
  setup.confirm = 200ms;
  open();
  create("trade-1", fail.root());
  create("trade-2", broken.root());
  ASSERT_TRUE(wait_for_lines("wx", "notify", 4));
  EXPECT_EQ(fail.seen().size(), 1U);
  EXPECT_EQ(broken.seen().size(), 3U);
}

TEST_F(WeChatTest, ClosesNothingThatIsYoung) {
  setup.confirm = 1h;
  setup.time_scale = 200;  // 5 minutes are 1.5 s: longer than the way to the close takes on any machine
  open();
  create("trade-1");
  EXPECT_EQ(close("trade-1").body["code"].string(), "RULE_LIMIT");
  EXPECT_TRUE(eventually([&] { return close("trade-1").status == 204; }));
  EXPECT_EQ(query("trade-1").body["trade_state"].string(), "CLOSED");
  EXPECT_EQ(create("trade-1").body["code"].string(), "ORDER_CLOSED");
}

TEST_F(WeChatTest, LetsAFailedRefundBeTriedAgainUnderItsNumber) {
  take_channel("wx=wechat,refund_fail=1,refund_after=1s");
  setup.time_scale = 100;
  open();
  create("trade-1");
  ASSERT_TRUE(wait_for_lines("wx", "charged", 1));
  EXPECT_EQ(refund("trade-1", "r1", 500).body["status"].string(), "PROCESSING");
  ASSERT_TRUE(
      eventually([&] { return call("GET", "/v3/refund/domestic/refunds/r1").body["status"].string() == "ABNORMAL"; }));
  EXPECT_EQ(refund("trade-1", "r1", 500).body["status"].string(), "PROCESSING");
  EXPECT_TRUE(lines("wx", "refunded").empty());
}

TEST_F(WeChatTest, KeepsABillAsItWasWhenItsHashWasTold) {
  open();
  create("trade-1");
  ASSERT_TRUE(wait_for_lines("wx", "charged", 1));
  const auto address = [&](const std::string& query) { return call("GET", "/v3/bill/tradebill?" + query).body; };
  const auto text = [&](const Json& bill) {
    return call("GET", bill["download_url"].string().substr(url("/channel/wx").size())).body.string();
  };
  const std::string day = query("trade-1").body["success_time"].string().substr(0, 10);
  const Json bill = address("bill_date=" + day);
  create("trade-2");
  ASSERT_TRUE(wait_for_lines("wx", "charged", 2));
  EXPECT_EQ(sha256_hex(text(bill)), bill["hash_value"].string());
  EXPECT_EQ(text(bill).find("trade-2"), std::string::npos);
  EXPECT_NE(text(address("bill_date=" + day + "&bill_type=SUCCESS")).find("trade-2"), std::string::npos);
  EXPECT_EQ(text(address("bill_date=" + day + "&bill_type=REFUND")).find("trade-"), std::string::npos);
  EXPECT_EQ(text(address("bill_date=2020-01-01")).find("trade-"), std::string::npos);
  EXPECT_EQ(address("bill_date=today")["code"].string(), "PARAM_ERROR");
}

TEST_F(WeChatTest, TakesNoSumThatNoBankHas) {
  open();
  EXPECT_EQ(create("trade-1", "http://127.0.0.1:1/none", 1'000'000'000'001).status, 400);
  EXPECT_EQ(create("trade-1", "http://127.0.0.1:1/none", 1'000'000'000'000).status, 200);
}

}  // namespace
}  // namespace cardstorm
