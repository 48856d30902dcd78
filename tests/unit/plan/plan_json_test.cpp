// plan.json: byte stable round trip.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace cardstorm
