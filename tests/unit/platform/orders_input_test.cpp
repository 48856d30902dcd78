// What buyers may send that makes no sense: a documented code each, and nothing has changed afterwards.
#include <random>

#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

class OrderInput : public Hardened {
 protected:
  std::string fingerprint() {
    return text(
        "SELECT (SELECT count(*) FROM orders) || ' ' || (SELECT count(*) FROM cards WHERE order_no IS NOT NULL) || ' ' "
        "|| (SELECT count(*) FROM ledger) || ' ' || (SELECT count(*) FROM outbox) "
        "|| ' ' || (SELECT count(*) FROM payments) || ' ' || (SELECT count(*) FROM refunds) || ' ' || (SELECT "
        "coalesce(string_agg(status, ',' ORDER BY id), '') FROM orders)");
  }
};

TEST_F(OrderInput, IsRefusedWithACodeAndChangesNothing) {
  configure();
  start_here({"order-2", "delivery", "payment"});
  const std::string mine = order("b1", "video-month"), paid = order("b1", "video-month");
  pay("b1", paid, "wallet");
  const std::string before = fingerprint();
  struct Case {
    const char* method;
    std::string path, body;
    int status;
    const char* error;
  };
  const std::string huge(70000, '9');
  const std::vector<Case> cases = {
      {"POST", "/orders", "", 400, "bad_request"},
      {"POST", "/orders", "{", 400, "bad_request"},
      {"POST", "/orders", "[]", 400, "bad_request"},
      {"POST", "/orders", R"({"sku":"steam-50"})", 400, "bad_request"},
      {"POST", "/orders", R"({"sku":5,"quantity":1})", 400, "bad_request"},
      {"POST", "/orders", R"({"sku":"steam-50","quantity":"1"})", 400, "bad_request"},
      {"POST", "/orders", R"({"sku":"steam-50","quantity":1.5})", 400, "bad_request"},
      {"POST", "/orders", R"({"sku":"steam-50","quantity":1e2})", 400, "bad_request"},
      {"POST", "/orders", R"({"sku":"steam-50","quantity":99999999999999999999})", 400, "bad_request"},
      {"POST", "/orders", R"({"sku":"steam-50","quantity":9223372036854775807})", 400, "bad_quantity"},
      {"POST", "/orders", R"({"sku":"steam-50","quantity":-1})", 400, "bad_quantity"},
      {"POST", "/orders", R"({"sku":"steam-50","quantity":0})", 400, "bad_quantity"},
      {"POST", "/orders", R"({"sku":"steam-50","quantity":501})", 400, "bad_quantity"},
      {"POST", "/orders", R"({"sku":"steam\u0000-50","quantity":1})", 400, "bad_request"},
      {"POST", "/orders", R"({"sku":"steam-50","quantity":1,"coupon":7})", 400, "bad_request"},
      {"POST", "/orders", R"({"sku":"steam-50","quantity":1,"coupon":"a b"})", 400, "bad_coupon"},
      {"POST", "/orders", R"({"sku":"none","quantity":1})", 404, "unknown_sku"},
      {"POST", "/orders", R"({"sku":"phone-30","quantity":1,"phone":"1"})", 400, "bad_phone"},
      {"POST", "/orders", R"({"sku":")" + huge + R"(","quantity":1})", 400, "bad_request"},
      {"POST", "/orders/" + mine + "/pay", "{}", 400, "bad_channel"},
      {"POST", "/orders/" + mine + "/pay", R"({"channel":"gamma"})", 400, "bad_channel"},
      {"POST", "/orders/" + mine + "/pay", R"({"channel":1})", 400, "bad_channel"},
      {"POST", "/orders/none/pay", R"({"channel":"wallet"})", 404, "unknown_order"},
      {"POST", "/orders/H0aaaaaaaaaaaaaaaaaa/pay", R"({"channel":"wallet"})", 404, "unknown_order"},
      {"POST", "/orders/" + mine + "/dance", "{}", 404, "not_found"},
      {"POST", "/orders/" + mine + "/refund", "{}", 409, "not_refundable"},
      {"POST", "/orders/" + mine + "/confirm", "{}", 409, "not_delivered"},
      {"POST", "/orders/" + paid + "/refund", "{", 400, "bad_request"},
      {"POST", "/orders/" + paid + "/refund", "[1]", 400, "bad_request"},
      {"POST", "/orders/" + paid + "/refund", R"({"amount_cents":-5})", 400, "bad_amount"},
      {"POST", "/orders/" + paid + "/refund", R"({"amount_cents":0})", 400, "bad_amount"},
      {"POST", "/orders/" + paid + "/refund", R"({"amount_cents":"all"})", 400, "bad_amount"},
      {"POST", "/orders/" + paid + "/refund", R"({"amount_cents":9223372036854775807})", 409, "not_refundable"},
      {"POST", "/orders/" + paid + "/refund", R"({"to":"mars"})", 400, "bad_refund_to"},
      {"POST", "/orders/" + paid + "/refund", R"({"to":7})", 400, "bad_refund_to"},
      {"POST", "/wallet/recharge", R"({"amount_cents":-1,"channel":"alpha"})", 400, "bad_amount"},
      {"POST", "/wallet/recharge", R"({"amount_cents":9223372036854775807,"channel":"alpha"})", 400, "bad_amount"},
      {"POST", "/wallet/recharge", R"({"amount_cents":100,"channel":"wallet"})", 400, "bad_channel"},
      {"POST", "/wallet/recharge", "nothing", 400, "bad_request"},
      {"GET", "/orders?limit=0", "", 400, "bad_page"},
      {"GET", "/orders?after=-1", "", 400, "bad_page"},
      {"GET", "/orders?after=99999999999999999999", "", 400, "bad_page"},
      {"GET", "/wallet/entries?limit=x", "", 400, "bad_page"},
      {"GET", "/wallet/none", "", 404, "not_found"},
      {"GET", "/orders/..%2f", "", 404, "unknown_order"},
      {"POST", "/sessions", R"({"buyer":"no spaces"})", 400, "bad_buyer"},
      {"POST", "/sessions", R"({"buyer":5})", 400, "bad_buyer"},
      {"GET", "/sessions", "", 401, "bad_session"},
      {"GET", "/audit/nothing", "", 404, "not_found"},
      {"GET", "/audit/orders?limit=5001", "", 400, "bad_page"},
      {"GET", "/audit/ledger?limit=0", "", 400, "bad_page"},
      {"GET", "/audit/wallets?after=x", "", 400, "bad_page"},
      {"GET", "/audit/orders?after=99999999999999999999", "", 400, "bad_page"},
  };
  for (const Case& c : cases) {
    const auto a = as_buyer(url_, "b1", c.method, c.path, c.body, "k");
    EXPECT_EQ(a.status, c.status) << c.method << " " << c.path << " " << c.body.substr(0, 80) << " " << a.body;
    EXPECT_EQ(a.json["error"].text(), c.error)
        << c.method << " " << c.path << " " << c.body.substr(0, 80) << " " << a.body;
  }
  EXPECT_EQ(as_buyer(url_, "b2", "GET", "/orders/" + mine).json["error"].text(), "unknown_order");  // another's
  EXPECT_EQ(as_buyer(url_, "b2", "POST", "/orders/" + paid + "/refund", "{}", "k").json["error"].text(),
            "unknown_order");
  EXPECT_EQ(as_buyer(url_, "b 1", "GET", "/wallet").json["error"].text(), "bad_buyer");
  EXPECT_EQ(as_buyer(url_, std::string(33, 'b'), "GET", "/wallet").json["error"].text(), "bad_buyer");
  EXPECT_EQ(create("b1", "steam-50", 1, std::string(200, 'k')).json["error"].text(), "bad_key");
  EXPECT_EQ(as_buyer(url_, "b1", "POST", "/operator/accounts", R"({"name":"b1","role":"merchant","level":3})").status,
            404);  // the gateway leads nobody there
  EXPECT_EQ(fingerprint(), before);
}

TEST_F(OrderInput, OfTheOperatorIsCheckedToo) {
  configure();
  start_here({"order-2", "delivery", "payment", "gateway", "catalog", "inventory"});
  const std::string url = "http://127.0.0.1:" + std::to_string(node("order-1").port);
  const std::vector<std::tuple<std::string, std::string, std::string>> cases = {
      {"accounts", "", "bad_request"},
      {"accounts", R"({"name":"a b","role":"agent","level":1})", "bad_buyer"},
      {"accounts", R"({"name":"a","role":"king","level":1})", "bad_account"},
      {"accounts", R"({"name":"a","role":"agent","level":4})", "bad_account"},
      {"accounts", R"({"name":"a","role":"agent","level":"1"})", "bad_account"},
      {"coupons", R"({"code":"","kind":"amount","value":1})", "bad_coupon"},
      {"coupons", R"({"code":"a","kind":"amount","value":-1})", "bad_coupon"},
      {"coupons", R"({"code":"a","kind":"percent","value":10001})", "bad_coupon"},
      {"coupons", R"({"code":"a","kind":"amount","value":9223372036854775807})", "bad_coupon"},
      {"coupons", R"({"code":"a","kind":"amount","value":1,"min_cents":-1})", "bad_coupon"},
      {"coupons", R"({"code":"a","kind":"amount","value":1,"to_ms":9223372036854775807})", "bad_coupon"},
      {"promotions", R"({"id":"p","sku":"steam-50","kind":"price","value":1,"from_ms":5,"to_ms":5})", "bad_promotion"},
      {"promotions", R"({"id":"p","sku":"none","kind":"price","value":1,"from_ms":0,"to_ms":5})", "unknown_sku"},
      {"nothing", "{}", "not_found"},
  };
  for (const auto& [what, body, error] : cases)
    EXPECT_EQ(as_buyer(url, "", "POST", "/operator/" + what, body).json["error"].text(), error) << what << " " << body;
  EXPECT_EQ(number("SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM coupons) + (SELECT count(*) FROM "
                   "promotions)"),
            0);
}

// Whatever bytes: an answer with a code below 500, or the one that asks to come back; and the node lives.
TEST_F(OrderInput, OfAnyBytesGetsAnAnswer) {
  configure();
  start_here({"order-2", "delivery", "payment"});
  std::mt19937 random(11);
  const std::vector<std::string> good = {R"({"sku":"steam-50","quantity":1,"phone":"13800000000","coupon":"X"})",
                                         R"({"channel":"wallet"})", R"({"amount_cents":100,"to":"wallet"})"};
  const std::string mine = order("b1", "video-month");
  const std::vector<std::string> paths = {"/orders", "/orders/" + mine + "/pay", "/orders/" + mine + "/refund",
                                          "/wallet/recharge", "/sessions"};
  for (int i = 0; i < 400; ++i) {
    std::string body = good[random() % good.size()];
    for (unsigned n = 0; n < 1 + random() % 4; ++n) {
      const std::size_t at = random() % (body.size() + 1);
      if (random() % 2 == 0 && at < body.size())
        body[at] = static_cast<char>(random() % 256);
      else
        body.insert(at, 1, "\"{}[]:,\\0-e.\x80\xff"[random() % 15]);
    }
    const auto a = as_buyer(url_, "fuzz", "POST", paths[random() % paths.size()], body, "k" + std::to_string(i));
    EXPECT_TRUE(a.status >= 200 && a.status < 500) << a.status << " " << a.body << " for " << body;
  }
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/orders/" + mine).json["status"].text(), "created");
  EXPECT_EQ(number("SELECT count(*) FROM orders WHERE amount_cents < 1 OR quantity < 1"), 0);
}

}  // namespace
}  // namespace platform::services_test
