// Cards from other shops' stock: seen with lag, bought under one number, sold like our own.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "reference_platform/services/supplies.hpp"
#include "tests/unit/platform/goods_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using Does = FakeSuppliers::Does;

const std::map<std::string, std::string> kBoth = {{"upstream", "up=hmac,as=sharedstock"}};

class GoodsUpstream : public Goods {
 protected:
  void listed() {
    ASSERT_TRUE(
        wait_until([&] { return number("SELECT count(*) FROM goods WHERE source IN ('up','as')") == 2 * kDatabases; }));
  }
  std::int64_t stock(const std::string& sku) {
    return number("SELECT coalesce(sum(stock), 0) FROM goods WHERE sku = '" + sku + "'");
  }
};

TEST_F(GoodsUpstream, ShowsTheirStockWithLagAndAPriceOfOurs) {
  start_goods(kBoth);
  listed();
  EXPECT_EQ(stock("up-gold"), 100);
  EXPECT_EQ(number("SELECT price_cents FROM goods WHERE sku = 'up-gold'"), 1100 * kDatabases);
  suppliers_.stock = 7;
  EXPECT_TRUE(wait_until([&] { return stock("up-gold") == 7 && stock("as-gold") == 7; }));
}

TEST_F(GoodsUpstream, FollowsTheirPriceAndSellsNothingWhosePriceItCannotRead) {
  start_goods(kBoth);
  listed();
  suppliers_.price = "25.00";
  EXPECT_TRUE(wait_until([&] {
    return number("SELECT coalesce(sum(price_cents), 0) FROM goods WHERE sku IN ('up-gold', 'as-gold')") ==
           2 * 2750 * kDatabases;
  }));
  suppliers_.price = "2,500.00";
  EXPECT_TRUE(wait_until([&] { return stock("up-gold") == 0 && stock("as-gold") == 0; }));
  EXPECT_EQ(number("SELECT min(price_cents) FROM goods WHERE sku = 'up-gold'"), 2750 * kDatabases) << "not a cent";
}

TEST_F(GoodsUpstream, BuysAndDeliversTheCardsOfBothDialects) {
  start_goods(kBoth);
  listed();
  for (const std::string& sku : {std::string("up-gold"), std::string("as-gold")}) {
    const std::string no = paid("b1", sku, 3);
    EXPECT_TRUE(ends(no, "delivered")) << sku;
    EXPECT_EQ(given(no), 3);
    EXPECT_EQ(number("SELECT count(*) FROM cards WHERE order_no = '" + no + "' AND sold AND secret LIKE 'UP-\"%'"), 3);
  }
  EXPECT_EQ(number("SELECT count(DISTINCT secret) FROM cards WHERE sku LIKE '%-gold'"),
            number("SELECT count(*) FROM cards WHERE sku LIKE '%-gold'"));
}

TEST_F(GoodsUpstream, AnOrderThatFindsThemSoldOutIsPaidBack) {
  start_goods({{"upstream", "up=hmac"}, {"upstream_sync_ms", "600000"}});
  ASSERT_TRUE(wait_until([&] { return stock("up-gold") == 100; }));
  suppliers_.stock = 0;  // the lag
  const std::string no = paid("b1", "up-gold", 2);
  EXPECT_TRUE(ends(no, "undeliverable"));
}

TEST_F(GoodsUpstream, ALostAnswerOfTheHmacKindCostsNothing) {
  suppliers_.does("up", Does::lose_answer);
  start_goods({{"upstream", "up=hmac"}});
  ASSERT_TRUE(wait_until([&] { return stock("up-gold") > 0; }));
  const std::string no = paid("b1", "up-gold", 2);
  ASSERT_TRUE(wait_until([&] { return suppliers_.orders("up").size() == 1; }));
  suppliers_.does("up", Does::deliver);
  EXPECT_TRUE(ends(no, "delivered"));
  EXPECT_EQ(given(no), 2);
  EXPECT_EQ(suppliers_.orders("up").size(), 1U);
}

TEST_F(GoodsUpstream, APartIsDeliveredAndTheRestPaidBack) {
  suppliers_.does("up", Does::part);
  start_goods({{"upstream", "up=hmac"}});
  ASSERT_TRUE(wait_until([&] { return stock("up-gold") > 0; }));
  const std::string no = paid("b1", "up-gold", 4);
  EXPECT_TRUE(ends(no, "delivered"));
  EXPECT_EQ(given(no), 2);
  EXPECT_EQ(told_body(no)["refund_cents"].integer(), 2200);
}

TEST_F(GoodsUpstream, RefusesSettingsThatAreNone) {
  for (const auto& options : std::vector<std::map<std::string, std::string>>{{{"suppliers", "nobody"}},
                                                                             {{"upstream", "up"}},
                                                                             {{"upstream", "up=other"}},
                                                                             {{"upstream", "=hmac"}},
                                                                             {{"upstream", "unknown=hmac"}}})
    EXPECT_THROW(services::supplier_setups(goods_config("delivery", options, {})), std::runtime_error)
        << options.begin()->second;
}

TEST(SupplierWords, MoneyIsReadDigitByDigit) {
  EXPECT_EQ(services::cents_of("19.90"), 1990);
  EXPECT_EQ(services::cents_of("0.01"), 1);
  EXPECT_EQ(services::cents_of("7"), 700);
  EXPECT_EQ(services::cents_of("1.5"), 150);
  for (const char* bad : {"", ".", "1.", ".5", "-1", "1.234", "1e3", "1,5", " 1", "9999999999999"})
    EXPECT_EQ(services::cents_of(bad), std::nullopt) << bad;
  EXPECT_EQ(services::yuan_of(1990), "19.90");
  EXPECT_EQ(services::yuan_of(5), "0.05");
}

TEST(SupplierWords, FormsComeBackAsTheyWere) {
  const services::Form form = {{"a", "x&y=z"}, {"b", ""}, {"c", "卡密 +%"}};
  EXPECT_EQ(services::parse_form(services::form_text(form)), form);
  for (const char* bad : {"a=%", "a=%1", "a=%zz", "a=1&a=2", "=1"})
    EXPECT_EQ(services::parse_form(bad), std::nullopt) << bad;
  EXPECT_EQ(services::sharedstock_sign({{"b", "2"}, {"a", "1"}, {"e", ""}, {"sign", "x"}}, "k"),
            services::md5_hex("a=1&b=2&key=k"));
}

// The true simulators of the harness, where its program is at hand: our client against their server.
TEST_F(GoodsUpstream, BuysFromTheSimulators) {
  const char* bin = std::getenv("CARDSTORM_RELEASE_BIN");  // NOLINT(concurrency-mt-unsafe)
  if (bin == nullptr) GTEST_SKIP() << "CARDSTORM_RELEASE_BIN names the folder with the program `cardstorm`";
  const std::string dir = keys_ + "/bank";
  std::filesystem::create_directories(dir);
  const int port = free_port();
  ops::Command command;
  command.program = std::string(bin) + "/cardstorm";
  command.argv = {"cardstorm",  "partners", "up",          "--foreground",
                  "--journal",  dir,        "--port",      std::to_string(port),
                  "--supplier", "up=hmac",  "--supplier",  "as=sharedstock",
                  "--supplier", "members",  "--logistics", "truck"};
  command.log = dir + "/log";
  auto process = ops::Process::spawn(command);
  const std::string url = "http://127.0.0.1:" + std::to_string(port);
  ASSERT_TRUE(wait_until([&] { return edge::call("GET", url + "/ready", "", {}, {100ms, 500ms}).status == 200; }));
  std::ifstream key_file(dir + "/key");
  std::string key;
  std::getline(key_file, key);
  inventory_ = start(goods_config("inventory", {}, {}));
  auto c = goods_config(
      "delivery",
      {{"upstream", "up=hmac,as=sharedstock"}, {"suppliers", "topup,members,truck"}, {"upstream_keys", dir + "/keys"}},
      {});
  c.partners_url = url;
  c.partners_key = key;
  start(c);
  listed();
  execute("UPDATE goods SET unlimited = true WHERE source <> 'own'");
  std::vector<std::string> orders;
  for (const char* sku : {"up-default", "as-default", "video-month", "sword-rare"})
    orders.push_back(paid("b1", sku, 2));
  orders.push_back(paid("b1", "phone-30", 1, "13800000000"));
  for (const auto& no : orders) EXPECT_TRUE(ends(no, "delivered")) << no;
  EXPECT_EQ(given(orders[0]) + given(orders[1]), 4);
  for (const std::size_t i : {2U, 3U}) tell_delivery(orders[i], "revoke");
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM supplies WHERE state = 'revoked'") == 2; }));
  process.signal(15);
  process.wait(5s);
}

}  // namespace
}  // namespace platform::services_test
