// fault contract: what every registered fault must do, on a target with all abilities. A new fault is covered by its line in
// registry.def.
#include <gtest/gtest.h>

#include <set>

#include "harness/fault/lane.hpp"
#include "harness/fault/params.hpp"
#include "tests/contract/fake_platform.hpp"

namespace cardstorm {
namespace {

using test::eventually;
using test::FakePlatform;
using test::FakeTarget;

class EveryFault : public testing::TestWithParam<FaultEntry> {
 protected:
  static FaultSpec spec() {
    FaultSpec s;
    s.fault = GetParam().name;
    s.on = GetParam().needs == "channels" ? "alpha" : "order";
    return s;
  }
  std::unique_ptr<Fault> fault() {
    auto made = GetParam().make(spec(), target_);
    EXPECT_TRUE(made) << made.error().what;
    return std::move(*made);
  }
  static bool becomes(Fault& fault, Probe wanted) {
    std::string note;
    return eventually([&] { return fault.probe(&note) == wanted; }, 3s);
  }
  FakePlatform platform_;
  FakeTarget target_{platform_.url()};
};

TEST_P(EveryFault, IsNormalThenInForceThenNormal) {
  const auto fault = this->fault();
  EXPECT_TRUE(becomes(*fault, Probe::normal));
  ASSERT_TRUE(fault->inject());
  EXPECT_TRUE(becomes(*fault, Probe::in_force));
  ASSERT_TRUE(fault->heal());
  EXPECT_TRUE(becomes(*fault, Probe::normal));
}

TEST_P(EveryFault, HealsTwiceAndWithoutAnInject) {
  const auto fault = this->fault();
  EXPECT_TRUE(fault->heal());
  ASSERT_TRUE(fault->inject());
  EXPECT_TRUE(fault->inject()) << "again renews";
  EXPECT_TRUE(fault->heal());
  EXPECT_TRUE(fault->heal());
  EXPECT_TRUE(becomes(*fault, Probe::in_force) || becomes(*fault, Probe::normal));
  EXPECT_TRUE(becomes(*fault, Probe::normal));
}

TEST_P(EveryFault, KnowsItsUndoBeforeItIsMade) {
  const auto fault = this->fault();
  const Json undo = fault->undo();
  if (fault->one_shot()) {
    EXPECT_TRUE(undo.is_null());
  } else {
    EXPECT_EQ(undo["kind"].string(), "http");
    EXPECT_TRUE(undo["url"].string().starts_with(platform_.url())) << undo.dump();
    EXPECT_FALSE(undo["verify"].is_null());
  }
}

TEST_P(EveryFault, EndsByItselfWhenItIsNotRenewed) {
  const auto fault = this->fault();
  if (fault->one_shot()) GTEST_SKIP() << "happens once";
  ASSERT_TRUE(fault->inject());
  ASSERT_TRUE(becomes(*fault, Probe::in_force));
  EXPECT_TRUE(becomes(*fault, Probe::normal)) << "a lease of 2 s";
}

TEST_P(EveryFault, IsUnavailableWhereTheAbilityIsMissing) {
  FakeTarget poor(platform_.url(), false);
  const auto made = GetParam().make(spec(), poor);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::unavailable);
  EXPECT_NE(made.error().what.find("'" + GetParam().needs + "'"), std::string::npos) << made.error().what;
  EXPECT_FALSE(made.error().remedy.empty());
}

TEST_P(EveryFault, RefusesAVictimThatDoesNotExist) {
  auto s = spec();
  s.on = "nobody";
  EXPECT_FALSE(GetParam().make(s, target_));
}

TEST_P(EveryFault, IsUnclearWhenItsPointOfInjectionIsSilent) {
  auto platform = std::make_unique<FakePlatform>();
  FakeTarget target(platform->url());
  auto fault = std::move(*GetParam().make(spec(), target));
  platform.reset();
  std::string note;
  EXPECT_EQ(fault->probe(&note), Probe::unclear);
  EXPECT_FALSE(note.empty());
}

TEST_P(EveryFault, IsDocumented) {
  const FaultEntry& entry = GetParam();
  const std::set<std::string> abilities{"pool", "channels", "nodes"}, types{"duration", "integer", "number", "string"};
  EXPECT_FALSE(entry.summary.empty());
  EXPECT_FALSE(entry.why_in_production.empty());
  EXPECT_TRUE(abilities.contains(entry.needs)) << entry.needs;
  for (const auto& param : entry.params) {
    EXPECT_TRUE(types.contains(param.type)) << param.name;
    EXPECT_FALSE(param.summary.empty()) << param.name;
    if (param.type != "duration") continue;
    EXPECT_TRUE(parse_duration(param.default_text)) << param.name;
    auto s = spec();
    s.params = Json::object({{param.name, "soon"}});
    EXPECT_EQ(entry.make(s, target_).error().code, Errc::invalid);
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryFault, testing::ValuesIn(fault_registry()), [](const auto& test) { return test.param.name; });

TEST(FaultRegistry, HasEachNameOnceAndSaysWhatWasMeant) {
  std::set<std::string> names;
  for (const auto& entry : fault_registry()) EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
  for (const char* name : {"db_pool_exhaustion", "payment_delay", "node_kill"}) EXPECT_TRUE(names.contains(name)) << name;
  FaultSpec spec;
  spec.fault = "node_kil";
  FakePlatform platform;
  FakeTarget target(platform.url());
  const auto made = make_fault(spec, target);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::not_found);
  EXPECT_NE(made.error().remedy.find("node_kill"), std::string::npos);
}

}  // namespace
}  // namespace cardstorm
