// drill: the PHP shop driven, broken and judged by configuration alone: a target file and a journeys file, its books
// read by SQL.
#include "tests/foreign/site.hpp"

namespace cardstorm::test {
namespace {

Json check_of(const Json& card, const std::string& name) {
  for (const Json& check : card["checks"].items())
    if (check["name"].string() == name) return check;
  return Json();
}

bool first_payment_is_before_the_load(const std::string& run) {
  const auto journal = read_file(run + "/partners/alpha.jsonl"), facts = read_file(run + "/run.json");
  const auto begin = facts ? Json::parse(*facts) : Result<Json>(Json());
  for (const std::string& line : journal ? split(*journal, '\n') : std::vector<std::string>{}) {
    const auto row = Json::parse(line);
    if (row && (*row)["kind"].string() == "created")
      return begin && (*row)["mono_ns"].integer() < (*begin)["start_mono_ns"].integer();
  }
  return false;
}

TEST(PhpDrill, AHealthyShopPassesTheAudit) {
  Site site;
  ASSERT_TRUE(site.ready());
  const Json card = site.run("php-control");
  EXPECT_EQ(card["verdict"].string(), "pass") << card["why"].dump() << "\n" << site.said();
  EXPECT_GT(card["traffic"]["planned"].integer(), 50);
  EXPECT_GE(card["success_rate"].number(), 0.99) << card["traffic"].dump() << site.said();
  for (const Json& check : card["checks"].items()) {
    EXPECT_EQ(check["verdict"].string(), "pass") << check.dump();
    EXPECT_GT(check["examined"].integer(), 0) << check.dump();
  }
  EXPECT_TRUE(first_payment_is_before_the_load(site.at("run"))) << "of the preflight's marked order";
  const std::string record = site.record(), pair = site.first_card();
  EXPECT_NE(record.find("\"target_version\": \"1.4.2\""), std::string::npos) << "read from its health page";
  ASSERT_FALSE(pair.empty());
  EXPECT_EQ(record.find(pair.substr(pair.find("----") + 4)), std::string::npos)
      << "a card stands in the clear in the run folder";
}

TEST(PhpDrill, ADoubleDeliveryIsFoundWithItsOrder) {
  Site site({.bug = "notify_twice", .channel = ",duplicate=0.3"});
  ASSERT_TRUE(site.ready());
  const Json card = site.run("php-control");
  EXPECT_EQ(card["verdict"].string(), "fail") << site.said();
  const Json check = check_of(card, "one_credit_per_charge");
  ASSERT_EQ(check["verdict"].string(), "fail") << check.dump();
  const std::string order = check["witnesses"].items().at(0)["order"].string();
  EXPECT_EQ(site.shop().get("/bill.php?order_no=" + order).status, 200) << "an order of the shop: " << order;
}

TEST(PhpDrill, ACardSoldTwiceIsFoundWithBothOrders) {
  Site site({.bug = "race"});
  ASSERT_TRUE(site.ready());
  const Json card = site.run("php-control", {"--set", "traffic.peak_rate=20"});
  EXPECT_EQ(card["verdict"].string(), "fail") << site.said();
  const Json check = check_of(card, "card_unique");
  RecordProperty("sold_twice", static_cast<int>(check["violations"].integer()));
  ASSERT_EQ(check["verdict"].string(), "fail") << check.dump();
  EXPECT_NE(check["witnesses"].items().at(0)["what"].string().find("was also given to order 20"), std::string::npos)
      << check.dump();
}

TEST(PhpDrill, AllFaultsAreSeenAtTheirPlaceAndReverted) {
  Site site;
  ASSERT_TRUE(site.ready());
  const Json card = site.run("php-drill");
  ASSERT_EQ(card["episodes"].items().size(), 4U) << site.said();
  for (const Json& episode : card["episodes"].items()) {
    EXPECT_TRUE(episode["verified"].boolean()) << episode.dump() << site.said();
    EXPECT_TRUE(episode["reverted"].boolean()) << episode.dump() << site.said();
  }
  for (const Json& check : card["checks"].items()) EXPECT_NE(check["verdict"].string(), "fail") << check.dump();
  EXPECT_EQ(site.shop().get("/health.php").status, 200);
  EXPECT_EQ(site.shop().fpm("probe"), 0);
}

}  // namespace
}  // namespace cardstorm::test
