// Other shops buy from us in their words, through the gateway, over the order path of every buyer.
#include <condition_variable>
#include <ctime>
#include <mutex>

#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/supplier.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using domain::Json;
using domain::JsonObject;
using services::Form;

class GoodsSelling : public Hardened {
 protected:
  void SetUp() override {
    Hardened::SetUp();
    configure();
    auto selling = config("selling", "selling", "hardened");
    for (auto& n : nodes_) n.peers["selling"] = {"http://127.0.0.1:" + std::to_string(selling.port)};
    selling.peers = nodes_.front().peers;
    start_here();
    own_ = start(selling);
    const auto made = as_buyer(own_, "x", "POST", "/operator/merchants", R"({"app_id":"shop-1","account":"m1"})");
    ASSERT_EQ(made.status, 200) << made.body;
    secret_ = made.json["secret"].text();
    ASSERT_TRUE(wait_until([&] { return as_buyer(url_, "m1", "GET", "/goods").status == 200; }));
  }
  /// A signed form, as a shop of the SharedStock kind sends it.
  Json shared(const std::string& what, Form form, const std::string& key = "") {
    form["app_id"] = "shop-1";
    form["sign"] = services::sharedstock_sign(form, key.empty() ? secret_ : key);
    const auto answer = edge::call("POST", url_ + "/shared" + what, services::form_text(form),
                                   {{"Content-Type", "application/x-www-form-urlencoded"}}, {1s, 5s});
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body).value_or(Json());
  }
  Answer upstream(const std::string& method, const std::string& what, const std::string& body = "",
                  std::int64_t shift = 0, const std::string& key = "") {
    const std::string path = "/api/v1/upstream" + what, at = std::to_string(std::time(nullptr) + shift);
    const auto r = edge::call(
        method, url_ + path, body,
        {{"Content-Type", "application/json"},
         {"Dujiao-Next-Api-Key", "shop-1"},
         {"Dujiao-Next-Timestamp", at},
         {"Dujiao-Next-Signature", services::upstream_sign(key.empty() ? secret_ : key, method, path, at, body)}},
        {1s, 5s});
    return {r.status, Json::parse(r.body).value_or(Json()), r.body};
  }
  std::int64_t sku_id(const std::string& code) {
    const auto list = upstream("GET", "/products");
    for (const Json& p : list.json["items"].items())
      if (p["slug"].text() == code) return p["id"].integer();
    return 0;
  }
  std::string wanted(std::int64_t id, int quantity, const std::string& number, const std::string& callback = "") {
    return JsonObject()
        .add("sku_id", id)
        .add("quantity", quantity)
        .add("downstream_order_no", number)
        .add("callback_url", callback)
        .done();
  }
  std::int64_t balance() { return as_buyer(url_, "m1", "GET", "/wallet").json["balance_cents"].integer(); }

  std::string own_, secret_;
};

TEST_F(GoodsSelling, SharedStockSellsOncePerRequestNumber) {
  EXPECT_EQ(shared("/authentication/connect", {})["data"]["balance"].text(), "100000.00");
  EXPECT_EQ(shared("/commodity/items", {})["data"].items().front()["children"].items().size(), 2U);
  EXPECT_EQ(shared("/commodity/inventory", {{"shared_code", "steam-50"}})["data"]["count"].integer(), 2000);
  EXPECT_EQ(shared("/commodity/valuation", {{"shared_code", "steam-50"}, {"num", "3"}})["data"]["price"].text(),
            "150.00");
  const Form form = {{"shared_code", "steam-50"}, {"num", "3"}, {"request_no", "r1"}};
  const Json sold = shared("/commodity/trade", form);
  ASSERT_EQ(sold["code"].integer(), 200) << sold["msg"].text();
  const std::string number = sold["data"]["tradeNo"].text();
  ASSERT_TRUE(wait_until([&] {
    return shared("/commodity/query", {{"tradeNo", number}})["data"]["status"].integer() == 1;
  }));
  const std::string secret = shared("/commodity/query", {{"tradeNo", number}})["data"]["secret"].text();
  EXPECT_EQ(services::lines_of(secret).size(), 3U);
  EXPECT_EQ(shared("/commodity/trade", form)["data"]["secret"].text(), secret);
  EXPECT_EQ(balance(), 10'000'000 - 15'000);
  EXPECT_EQ(this->number("SELECT count(*) FROM orders"), 1);
  EXPECT_EQ(
      shared("/commodity/trade", {{"shared_code", "steam-50"}, {"num", "4"}, {"request_no", "r1"}})["code"].integer(),
      0);  // another wish under the same number
}

TEST_F(GoodsSelling, SharedStockRefusesWithoutEffect) {
  EXPECT_EQ(shared("/commodity/items", {}, "wrong")["msg"].text(), "密钥错误");
  EXPECT_EQ(shared("/commodity/trade", {{"shared_code", "none"}, {"num", "1"}, {"request_no", "r"}})["msg"].text(),
            "商品不存在");
  for (const char* num : {"0", "-1", "1.5", "99999999999999999999", "x", ""})
    EXPECT_EQ(
        shared("/commodity/trade", {{"shared_code", "steam-50"}, {"num", num}, {"request_no", "r"}})["msg"].text(),
        "购买数量错误")
        << num;
  EXPECT_EQ(
      shared("/commodity/trade", {{"shared_code", "steam-50"}, {"num", "1"}, {"request_no", ""}})["code"].integer(), 0);
  EXPECT_EQ(shared("/commodity/query", {{"tradeNo", "H0other"}})["code"].integer(), 0);
  for (const char* bad : {"", "%", "a=%zz", "app_id=nobody&sign=x", "{\"json\":1}"}) {
    const auto answer = edge::call("POST", url_ + "/shared/commodity/items", bad, {}, {1s, 5s});
    EXPECT_EQ(Json::parse(answer.body).value_or(Json())["code"].integer(-1), 0) << bad;
  }
  EXPECT_EQ(number("SELECT count(*) FROM orders"), 0);
}

TEST_F(GoodsSelling, HmacSellsOncePerNumberAndTellsTheCards) {
  EXPECT_TRUE(upstream("POST", "/ping", "{}").json["ok"].boolean());
  const auto id = sku_id("qcoin-10");
  ASSERT_GT(id, 0);
  const auto first = upstream("POST", "/orders", wanted(id, 2, "d1"));
  ASSERT_EQ(first.status, 200) << first.body;
  const std::string path = "/orders/" + std::to_string(first.json["order_id"].integer());
  ASSERT_TRUE(wait_until([&] { return upstream("GET", path).json["status"].text() == "completed"; }));
  EXPECT_EQ(services::lines_of(upstream("GET", path).json["fulfillment"]["payload"].text()).size(), 2U);
  EXPECT_EQ(upstream("POST", "/orders", wanted(id, 2, "d1")).json["order_no"].text(), first.json["order_no"].text());
  EXPECT_EQ(upstream("POST", "/orders", wanted(id, 3, "d1")).status, 409);
  EXPECT_EQ(number("SELECT count(*) FROM orders"), 1);
  EXPECT_EQ(balance(), 10'000'000 - 2'000);
  EXPECT_EQ(upstream("POST", path + "/cancel", "{}").status, 409);
}

TEST_F(GoodsSelling, HmacRefusesWithoutEffect) {
  const auto id = sku_id("qcoin-10");
  EXPECT_EQ(upstream("GET", "/products", "", 0, "wrong").json["error_code"].text(), "invalid_signature");
  EXPECT_EQ(upstream("GET", "/products", "", -70).json["error_code"].text(), "timestamp_expired");
  EXPECT_EQ(
      edge::call("GET", url_ + "/api/v1/upstream/products", "", {{"Dujiao-Next-Api-Key", "nobody"}}, {1s, 5s}).status,
      401);
  for (const std::string& bad :
       {std::string(), std::string("{"), std::string("[]"), std::string("{}"),
        std::string(R"({"sku_id":"x","quantity":1,"downstream_order_no":"d"})"), wanted(id, 0, "d"),
        wanted(id, -1, "d"), wanted(id, 100'000, "d"), wanted(id, 1, ""), wanted(7, 1, "d"),
        wanted(id, 1, std::string(200, 'x')), wanted(id, 1, "d", "http://10.0.0.1/cb"),
        wanted(id, 1, "d", "file:///etc/passwd"), wanted(id, 1, "d", "http://127.0.0.1:1@10.0.0.1/cb"),
        wanted(id, 1, "d", R"(http://127.0.0.1:1\@10.0.0.1/cb)")})
    EXPECT_EQ(upstream("POST", "/orders", bad).status, 400) << bad;
  EXPECT_EQ(upstream("GET", "/orders/999").status, 404);
  EXPECT_EQ(upstream("GET", "/orders/x").status, 404);
  execute("UPDATE wallets SET balance_cents = 10 WHERE wallet = 'm1'");
  as_buyer(url_, "m1", "GET", "/wallet");
  execute("UPDATE wallets SET balance_cents = 10 WHERE wallet = 'm1'");
  EXPECT_EQ(upstream("POST", "/orders", wanted(id, 1, "poor")).status, 402);
  EXPECT_EQ(number("SELECT count(*) FROM orders WHERE paid_cents > 0"), 0);
  EXPECT_EQ(as_buyer(url_, "x", "POST", "/operator/merchants", R"({"app_id":"a","account":"b"})").status,
            404);  // not through the gateway
  EXPECT_EQ(as_buyer(own_, "x", "POST", "/operator/merchants", R"({"app_id":"shop-1","account":"other"})").status, 409);
  EXPECT_EQ(as_buyer(own_, "x", "POST", "/operator/merchants", R"({"app_id":"a b"})").status, 400);
}

TEST_F(GoodsSelling, TheCallbackBringsTheCardsAndIsTriedAgain) {
  std::atomic<int> calls{0};
  std::mutex mutex;
  std::string body;
  edge::ServerOptions options;
  const auto receiver = edge::serve(options, [&](const edge::Request& r) {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(r.header("dujiao-next-signature"),
              services::upstream_sign(secret_, "POST", r.path, r.header("dujiao-next-timestamp"), r.body));
    body = r.body;
    return services::json_answer(200, ++calls < 2 ? R"({"ok":false})" : R"({"ok":true})");
  });
  const auto id = sku_id("qcoin-10");
  ASSERT_EQ(
      upstream("POST", "/orders", wanted(id, 2, "d1", "http://127.0.0.1:" + std::to_string(receiver->port()) + "/cb"))
          .status,
      200);
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM merchant_orders WHERE told") == 1; }));
  EXPECT_EQ(calls, 2);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(services::lines_of(Json::parse(body).value_or(Json())["fulfillment"]["payload"].text()).size(), 2U);
}

TEST_F(GoodsSelling, AMerchantWhoAnswersLateHoldsUpNobodyElse) {
  std::mutex mutex;
  std::condition_variable changed;
  bool quick_told = false;
  edge::ServerOptions options;
  options.threads = 32;
  const auto receiver = edge::serve(options, [&](const edge::Request& r) {
    std::unique_lock lock(mutex);
    if (r.path == "/quick")
      quick_told = true, changed.notify_all();
    else
      changed.wait_for(lock, 20s, [&] { return quick_told; });
    return services::json_answer(200, R"({"ok":true})");
  });
  const std::string at = "http://127.0.0.1:" + std::to_string(receiver->port());
  const auto id = sku_id("qcoin-10");
  for (int i = 0; i < 12; ++i)
    ASSERT_EQ(upstream("POST", "/orders", wanted(id, 1, "d" + std::to_string(i), at + "/slow")).status, 200);
  const std::string other = as_buyer(own_, "x", "POST", "/operator/merchants", R"({"app_id":"shop-2","account":"m1"})")
                                .json["secret"]
                                .text();  // the same account: in the same database
  const std::string path = "/api/v1/upstream/orders", now = std::to_string(std::time(nullptr)),
                    body = wanted(id, 1, "q", at + "/quick");
  ASSERT_EQ(edge::call("POST", url_ + path, body,
                       {{"Content-Type", "application/json"},
                        {"Dujiao-Next-Api-Key", "shop-2"},
                        {"Dujiao-Next-Timestamp", now},
                        {"Dujiao-Next-Signature", services::upstream_sign(other, "POST", path, now, body)}},
                       {1s, 5s})
                .status,
            200);
  EXPECT_TRUE(wait_until(
      [&] { return number("SELECT count(*) FROM merchant_orders WHERE told AND request_no = 'q'") == 1; }, 10s))
      << "each slow one takes 3 s";
  const std::lock_guard lock(mutex);
  quick_told = true;
  changed.notify_all();
}

}  // namespace
}  // namespace platform::services_test
