// Suppliers and logistics over real sockets: whoever asks twice gets one delivery, and no card goes out twice.
#include <set>

#include "tests/unit/partners/bank.hpp"

namespace cardstorm {
namespace {

using partners::Params;

struct SupplierTest : Bank {
  void stock(int cards) {
    fs::create_directory(setup.journal_dir + "/stock");
    std::string text;
    for (int i = 0; i < cards; ++i) text += "card-" + std::to_string(i) + "\n";
    ASSERT_TRUE(write_file(setup.journal_dir + "/stock/steam.txt", text));
  }
  std::vector<std::pair<std::string, std::string>> hmac_headers(const std::string& method, const std::string& path,
                                                                const std::string& body, std::int64_t at) const {
    const std::string text = method + "\n" + path + "\n" + std::to_string(at) + "\n" + md5_hex(body);
    return {{"Dujiao-Next-Api-Key", "cardstorm"},
            {"Dujiao-Next-Timestamp", std::to_string(at)},
            {"Dujiao-Next-Signature", hmac_sha256_hex(key_text("up", "secret"), text)}};
  }
  Reply hmac(const std::string& method, const std::string& what, const std::string& body = "") const {
    const std::string path = "/supplier/up/api/v1/upstream/" + what;
    return raw({method, url(path), body, hmac_headers(method, path, body, partners::unix_now()), 5s});
  }
  Json shared(const std::string& what, Params params) const {
    params["app_id"] = "1000";
    std::string text;
    for (const auto& [name, value] : params)
      if (!value.empty()) text += (text.empty() ? "" : "&") + name + "=" + value;
    params["sign"] = md5_hex(text + "&key=" + key_text("up", "secret"));
    return Json::parse(post_form("/supplier/up/shared/" + what, params).body).value();
  }
};

TEST_F(SupplierTest, HmacDeliversOncePerOrderNumberAndCallsBack) {
  Receiver shop([](int) { return ServerResponse{200, R"({"ok":true,"message":"received"})"}; });
  stock(3);
  take_supplier("up=hmac,price=9.90,stock=" + setup.journal_dir + "/stock");
  open();
  const Json product = hmac("GET", "products").body["items"].items()[0];
  EXPECT_EQ(product["skus"].items()[0]["stock_quantity"].integer(), 3);
  const std::string body =
      Json::object(
          {{"sku_id", 1}, {"quantity", 2}, {"downstream_order_no", "o1"}, {"callback_url", shop.root() + "/cb"}})
          .dump();
  const Json first = hmac("POST", "orders", body).body;
  EXPECT_EQ(first["amount"].string(), "19.80");
  EXPECT_EQ(hmac("POST", "orders", body).body["order_id"].integer(), first["order_id"].integer());
  ASSERT_TRUE(shop.wait_for(1));
  const ServerRequest notify = shop.seen()[0];
  EXPECT_EQ(notify.header("dujiao-next-signature"),
            hmac_sha256_hex(key_text("up", "secret"),
                            "POST\n/cb\n" + notify.header("dujiao-next-timestamp") + "\n" + md5_hex(notify.body)));
  EXPECT_EQ(Json::parse(notify.body).value()["fulfillment"]["payload"].string(), "card-0\ncard-1");
  EXPECT_EQ(hmac("GET", "orders/1").body["status"].string(), "completed");
  EXPECT_EQ(hmac("GET", "orders/2").status, 404);
  EXPECT_EQ(hmac("POST", "orders/1/cancel").status, 409);
  const Reply more = hmac("POST", "orders", R"({"sku_id":1,"quantity":2,"downstream_order_no":"o2"})");
  EXPECT_EQ(more.body["error_code"].string(), "insufficient_stock");
  EXPECT_EQ(lines("up", "supply_done").size(), 1U);
  EXPECT_EQ(book_text("up").find("card-0"), std::string::npos);
}

TEST_F(SupplierTest, HmacRefusesOldAndForeignSignatures) {
  take_supplier("up=hmac");
  open();
  const std::string path = "/supplier/up/api/v1/upstream/orders",
                    body = R"({"sku_id":1,"quantity":1,"downstream_order_no":"o1"})";
  const std::int64_t now = partners::unix_now();
  const auto code = [&](const std::vector<std::pair<std::string, std::string>>& headers, const std::string& sent) {
    return raw({"POST", url(path), sent, headers, 5s}).body["error_code"].string();
  };
  EXPECT_EQ(code({}, body), "missing_auth_headers");
  EXPECT_EQ(code(hmac_headers("POST", path, body, now - 62), body), "timestamp_expired");
  EXPECT_EQ(code(hmac_headers("POST", path, body, now), body + " "), "invalid_signature");
  EXPECT_EQ(code(hmac_headers("POST", "/api/v1/upstream/orders", body, now), body),
            "");  // the path as a shop at the root knows it
  EXPECT_EQ(lines("up", "supply_accepted").size(), 1U);
}

TEST_F(SupplierTest, SharedStockAnswersARepeatedNumberWithAnError) {
  stock(2);
  take_supplier("up=sharedstock,stock=" + setup.journal_dir + "/stock");
  open();
  EXPECT_EQ(shared("authentication/connect", {})["code"].integer(), 200);
  const Json first =
      shared("commodity/trade", {{"shared_code", "steam"}, {"num", "1"}, {"request_no", "q1"}, {"contact", "a@b"}});
  EXPECT_EQ(first["data"]["secret"].string(), "card-0");
  EXPECT_EQ(shared("commodity/trade", {{"shared_code", "steam"}, {"num", "1"}, {"request_no", "q1"}})["msg"].string(),
            "The request ID already exists");
  EXPECT_EQ(shared("commodity/query", {{"tradeNo", first["data"]["tradeNo"].string()}})["data"]["secret"].string(),
            "card-0");
  EXPECT_EQ(shared("commodity/query", {{"tradeNo", "q1"}})["code"].integer(), 0);  // its own number, or nothing
  EXPECT_EQ(shared("commodity/inventoryState", {{"shared_code", "steam"}, {"num", "2"}})["code"].integer(), 0);
  Params forged{{"app_id", "1000"}, {"shared_code", "steam"}, {"num", "1"}, {"sign", "x"}};
  EXPECT_EQ(Json::parse(post_form("/supplier/up/shared/commodity/trade", forged).body).value()["code"].integer(), 0);
  EXPECT_EQ(lines("up", "supply_done").size(), 1U);
}

TEST_F(SupplierTest, SharedStockCallsNobodyBack) {
  Receiver shop;
  take_supplier("up=sharedstock,notify=" + shop.root());
  take_supplier("topup=native,notify=" + shop.root());
  open();
  shared("commodity/trade", {{"shared_code", "default"}, {"num", "1"}});
  call(
      "POST", "/topup/order",
      R"({"request_no":"q1","order":"o1","phone":"13800000000","amount_cents":100,"notify_url":"http://127.0.0.1:1/"})");
  ASSERT_TRUE(shop.wait_for(1));  // the other one's, which was later
  EXPECT_EQ(shop.seen()[0].method, "POST");
  EXPECT_TRUE(lines("up", "supply_notify").empty());
}

TEST_F(SupplierTest, TransfersNoPartsOfPieces) {
  take_supplier("truck=transfer");
  open();
  const auto status = [&](const Json& quantity) {
    return call("POST", "/transfer/order",
                Json::object({{"transfer_no", "x" + quantity.dump()},
                              {"order", "o1"},
                              {"item", "sword"},
                              {"account", "a"},
                              {"quantity", quantity}})
                    .dump())
        .status;
  };
  EXPECT_EQ(status(1.5), 400);
  EXPECT_EQ(status("2"), 400);
  EXPECT_EQ(status(2), 200);
  EXPECT_EQ(status(nullptr), 200);  // one
}

TEST_F(SupplierTest, DeliversPartsAndFailsAsTold) {
  take_supplier("up=sharedstock,partial=1");
  take_supplier("topup=native,fail=1");
  open();
  EXPECT_EQ(
      split(shared("commodity/trade", {{"shared_code", "default"}, {"num", "4"}})["data"]["secret"].string(), '\n')
          .size(),
      2U);
  call(
      "POST", "/topup/order",
      R"({"request_no":"q1","order":"o1","phone":"13800000000","amount_cents":100,"notify_url":"http://127.0.0.1:1/"})");
  ASSERT_TRUE(
      eventually([&] { return call("GET", "/topup/order?request_no=q1").body["status"].string() == "FAILED"; }));
  EXPECT_TRUE(lines("topup", "topup_done").empty());
}

TEST_F(SupplierTest, HidesAnOrderForAWhile) {
  take_supplier("topup=native,unseen=1,unseen_for=30s");
  setup.time_scale = 20;  // 1.5 s: longer than the way to the question takes on any machine
  open();
  call(
      "POST", "/topup/order",
      R"({"request_no":"q1","order":"o1","phone":"13800000000","amount_cents":100,"notify_url":"http://127.0.0.1:1/"})");
  EXPECT_EQ(call("GET", "/topup/order?request_no=q1").status, 404);  // not a failure: it comes
  call(
      "POST", "/topup/order",
      R"({"request_no":"q2","order":"o2","phone":"13800000000","amount_cents":100,"notify_url":"http://127.0.0.1:1/"})");
  EXPECT_EQ(call("POST", "/topup/revoke", R"({"request_no":"q2"})").body["status"].string(),
            "REVOKED");  // what had an effect says so
  EXPECT_TRUE(
      eventually([&] { return call("GET", "/topup/order?request_no=q1").body["status"].string() == "SUCCESS"; }));
}

TEST_F(SupplierTest, TransfersEquipmentOncePerNumber) {
  Receiver shop;
  take_supplier("truck=transfer");
  open();
  const std::string body = Json::object({{"transfer_no", "x1"},
                                         {"order", "o1"},
                                         {"item", "sword"},
                                         {"account", "player-7"},
                                         {"quantity", 2},
                                         {"notify_url", shop.root()}})
                               .dump();
  EXPECT_EQ(call("POST", "/supplier/truck/order", body).body["status"].string(), "PENDING");
  ASSERT_TRUE(shop.wait_for(1));
  EXPECT_TRUE(partners::is_signed("key", shop.seen()[0]));
  EXPECT_EQ(Json::parse(shop.seen()[0].body).value()["status"].string(), "CONFIRMED");
  EXPECT_EQ(call("POST", "/transfer/order", body).body["status"].string(), "CONFIRMED");
  EXPECT_EQ(call("POST", "/supplier/truck/order", Json::parse(body).value().set("item", "shield").dump()).status, 409);
  EXPECT_EQ(lines("truck", "transfer_done").size(), 1U);
  EXPECT_EQ(book_text("truck").find("player-7"), std::string::npos);
}

TEST_F(SupplierTest, SaysHowMuchOfATopUpArrived) {
  Receiver shop;
  take_supplier("topup=native,partial=1");
  take_supplier("members=native");
  open();
  const auto order = [&](const std::string& name, const std::string& number) {
    return call("POST", "/supplier/" + name + "/order",
                Json::object({{"request_no", number},
                              {"order", "o1"},
                              {"phone", "player-7"},
                              {"amount_cents", 3000},
                              {"notify_url", shop.root()}})
                    .dump());
  };
  order("topup", "q1");
  ASSERT_TRUE(shop.wait_for(1));
  const Json told = Json::parse(shop.seen()[0].body).value();
  EXPECT_EQ(told["status"].string(), "PARTIAL");
  EXPECT_EQ(told["delivered_cents"].integer(), 1500);
  EXPECT_EQ(call("GET", "/supplier/topup/order?request_no=q1").body["delivered_cents"].integer(), 1500);
  EXPECT_EQ(lines("topup", "topup_done").at(0)["amount_cents"].integer(), 1500);
  order("members", "m1");
  ASSERT_TRUE(eventually(
      [&] { return call("GET", "/supplier/members/order?request_no=m1").body["delivered_cents"].integer() == 3000; }));
}

TEST_F(SupplierTest, TakesBackWhatItDeliveredAndStopsWhatItDidNot) {
  take_supplier("members=native");
  take_supplier("slow=native,late=1,late_after=1h");
  take_supplier("bad=native,fail=1");
  take_supplier("truck=transfer");
  open();
  const auto order = [&](const std::string& name, const std::string& number) {
    const bool truck = name == "truck";
    Json body = Json::object(
        {{truck ? "transfer_no" : "request_no", number}, {"order", "o1"}, {"notify_url", "http://127.0.0.1:1/"}});
    if (truck)
      body.set("item", "sword").set("account", "player-7");
    else
      body.set("phone", "player-7").set("amount_cents", 3000);
    return call("POST", "/supplier/" + name + "/order", body.dump()).status;
  };
  const auto revoke = [&](const std::string& name, const std::string& number) {
    return call("POST", "/supplier/" + name + "/revoke",
                Json::object({{name == "truck" ? "transfer_no" : "request_no", number}}).dump());
  };
  for (const auto& [name, number] : std::vector<std::pair<std::string, std::string>>{
           {"members", "m1"}, {"slow", "s1"}, {"bad", "b1"}, {"truck", "t1"}})
    ASSERT_EQ(order(name, number), 200);
  ASSERT_TRUE(eventually([&] {
    return lines("members", "topup_done").size() == 1 && lines("bad", "topup_failed").size() == 1 &&
           lines("truck", "transfer_done").size() == 1;
  }));
  for (int twice = 0; twice < 2; ++twice) {
    EXPECT_EQ(revoke("members", "m1").body["status"].string(), "REVOKED");
    EXPECT_EQ(revoke("slow", "s1").body["status"].string(), "REVOKED");
    EXPECT_EQ(revoke("truck", "t1").body["status"].string(), "REVOKED");
    EXPECT_EQ(revoke("bad", "b1").body["status"].string(), "FAILED");
  }
  EXPECT_EQ(revoke("members", "other").status, 404);
  EXPECT_EQ(call("POST", "/supplier/members/revoke", "{}").status, 400);
  EXPECT_EQ(call("GET", "/supplier/members/revoke?request_no=m1").status, 404);
  EXPECT_EQ(lines("members", "topup_revoked").size(), 1U);
  EXPECT_EQ(lines("slow", "topup_revoked").size(), 1U);
  EXPECT_EQ(lines("truck", "transfer_revoked").size(), 1U);
}

TEST_F(SupplierTest, NamesAStockThatIsNotThere) {
  take_supplier("up=hmac,stock=/nowhere");
  const auto started = start_partners(setup);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().what.find("/nowhere"), std::string::npos);
  EXPECT_FALSE(fs::exists(setup.journal_dir + "/up.jsonl"));
}

}  // namespace
}  // namespace cardstorm
