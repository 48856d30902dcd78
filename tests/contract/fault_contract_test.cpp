// fault contract on a stand-in that has all abilities, and what only a stand-in can show. A new fault is covered by its
// line in registry.def.
#include "tests/contract/fault_contract.hpp"

#include <set>

#include "harness/fault/lane.hpp"
#include "harness/fault/params.hpp"
#include "tests/contract/fake_target.hpp"

namespace cardstorm {
namespace {

using test::EveryFault;
using test::FakePlatform;
using test::FakeTarget;

/// A fresh one for each test, so that they stay apart.
class FakeLab final : public test::Lab {
 public:
  [[nodiscard]] std::unique_ptr<Target> target() const override {
    return std::make_unique<FakeTarget>(platform_.url());
  }
  [[nodiscard]] std::unique_ptr<Target> untouchable() const override {
    return std::make_unique<FakeTarget>(platform_.url(), false);
  }
  [[nodiscard]] std::vector<std::string> places(const std::string& ability) const override {
    return {ability == "channels" ? "alpha" : "order"};
  }
  [[nodiscard]] bool sells() override { return !platform_.held() && !platform_.delayed() && alive(platform_.child()); }

 private:
  FakePlatform platform_;
};

INSTANTIATE_TEST_SUITE_P(Registry, EveryFault,
                         testing::ValuesIn(test::fault_cases([] { return std::make_shared<FakeLab>(); })),
                         test::name_of_fault);

TEST_P(EveryFault, IsUnclearWhenItsPointOfInjectionFallsSilent) {
  auto platform = std::make_unique<FakePlatform>();
  FakeTarget target(platform->url());
  auto fault = std::move(*entry().make(spec(places().front()), target));
  platform.reset();
  std::string note;
  EXPECT_EQ(fault->probe(&note), Probe::unclear);
  EXPECT_FALSE(note.empty());
}

TEST_P(EveryFault, IsDocumented) {
  const std::set<std::string> abilities{"pool", "channels", "nodes"}, types{"duration", "integer", "number", "string"};
  EXPECT_FALSE(entry().summary.empty());
  EXPECT_FALSE(entry().why_in_production.empty());
  EXPECT_TRUE(abilities.contains(entry().needs)) << entry().needs;
  for (const auto& param : entry().params) {
    EXPECT_TRUE(types.contains(param.type)) << param.name;
    EXPECT_FALSE(param.summary.empty()) << param.name;
    if (param.type != "duration") continue;
    EXPECT_TRUE(parse_duration(param.default_text)) << param.name;
    auto late = spec(places().front());
    late.params = Json::object({{param.name, "soon"}});
    EXPECT_EQ(entry().make(late, *target_).error().code, Errc::invalid);
  }
}

TEST(FaultRegistry, HasEachNameOnceAndSaysWhatWasMeant) {
  std::set<std::string> names;
  for (const auto& entry : fault_registry()) EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
  for (const char* name : {"db_pool_exhaustion", "payment_delay", "node_kill"})
    EXPECT_TRUE(names.contains(name)) << name;
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
