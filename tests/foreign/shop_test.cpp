// shop: the PHP shop itself. A platform that shall pass an audit must deserve it, and one with a planted bug must
// really have it.
#include "tests/foreign/shop.hpp"

#include <algorithm>
#include <filesystem>
#include <future>
#include <set>

#include "harness/net/http_server.hpp"

namespace cardstorm::test {
namespace {

/// What the shop asks of its payment gateway, and a gateway that says yes to everything.
class Gateway {
 public:
  Gateway()
      : server_(std::move(*serve(0, [this](const ServerRequest& request, const HttpServer::Reply& reply) {
          const std::lock_guard lock(mutex_);
          calls_.push_back(request.path + "?" + request.query + " " + request.body);
          reply({200, R"({"code":1,"msg":"ok","trade_no":"T1","payurl":"http://127.0.0.1/pay"})"});
        }))) {}
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  [[nodiscard]] std::vector<std::string> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> calls_;
  std::unique_ptr<HttpServer> server_;
};

std::string cards(const std::string& prefix, int count) {
  std::string out;
  for (int i = 0; i < count; ++i)
    out += prefix + "-N" + std::to_string(i) + "----" + prefix + "-S" + std::to_string(i) + "\n";
  return out;
}

std::string order_no(const Json& answer) { return answer["data"]["order_no"].string(); }

/// Runs `work(i)` in `count` threads at once.
template <class Work>
auto at_once(int count, Work work) {
  std::vector<std::future<decltype(work(0))>> running;
  for (int i = 0; i < count; ++i) running.push_back(std::async(std::launch::async, work, i));
  std::vector<decltype(work(0))> out;
  for (auto& one : running) out.push_back(one.get());
  return out;
}

/// One healthy shop for all tests that do not need their own.
class PhpShop : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    gateway_ = std::make_unique<Gateway>();
    shop_ = Shop::start({.gateway = gateway_->url()});
  }
  static void TearDownTestSuite() {
    shop_.reset();
    gateway_.reset();
  }
  void SetUp() override { ASSERT_TRUE(shop_); }
  static inline std::unique_ptr<Gateway> gateway_;
  static inline std::unique_ptr<Shop> shop_;
};

TEST_F(PhpShop, SellsACardToWhoPays) {
  ASSERT_EQ(shop_->import("plain", "50.00", cards("plain", 3)), 3);
  EXPECT_EQ(shop_->import("plain", "50.00", cards("plain", 3)), 0) << "known cards are left alone";
  EXPECT_NE(shop_->get("/").body.find("库存 3"), std::string::npos);

  const auto order = shop_->order("plain");
  ASSERT_EQ(order["code"].integer(), 1) << order.dump();
  EXPECT_EQ(order["data"]["amount_cents"].integer(), 5000);
  EXPECT_EQ(shop_->query(order_no(order))["data"]["cards"].items().size(), 0U) << "nothing is shown before the payment";
  const auto pay =
      shop_->api({{"act", "pay"}, {"order_no", order_no(order)}, {"contact", Shop::kContact}, {"type", "alipay"}});
  EXPECT_EQ(pay["data"]["trade_no"].string(), "T1") << pay.dump();
  EXPECT_NE(gateway_->calls().back().find("out_trade_no=" + order_no(order)), std::string::npos);

  EXPECT_EQ(shop_->notify(shop_->paid(order_no(order), "50.00")), "success");
  const auto seen = shop_->query(order_no(order));
  EXPECT_EQ(seen["data"]["status"].integer(), 2);
  ASSERT_EQ(seen["data"]["cards"].items().size(), 1U) << seen.dump();
  EXPECT_EQ(seen["data"]["cards"].items()[0]["secret"].string(), "plain-S0");
  EXPECT_EQ(
      shop_->api({{"act", "query"}, {"order_no", order_no(order)}, {"contact", "somebody else"}})["code"].integer(),
      -4);
}

TEST_F(PhpShop, SellsThroughItsPagesToo) {
  ASSERT_EQ(shop_->import("pages", "9.90", cards("pages", 1)), 1);
  EXPECT_NE(shop_->get("/goods.php?sku=pages").body.find("action=\"/order.php\""), std::string::npos);
  const auto placed = shop_->post(
      "/order.php", {{"sku", "pages"}, {"quantity", "1"}, {"contact", Shop::kContact}, {"token", "pages-1"}});
  ASSERT_EQ(placed.status, 302);
  const auto location =
      std::find_if(placed.headers.begin(), placed.headers.end(), [](const auto& h) { return h.first == "location"; });
  ASSERT_NE(location, placed.headers.end());
  const std::string number = location->second.substr(location->second.find('=') + 1);
  EXPECT_NE(shop_->get(location->second).body.find("<b id=\"money\">9.90</b>"), std::string::npos);
  const auto paying = shop_->post("/pay.php", {{"order_no", number}, {"type", "wxpay"}});
  EXPECT_EQ(paying.status, 302);
  EXPECT_EQ(shop_->notify(shop_->paid(number, "9.90")), "success");
  const auto page = shop_->post("/query.php", {{"order_no", number}, {"contact", Shop::kContact}}).body;
  EXPECT_NE(page.find("<code class=\"secret\">pages-S0</code>"), std::string::npos) << page;
  EXPECT_NE(shop_->get("/").body.find("缺货"), std::string::npos);
}

TEST_F(PhpShop, MakesOneOrderOfAFormThatIsSentTwice) {
  ASSERT_EQ(shop_->import("twice", "1.00", cards("twice", 10)), 10);
  std::set<std::string> numbers;
  for (const auto& answer : at_once(6, [&](int) { return shop_->order("twice", 1, "the-same"); }))
    numbers.insert(order_no(answer));
  EXPECT_EQ(numbers.size(), 1U);
  EXPECT_NE(*numbers.begin(), "");
}

TEST_F(PhpShop, BelievesNoNotifyThatIsNotTheGateways) {
  ASSERT_EQ(shop_->import("hostile", "20.00", cards("hostile", 1)), 1);
  const std::string number = order_no(shop_->order("hostile"));
  const Form good = shop_->paid(number, "20.00");
  const auto with = [&](const std::string& name, const std::string& value) {
    Form fields = good;
    for (auto& field : fields)
      if (field.first == name) field.second = value;
    return fields;
  };
  EXPECT_EQ(shop_->get("/notify.php?" + form_text(good) + "&sign=" + std::string(32, '0')).body, "fail");
  EXPECT_EQ(shop_->get("/notify.php?" + form_text(good)).body, "fail");
  EXPECT_EQ(shop_->notify(with("pid", "1002")), "fail");
  EXPECT_EQ(shop_->notify(with("money", "0.01")), "fail");
  EXPECT_EQ(shop_->notify(with("money", "20.001")), "fail");
  EXPECT_EQ(shop_->notify(with("trade_status", "WAIT_BUYER_PAY")), "fail");
  EXPECT_EQ(shop_->notify(with("out_trade_no", "1")), "fail");
  EXPECT_EQ(shop_->query(number)["data"]["status"].integer(), 0);
  EXPECT_EQ(shop_->notify(good), "success");
}

TEST_F(PhpShop, HandsOverOnceHoweverOftenItIsTold) {
  ASSERT_EQ(shop_->import("dup", "5.00", cards("dup", 20)), 20);
  const std::string number = order_no(shop_->order("dup", 2));
  for (const auto& reply : at_once(8, [&](int) { return shop_->notify(shop_->paid(number, "10.00")); }))
    EXPECT_EQ(reply, "success");
  EXPECT_EQ(shop_->query(number)["data"]["cards"].items().size(), 2U);
}

TEST_F(PhpShop, ReservesNoMoreThanItHas) {
  ASSERT_EQ(shop_->import("rush", "5.00", cards("rush", 5)), 5);
  int sold = 0, refused = 0;
  std::set<std::string> secrets;
  for (const auto& answer : at_once(16, [&](int) { return shop_->order("rush"); })) {
    if (answer["code"].integer() == -2) ++refused;
    if (answer["code"].integer() != 1) continue;
    ++sold;
    EXPECT_EQ(shop_->notify(shop_->paid(order_no(answer), "5.00")), "success");
    const Json seen = shop_->query(order_no(answer));
    for (const Json& card : seen["data"]["cards"].items()) secrets.insert(card["secret"].string());
  }
  EXPECT_EQ(sold, 5);
  EXPECT_EQ(refused, 11);
  EXPECT_EQ(secrets.size(), 5U);
}

TEST_F(PhpShop, ComesBackWhenItsOperatorStartsItAgain) {
  ASSERT_EQ(shop_->fpm("probe"), 0);
  ASSERT_EQ(shop_->fpm("kill"), 0);
  EXPECT_EQ(shop_->get("/health.php").status, 502);
  EXPECT_NE(shop_->fpm("probe"), 0);
  EXPECT_EQ(shop_->fpm("kill"), 0) << "twice is fine";
  ASSERT_EQ(shop_->fpm("start"), 0);
  EXPECT_EQ(shop_->fpm("start"), 0) << "twice is fine";
  EXPECT_EQ(shop_->fpm("probe"), 0);
  EXPECT_EQ(shop_->get("/health.php").status, 200);
}

TEST(PhpShopReservation, EndsAndALatePaymentIsDeliveredOrGivenBack) {
  Gateway gateway;
  const auto shop = Shop::start({.gateway = gateway.url(), .ttl = 1});
  ASSERT_TRUE(shop);
  ASSERT_EQ(shop->import("late", "30.00", cards("late", 1)), 1);
  const std::string first = order_no(shop->order("late"));
  const auto cron = [&] { return shop->get("/cron.php?token=" + shop->secret("admin_token_file")); };
  const Nanos end = monotonic_now() + 20s;
  while (shop->query(first)["data"]["status"].integer() != -1 && monotonic_now() < end) (void)cron();
  ASSERT_EQ(shop->query(first)["data"]["status"].integer(), -1);

  // The card is free again and goes to the next buyer; the first one's money comes too late and goes back.
  const std::string second = order_no(shop->order("late"));
  ASSERT_EQ(shop->notify(shop->paid(second, "30.00")), "success");
  EXPECT_EQ(shop->query(second)["data"]["cards"].items().size(), 1U);
  EXPECT_EQ(shop->notify(shop->paid(first, "30.00")), "success");
  while (shop->query(first)["data"]["status"].integer() != 4 && monotonic_now() < end) (void)cron();
  EXPECT_EQ(shop->query(first)["data"]["status"].integer(), 4);
  const auto calls = gateway.calls();
  EXPECT_EQ(std::count_if(calls.begin(), calls.end(),
                          [](const auto& call) { return call.starts_with("/api.php?act=refund"); }),
            1);
}

TEST(PhpShopPlanted, NotifyTwiceHandsOverTwice) {
  const auto shop = Shop::start({.bug = "notify_twice"});
  ASSERT_TRUE(shop);
  ASSERT_EQ(shop->import("sku", "5.00", cards("sku", 5)), 5);
  const std::string number = order_no(shop->order("sku"));
  EXPECT_EQ(shop->notify(shop->paid(number, "5.00")), "success");
  EXPECT_EQ(shop->notify(shop->paid(number, "5.00")), "success");
  EXPECT_EQ(shop->query(number)["data"]["cards"].items().size(), 2U);
}

TEST(PhpShopPlanted, RaceGivesOneCardToTwo) {
  const auto shop = Shop::start({.bug = "race"});
  ASSERT_TRUE(shop);
  ASSERT_EQ(shop->import("sku", "5.00", cards("sku", 20)), 20);
  std::vector<std::string> numbers;
  for (int i = 0; i < 8; ++i) numbers.push_back(order_no(shop->order("sku")));
  (void)at_once(8, [&](int i) { return shop->notify(shop->paid(numbers[static_cast<std::size_t>(i)], "5.00")); });
  std::set<std::string> secrets;
  for (const auto& number : numbers) {
    const Json seen = shop->query(number);
    for (const Json& card : seen["data"]["cards"].items()) secrets.insert(card["secret"].string());
  }
  EXPECT_LT(secrets.size(), numbers.size());
}

TEST(PhpShopScript, LeavesNothingBehind) {
  std::string dir;
  {
    const auto shop = Shop::start();
    ASSERT_TRUE(shop);
    dir = shop->fact("dir");
    ASSERT_TRUE(std::filesystem::exists(dir));
  }
  EXPECT_FALSE(std::filesystem::exists(dir));
}

}  // namespace
}  // namespace cardstorm::test
