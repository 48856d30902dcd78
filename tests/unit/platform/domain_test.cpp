// The shop's rules, its JSON and its catalogue files.
#include <gtest/gtest.h>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/domain/trade.hpp"

namespace platform::domain {
namespace {

TEST(PlatformJson, ReadsWhatItWrites) {
  const auto json = Json::parse(JsonObject()
                                    .add("text", "a\"b\\\n\x01 \xE5\x8D\xA1")
                                    .add("number", -5)
                                    .add("yes", true)
                                    .raw("list", json_array({"1", "{}"}))
                                    .done());
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["text"].text(), "a\"b\\\n\x01 \xE5\x8D\xA1");
  EXPECT_EQ((*json)["number"].integer(), -5);
  EXPECT_TRUE((*json)["yes"].boolean());
  EXPECT_EQ((*json)["list"].items().size(), 2U);
  EXPECT_EQ((*json)["none"]["deeper"].text(), "");
}

TEST(PlatformJson, ReadsEscapes) {
  const auto json = Json::parse(R"({"a":"\u5361\ud83d\ude00\/\t"})");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["a"].text(), "\xE5\x8D\xA1\xF0\x9F\x98\x80/\t");
}

TEST(PlatformJson, RefusesWhatIsNoJson) {
  for (const char* text : {"", "{", "{}x", R"({"a":})", R"({"a":1,})", "[1,]", R"("\ud800")", R"("\udc00")",
                           R"({"a":1,"a":2})", "010", "-01", "\"a\nb\"", "nul", "1-2", "{'a':1}"}) {
    EXPECT_FALSE(Json::parse(text)) << text;
  }
  EXPECT_FALSE(Json::parse(std::string(100, '[') + std::string(100, ']')));
}

TEST(PlatformJson, TakesNoFractionForANumberOfCents) {
  const auto json = Json::parse(R"({"a":1.5,"b":1e3,"c":9223372036854775807})");
  ASSERT_TRUE(json);
  EXPECT_FALSE((*json)["a"].is_integer());
  EXPECT_FALSE((*json)["b"].is_integer());
  EXPECT_EQ((*json)["c"].integer(), 9223372036854775807);
}

const Good kCard{"c", "Card", "game_card", 1000, 10, false, {{10, 950}, {100, 900}}};
const Good kTopup{"t", "Top-up", "topup", 3000, 0, true, {}};

TEST(Trade, TakesTheWholesalePriceForTheWholeOrder) {
  EXPECT_EQ(amount_of(kCard, 9), 9000);
  EXPECT_EQ(amount_of(kCard, 10), 9500);
  EXPECT_EQ(amount_of(kCard, 100), 90000);
}

TEST(Trade, RefusesWhatMakesNoOrder) {
  EXPECT_EQ(refuse_order(kCard, 1, ""), "");
  EXPECT_EQ(refuse_order(kCard, 0, ""), "bad_quantity");
  EXPECT_EQ(refuse_order(kCard, kQuantityMax + 1, ""), "bad_quantity");
  EXPECT_EQ(refuse_order(kTopup, 1, "13800000000"), "");
  EXPECT_EQ(refuse_order(kTopup, 2, "13800000000"), "bad_quantity");
  EXPECT_EQ(refuse_order(kTopup, 1, "1380000000x"), "bad_phone");
}

TEST(Trade, TakesBackOnlyMembershipsAndEquipment) {
  EXPECT_TRUE(refundable("membership", "delivered"));
  EXPECT_TRUE(refundable("equipment", "delivered"));
  EXPECT_FALSE(refundable("game_card", "delivered"));
  EXPECT_FALSE(refundable("topup", "delivered"));
  EXPECT_FALSE(refundable("membership", "created"));
  EXPECT_FALSE(refundable("membership", "refunded"));
}

TEST(Trade, KnowsABuyersName) {
  EXPECT_TRUE(valid_buyer("b00042"));
  EXPECT_TRUE(valid_buyer(std::string(32, 'a')));
  EXPECT_FALSE(valid_buyer(std::string(33, 'a')));
  EXPECT_FALSE(valid_buyer(""));
  EXPECT_FALSE(valid_buyer("a b"));
}

}  // namespace
}  // namespace platform::domain
