// plan.json: byte stable round trip.
#include <gtest/gtest.h>

#include "tests/support/every_field.hpp"
#include "tests/unit/scenario/workspace.hpp"

namespace cardstorm {
namespace {

class PlanJson : public Workspace {};

TEST_F(PlanJson, ReadsBackToTheSameBytes) {
  Plan plan = good().plan;
  plan.seed = 9'223'372'036'854'775'807ULL;
  plan.traffic.base_rate = 0.1 + 0.2;
  plan.slo.good_share = 1.0 / 3;
  const std::string text = json_of_plan(plan).dump(2);
  const auto parsed = Json::parse(text);
  ASSERT_TRUE(parsed);
  const auto again = plan_of_json(*parsed);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(json_of_plan(*again).dump(2), text);
  EXPECT_EQ(again->segments[1].fault, plan.segments[1].fault);
  EXPECT_EQ(again->journeys[0].steps[0].fact, Fact::order);
}

TEST_F(PlanJson, RefusesWhatItDidNotWrite) {
  const Json whole = json_of_plan(good().plan);
  Json other = whole;
  other.set("drain_ns", "soon");
  const auto edited = plan_of_json(other);
  ASSERT_FALSE(edited);
  EXPECT_NE(edited.error().what.find("/drain_ns"), std::string::npos) << edited.error().what;
  other = whole;
  other.set("surprise", 1);
  ASSERT_FALSE(plan_of_json(other));
  EXPECT_NE(plan_of_json(other).error().what.find("/surprise"), std::string::npos);
  for (const std::int64_t count : {std::int64_t{-7}, std::int64_t{1} << 60}) {
    other = whole;
    other.set("planned_trades", count);
    ASSERT_FALSE(plan_of_json(other)) << "nobody makes room for that many";
    EXPECT_NE(plan_of_json(other).error().what.find("planned_trades"), std::string::npos);
  }
  EXPECT_FALSE(plan_of_json(Json::object()));
  EXPECT_FALSE(plan_of_json(Json()));
}

TEST(PlanFields, AllAreWrittenAndReadBack) {
  Plan plan;
  every_field::fill(plan);
  plan.journeys[0].data_rows.clear();  // not written: they may hold passwords
  every_field::expect_every_field_is_kept(plan, json_of_plan, plan_of_json);
}

TEST(PlanFields, AnEmptyPlanComesBackToo) {
  const Plan plan;
  const auto again = plan_of_json(json_of_plan(plan));
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(json_of_plan(*again).dump(), json_of_plan(plan).dump());
}

TEST_F(PlanJson, SaysWhatItsWordsMayBe) {
  Json other = json_of_plan(good().plan);
  other.set("schema", "cardstorm.plan/7");
  EXPECT_EQ(plan_of_json(other).error().what, "schema is 'cardstorm.plan/7', wanted cardstorm.plan/1");
  Plan plan;
  plan.journeys.resize(1);
  plan.journeys[0].steps.resize(1);
  std::string text = json_of_plan(plan).dump();
  text.replace(text.find("\"none\""), 6, "\"nine\"");
  EXPECT_EQ(plan_of_json(*Json::parse(text)).error().what,
            "journeys/0: steps/0: fact is 'nine', wanted none, order, pay, cards, goods, refund or wallet");
}

}  // namespace
}  // namespace cardstorm
