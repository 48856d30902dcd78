// What a buyer can do beyond buying one card: levels, promotions, coupons, sessions, his list of orders, recharging,
// partial refunds.
#include "reference_platform/services/session.hpp"
#include "reference_platform/store/shards.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using domain::Json;

class Buyers : public Hardened {
 protected:
  Answer operate(const std::string& what, const std::string& body) {
    return as_buyer("http://127.0.0.1:" + std::to_string(node("order-1").port), "", "POST", "/operator/" + what, body);
  }
  Answer coupon_state(const std::string& code) {
    return as_buyer("http://127.0.0.1:" + std::to_string(node("order-1").port), "", "GET",
                    "/operator/coupons?code=" + code);
  }
  Answer with_coupon(const std::string& buyer, const std::string& code, const std::string& key,
                     const std::string& sku = "video-month") {
    return post(buyer, "/orders", R"({"sku":")" + sku + R"(","quantity":1,"coupon":")" + code + "\"}", key);
  }
  Answer refund(const std::string& buyer, const std::string& no, const std::string& body, const std::string& key) {
    return post(buyer, "/orders/" + no + "/refund", body, key);
  }
  std::int64_t balance(const std::string& buyer) {
    return as_buyer(url_, buyer, "GET", "/wallet").json["balance_cents"].integer();
  }
  std::string delivered(const std::string& buyer, const std::string& sku, const std::string& channel) {
    const std::string no = order(buyer, sku);
    EXPECT_EQ(pay(buyer, no, channel).status, 200);
    EXPECT_TRUE(reaches(buyer, no, "delivered"));
    return no;
  }
};

TEST_F(Buyers, PayByTheirLevelAndWhileAPromotionLasts) {
  configure();
  start_here({"order-2"});
  EXPECT_EQ(operate("accounts", R"({"name":"agent-1","role":"agent","level":3})").status, 200);
  EXPECT_EQ(as_buyer(url_, "agent-1", "GET", "/account").json["discount_bp"].integer(), 800);
  EXPECT_EQ(create("agent-1", "steam-50", 10, "a").json["amount_cents"].integer(), 4370 * 10);
  EXPECT_EQ(create("b1", "steam-50", 10, "a").json["amount_cents"].integer(), 4750 * 10);
  EXPECT_EQ(create("b1", "qcoin-10", 501, "c").json["error"].text(), "bad_quantity");
  EXPECT_EQ(create("agent-1", "qcoin-10", 501, "c").status, 201);
  EXPECT_EQ(operate("promotions",
                    R"({"id":"p1","sku":"steam-50","kind":"percent","value":2000,"from_ms":0,"to_ms":4000000000000})")
                .status,
            200);
  EXPECT_EQ(create("b1", "steam-50", 1, "d").json["amount_cents"].integer(), 4000);
  EXPECT_EQ(operate("promotions", R"({"id":"p1","sku":"steam-50","kind":"percent","value":2000,"from_ms":0,"to_ms":1})")
                .status,
            200);
  EXPECT_EQ(create("b1", "steam-50", 1, "e").json["amount_cents"].integer(), 5000);
}

TEST_F(Buyers, AreToldAgainOfWhatTheyWereGrantedWhenTheyMayBuyLess) {
  configure();
  start_here({"order-2"});
  EXPECT_EQ(operate("accounts", R"({"name":"agent-1","role":"agent","level":3})").status, 200);
  const Answer granted = create("agent-1", "qcoin-10", 501, "a");
  EXPECT_EQ(granted.status, 201);
  EXPECT_EQ(operate("accounts", R"({"name":"agent-1","role":"buyer","level":0})").status, 200);
  EXPECT_EQ(create("agent-1", "qcoin-10", 501, "b").json["error"].text(), "bad_quantity");
  EXPECT_EQ(create("agent-1", "qcoin-10", 501, "a").json["order_no"].text(), granted.json["order_no"].text());
}

TEST_F(Buyers, UseACouponOnceHoweverManyTry) {
  configure();
  start_here();
  for (int i = 0; i < 6; ++i)
    ASSERT_EQ(operate("coupons", R"({"code":"SAVE-)" + std::to_string(i) + R"(","kind":"amount","value":500})").status,
              200);
  std::atomic<int> won{0}, lost{0};
  std::vector<std::thread> buyers;
  for (int b = 0; b < 6; ++b) {
    buyers.emplace_back([&, b] {
      for (int i = 0; i < 6; ++i) {
        Answer a;
        wait_until([&] {
          return (a = with_coupon("c" + std::to_string(b), "SAVE-" + std::to_string(i), std::to_string(i))).status !=
                 503;
        });  // 503 is no outcome: come again
        if (a.status == 201) {
          EXPECT_EQ(a.json["amount_cents"].integer(), 2000);
          ++won;
        } else {
          EXPECT_EQ(a.json["error"].text(), "coupon_used") << a.body;
          ++lost;
        }
      }
    });
  }
  for (auto& b : buyers) b.join();
  EXPECT_EQ(won, 6);
  EXPECT_EQ(lost, 30);
  EXPECT_EQ(number("SELECT count(*) FROM orders WHERE coupon IS NOT NULL"), 6);
}

TEST_F(Buyers, GetTheSameOrderForARepeatedKeyWithACoupon) {
  configure();
  start_here();
  operate("coupons", R"({"code":"ONE","kind":"percent","value":1000})");
  std::mutex mutex;
  std::set<std::string> numbers;
  std::vector<std::thread> tries;
  for (int i = 0; i < 8; ++i) {
    tries.emplace_back([&] {
      Answer a;
      wait_until([&] { return (a = with_coupon("b1", "ONE", "same")).status != 503; });
      const std::lock_guard lock(mutex);
      EXPECT_EQ(a.status, 201) << a.body;
      numbers.insert(a.json["order_no"].text());
    });
  }
  for (auto& t : tries) t.join();
  EXPECT_EQ(numbers.size(), 1U);
  EXPECT_EQ(with_coupon("b1", "ONE", "same").json["order_no"].text(), *numbers.begin());
  EXPECT_EQ(with_coupon("b1", "NONE", "k").json["error"].text(), "unknown_coupon");
  EXPECT_EQ(with_coupon("b1", "bad coupon!", "k2").json["error"].text(), "bad_coupon");
}

TEST_F(Buyers, GetTheirCouponBackWhenNothingCameOfIt) {
  configure({{"unpaid_close_s", "3600"}});
  start_here();
  operate("coupons", R"({"code":"BACK","kind":"amount","value":100})");
  operate("coupons", R"({"code":"DEAR","kind":"amount","value":100,"min_cents":9999999})");
  EXPECT_EQ(with_coupon("b1", "DEAR", "d").json["error"].text(), "coupon_not_valid");
  ASSERT_EQ(with_coupon("b1", "BACK", "k").status, 201);
  EXPECT_EQ(coupon_state("BACK").json["state"].text(), "claimed");
  execute("UPDATE orders SET created_at = now() - interval '2 hours'");
  EXPECT_TRUE(
      wait_until([&] { return coupon_state("BACK").json["state"].text() == "free"; }));  // the order was closed unpaid
  execute("DELETE FROM cards WHERE sku = 'steam-50'");
  Answer a;
  wait_until([&] { return (a = with_coupon("b1", "BACK", "s", "steam-50")).status != 503; });  // no outcome: come again
  EXPECT_EQ(a.json["error"].text(), "sold_out");
  if (coupon_state("BACK").json["state"].text() == "free") return;
  // A slow answer (202, 503) was asked for again: of two claims with one key neither gives back what the other may
  // need, and settling frees it later.
  EXPECT_GT(number("SELECT coalesce(max(claims), 0) FROM coupons WHERE code = 'BACK'"), 1);
  execute("UPDATE coupons SET claimed_at = now() - interval '1 hour' WHERE code = 'BACK'");
  EXPECT_TRUE(wait_until([&] { return coupon_state("BACK").json["state"].text() == "free"; }));
}

TEST_F(Buyers, LoseNoCouponToACrashBetweenTheTwoDatabases) {
  configure({{"coupon_settle_s", "1"}});
  start_here();
  operate("coupons", R"({"code":"GONE","kind":"amount","value":100})");
  operate("coupons", R"({"code":"KEPT","kind":"amount","value":100})");
  ASSERT_EQ(with_coupon("b1", "KEPT", "k").status, 201);
  execute(
      "UPDATE coupons SET state = 'claimed', order_no = 'H0never', claim_key = 'x', claims = 1, claimed_at = now() "
      "WHERE code = 'GONE'");  // as a node leaves it that died there
  EXPECT_TRUE(wait_until(
      [&] {
        return coupon_state("GONE").json["state"].text() == "free" &&
               coupon_state("KEPT").json["state"].text() == "used";
      },
      15s));
}

TEST_F(Buyers, SeeTheirOwnOrdersPageByPage) {
  configure();
  start_here({"order-2"});
  std::vector<std::string> made;
  for (int i = 0; i < 7; ++i) made.push_back(order("b1", "video-month"));
  order("b2", "video-month");
  std::vector<std::string> seen;
  std::string after = "0";
  for (int page = 0; page < 5 && after != "null"; ++page) {
    const auto a = as_buyer(url_, "b1", "GET", "/orders?limit=3&after=" + after);
    for (const Json& o : a.json["orders"].items()) seen.push_back(o["order_no"].text());
    after = a.json["next"].is_integer() ? std::to_string(a.json["next"].integer()) : "null";
  }
  std::reverse(seen.begin(), seen.end());
  EXPECT_EQ(seen, made);
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/orders?limit=501").json["error"].text(), "bad_page");
}

TEST_F(Buyers, RechargeTheirWalletAtAChannelOnce) {
  configure();
  start_here();
  partners_->notify_copies = 4;
  const auto a = post("b1", "/wallet/recharge", R"({"amount_cents":12345,"channel":"alpha"})", "r");
  ASSERT_EQ(a.status, 201) << a.body;
  EXPECT_EQ(post("b1", "/wallet/recharge", R"({"amount_cents":12345,"channel":"alpha"})", "r").json["order_no"].text(),
            a.json["order_no"].text());
  EXPECT_EQ(post("b1", "/wallet/recharge", R"({"amount_cents":1,"channel":"alpha"})", "r").json["error"].text(),
            "key_reused");
  EXPECT_TRUE(reaches("b1", a.json["order_no"].text(), "delivered"));
  EXPECT_EQ(balance("b1"), 10'012'345);
  const auto entries = as_buyer(url_, "b1", "GET", "/wallet/entries");
  ASSERT_EQ(entries.json["entries"].items().size(), 1U) << entries.body;
  EXPECT_EQ(entries.json["entries"].items()[0]["kind"].text(), "recharge");
  EXPECT_EQ(refund("b1", a.json["order_no"].text(), "{}", "x").json["error"].text(), "not_refundable");
  EXPECT_EQ(number("SELECT coalesce(sum(delta_cents), 0) FROM ledger"), 0);
}

// One who is called like the other side of the books would read everybody's entries, and his recharge would hold up all
// messages of his database.
TEST_F(Buyers, MayBeCalledAsTheyLike) {
  configure();
  start_here();
  for (const std::string name : {"house", "wallet", "-"}) {
    const std::string no = delivered(name, "qcoin-10", "wallet");
    const auto recharge = post(name, "/wallet/recharge", R"({"amount_cents":500,"channel":"alpha"})", "r");
    EXPECT_TRUE(reaches(name, recharge.json["order_no"].text(), "delivered"));
    EXPECT_EQ(balance(name), 10'000'000 - 1000 + 500);
    EXPECT_EQ(as_buyer(url_, name, "GET", "/wallet/entries").json["entries"].items().size(), 2U);
  }
}

TEST_F(Buyers, TakeBackAPartOrAllByTheRules) {
  configure();
  start_here();
  const std::string no = delivered("b1", "video-month", "wallet"), card = delivered("b1", "steam-50", "wallet");
  EXPECT_EQ(refund("b1", no, R"({"amount_cents":1000})", "p1").status, 200);
  EXPECT_EQ(refund("b1", no, R"({"amount_cents":1000})", "p1").status, 200);  // the same request
  EXPECT_EQ(refund("b1", no, R"({"amount_cents":900})", "p1").json["error"].text(), "key_reused");
  EXPECT_EQ(show("b1", no).json["status"].text(), "delivered");
  EXPECT_EQ(show("b1", no).json["refunded_cents"].integer(), 1000);
  EXPECT_EQ(refund("b1", no, R"({"amount_cents":1501})", "p2").json["error"].text(), "not_refundable");
  EXPECT_EQ(refund("b1", no, "{}", "p3").json["amount_cents"].integer(), 1500);
  EXPECT_EQ(show("b1", no).json["status"].text(), "refunded");
  EXPECT_EQ(refund("b1", card, "{}", "c").json["error"].text(), "not_refundable");
  EXPECT_EQ(balance("b1"), 10'000'000 - 5000);
}

TEST_F(Buyers, TakeChannelMoneyBackToTheChannelOrIntoTheWallet) {
  configure();
  start_here();
  const std::string first = delivered("b1", "video-month", "alpha"), second = delivered("b1", "sword-rare", "beta");
  EXPECT_EQ(refund("b1", first, R"({"amount_cents":700,"to":"channel"})", "a").status, 200);
  EXPECT_TRUE(wait_until([&] { return partners_->kept_cents(first) == 1800; }));
  EXPECT_TRUE(wait_until([&] { return show("b1", first).json["refunded_cents"].integer() == 700; }));
  EXPECT_EQ(show("b1", first).json["status"].text(), "delivered");
  EXPECT_EQ(refund("b1", second, R"({"to":"wallet"})", "b").status, 200);
  EXPECT_EQ(show("b1", second).json["status"].text(), "refunded");
  EXPECT_EQ(balance("b1"), 10'008'800);
  EXPECT_EQ(partners_->kept_cents(second), 8800);
  const std::string third = delivered("b1", "sword-rare", "wallet");
  EXPECT_EQ(refund("b1", third, R"({"to":"channel"})", "c").json["error"].text(), "bad_refund_to");
  EXPECT_EQ(post("b1", "/orders/" + third + "/confirm", "{}", "").status, 200);
  EXPECT_EQ(refund("b1", third, "{}", "d").json["error"].text(), "not_refundable");  // confirmed equipment stays
}

TEST_F(Buyers, TakeAPaidOrderBackBeforeAnybodyDelivers) {
  configure();
  start_here({"delivery"});
  const std::string no = order("b1", "steam-50", 4);
  ASSERT_EQ(pay("b1", no, "wallet").status, 200);
  EXPECT_EQ(refund("b1", no, "{}", "r").json["status"].text(), "refunded");
  EXPECT_EQ(number("SELECT count(*) FROM cards WHERE order_no IS NOT NULL"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM outbox"), 0);
  EXPECT_EQ(balance("b1"), 10'000'000);
  const std::string begun = order("b1", "steam-50");
  pay("b1", begun, "wallet");
  execute("UPDATE outbox SET lease_until = now() - interval '1 s'");  // somebody had it once
  EXPECT_EQ(refund("b1", begun, "{}", "r2").json["error"].text(), "being_delivered");
}

TEST_F(Buyers, ComeInWithASessionThatNeedsNoRedis) {
  configure();
  start_here();
  const auto login = as_buyer(url_, "", "POST", "/sessions", R"({"buyer":"s1"})");
  ASSERT_EQ(login.status, 201) << login.body;
  const std::string token = login.json["token"].text();
  const auto with = [&](const std::string& t, const std::string& buyer) {
    edge::Headers h = {{"X-Session", t}};
    if (!buyer.empty()) h.emplace_back("X-Buyer", buyer);
    const auto r = edge::call("GET", url_ + "/wallet", "", h, {1000ms, 5000ms});
    return Answer{r.status, Json::parse(r.body).value_or(Json()), r.body};
  };
  EXPECT_EQ(with(token, "").json["buyer"].text(), "s1");
  EXPECT_EQ(with(token, "other").status, 401);
  std::string forged = token;
  forged[1] = forged[1] == '2' ? '3' : '2';
  EXPECT_EQ(with(forged, "").json["error"].text(), "bad_session");
  EXPECT_EQ(with("...", "").status, 401);
  const auto session = [&](const char* method, const std::string& t) {
    return edge::call(method, url_ + "/sessions", "", {{"X-Session", t}}, {1000ms, 5000ms}).status;
  };
  EXPECT_EQ(session("GET", token), 200);
  EXPECT_EQ(session("PUT", token), 405);
  EXPECT_EQ(session("DELETE", forged), 401);
  EXPECT_EQ(session("DELETE", token), 200);
  EXPECT_EQ(session("GET", token), 401);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(with(token, "").status, 401);  // at both order nodes
}

/// Remembers in memory.
class FakeRedis final : public store::Redis {
 public:
  explicit FakeRedis(std::map<std::string, std::string>& kept) : kept_(kept) {}
  store::RedisReply command(const std::vector<std::string>&, std::optional<std::chrono::milliseconds>) override {
    return {};
  }
  std::optional<std::string> get(const std::string& key) override {
    return kept_.contains(key) ? std::optional(kept_[key]) : std::nullopt;
  }
  void set(const std::string& key, const std::string& value, std::chrono::milliseconds) override { kept_[key] = value; }
  void del(const std::string& key) override { kept_.erase(key); }
  bool reachable() override { return true; }

 private:
  std::map<std::string, std::string>& kept_;
};

TEST_F(Buyers, StayOutOnceTheyHaveLoggedOutWhateverRedisForgets) {
  std::map<std::string, std::string> kept;
  services::Sessions one("key", std::make_unique<FakeRedis>(kept)), twin("key", std::make_unique<FakeRedis>(kept)),
      stranger("other", std::make_unique<FakeRedis>(kept));
  auto db = dbs_.front()->take();
  edge::Request r;
  r.body = R"({"buyer":"s1"})";
  const std::string token = Json::parse(one.log_in(r).body).value_or(Json())["token"].text(),
                    other = one.token_for("s1", std::time(nullptr) + 60);
  const auto session = twin.read(token);
  ASSERT_TRUE(session.has_value());
  EXPECT_EQ(session->buyer, "s1");
  EXPECT_FALSE(twin.ended(*session, *db));
  EXPECT_FALSE(stranger.read(token).has_value());
  EXPECT_FALSE(one.read(one.token_for("s1", 1000)).has_value());
  EXPECT_EQ(one.log_out(*session, *db).status, 200);
  EXPECT_EQ(one.log_out(*session, *db).status, 200);
  EXPECT_TRUE(twin.ended(*session, *db));
  kept.clear();  // Redis lost everything
  EXPECT_TRUE(twin.ended(*session, *db));
  EXPECT_EQ(one.look(*session, *db).status, 401);
  EXPECT_FALSE(twin.ended(*one.read(other), *db));  // another session of the same buyer lives on
  for (auto& [key, value] : kept) value = "1";      // it came back from yesterday: the end is not in it
  EXPECT_TRUE(twin.ended(*session, *db));
}

}  // namespace
}  // namespace platform::services_test
