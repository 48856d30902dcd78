// production: what is not allowed by name is refused.
#include "harness/scenario/production.hpp"

#include <gtest/gtest.h>

#include "tests/unit/scenario/workspace.hpp"

namespace cardstorm {
namespace {

Plan some_plan() {
  Plan plan;
  Segment s{};
  s.fault.fault = "node_kill";
  s.fault.on = "order";
  plan.segments = {s};
  Journey browse, buy;
  browse.name = "browse";
  browse.steps.resize(1);
  buy.name = "buy";
  buy.steps.resize(1);
  buy.steps[0].method = "POST";
  plan.journeys = {browse, buy};
  return plan;
}
TargetSpec live(const std::vector<std::string>& allows) {
  TargetSpec target;
  target.environment = "production";
  target.production_allows = allows;
  target.audit.path = "/audit";
  return target;
}
std::string refused(const TargetSpec& target, const Plan& plan = some_plan()) {
  return text_of(production_mistakes(target, plan, {0s, 100ms, 1s, 1050ms, 5s}));
}

TEST(Production, AllowsWhatIsNamedAndNothingElse) {
  EXPECT_EQ(refused(live({"load", "peak <= 3", "node_kill on order", "orders", "audit"})), "");
  const std::string all = refused(live({}));
  for (const char* part : {"load is not allowed", "no bound for the load", "'node_kill on order' is not allowed",
                           "journey 'buy'", "audit of its books"})
    EXPECT_NE(all.find(part), std::string::npos) << all;
}

TEST(Production, EachFaultNeedsItsOwnName) {
  const std::string text =
      refused(live({"load", "peak <= 3", "node_kill on payment", "payment_delay on order", "orders", "audit"}));
  EXPECT_NE(text.find("node_kill on order"), std::string::npos) << text;
}

TEST(Production, ThePeakIsTheBusiestSecondOfThePlan) {
  EXPECT_EQ(busiest_second({}), 0U);
  EXPECT_EQ(busiest_second({0s, 999ms, 1s}), 2U);
  EXPECT_EQ(busiest_second({0s, 100ms, 1s, 1050ms, 5s}), 3U) << "100 ms to 1050 ms";
  const std::string text = refused(live({"load", "peak<=2", "node_kill on order", "orders", "audit"}));
  EXPECT_NE(text.find("a second with 3 trades, more than the 2.0"), std::string::npos) << text;
}

TEST(Production, ReadingJourneysPlaceNoOrders) {
  Plan plan = some_plan();
  plan.journeys.pop_back();
  EXPECT_EQ(refused(live({"load", "peak <= 3", "node_kill on order", "audit"}), plan), "");
  TargetSpec target = live({"load", "peak <= 3", "node_kill on order", "audit"});
  target.preflight_journey = "browse";
  EXPECT_NE(refused(target, plan).find("preflight trade"), std::string::npos);
}

TEST(Production, RequestsMustBeMarked) {
  TargetSpec target = live({"load", "peak <= 3", "node_kill on order", "orders", "audit"});
  target.mark_header.clear();
  EXPECT_NE(refused(target).find("without a mark"), std::string::npos);
}

TEST(Production, ElsewhereNothingIsAsked) {
  TargetSpec target = live({});
  target.environment = "staging";
  EXPECT_EQ(refused(target), "");
}

TEST(Production, KnowsItsWords) {
  EXPECT_TRUE(unknown_allowances({"load", "orders", "audit", "peak <= 50", " node_kill  on order "}).empty());
  EXPECT_EQ(unknown_allowances({"peak < 50", "peak <= many", "all", "node_kill", ""}).size(), 5U);
}

class ProductionLoad : public Workspace {};

TEST_F(ProductionLoad, IsRefusedWithThePlaceOfTheTargetFile) {
  edit("targets/lab.yaml", kTarget, "touch:", "environment: production\ntouch:");
  const std::string text = bad_text();
  EXPECT_NE(text.find("targets/lab.yaml:4:14: production: load is not allowed by name"), std::string::npos) << text;
  edit("targets/lab.yaml", kTarget, "touch:",
       "environment: production\nproduction: [load, peak <= 100, orders, node_kill on order, payment_delay on "
       "alpha]\ntouch:");
  (void)good();
}

}  // namespace
}  // namespace cardstorm
