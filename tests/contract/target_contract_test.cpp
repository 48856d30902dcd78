// target contract: what every registered kind of target must do before, without and after a start.
#include <gtest/gtest.h>

#include <set>

#include "harness/target/target.hpp"
#include "tests/contract/fake_platform.hpp"
#include "tests/support/temp_dir.hpp"

namespace cardstorm {
namespace {

class EveryTarget : public testing::TestWithParam<TargetEntry> {
 protected:
  std::unique_ptr<Target> target() {
    TargetSpec spec;
    spec.name = spec.kind = GetParam().name;
    spec.variant = "hardened";
    spec.url = "http://127.0.0.1:1";   // nobody listens on port 1
    spec.touch = {"pool", "channels", "nodes"};
    spec.nodes["order"].node = "order-1";
    TargetSetup setup;
    setup.run_dir = setup.binary_dir = dir_.path();   // no binary lies there
    return GetParam().make(spec, setup);
  }
  test::TempDir dir_;
};

TEST_P(EveryTarget, SaysWhyItCannotStartAndLeavesNothing) {
  const auto target = this->target();
  const auto started = target->start(200ms);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::unavailable);
  EXPECT_FALSE(started.error().what.empty());
  EXPECT_EQ(target->supervisor_pid(), 0);
}

TEST_P(EveryTarget, StopsTwiceAndWithoutAStart) {
  const auto target = this->target();
  EXPECT_TRUE(target->stop());
  EXPECT_TRUE(target->stop());
}

TEST_P(EveryTarget, OffersNoMoreAbilitiesThanItNames) {
  const auto target = this->target();
  const std::set<std::string> named(GetParam().abilities.begin(), GetParam().abilities.end());
  EXPECT_TRUE(named.contains("pool") || target->pool() == nullptr);
  EXPECT_TRUE(named.contains("nodes") || target->nodes() == nullptr);
  EXPECT_TRUE(named.contains("channels") || target->channels() == nullptr);
}

TEST_P(EveryTarget, ResolvesTheAliasesOfTheTargetFile) {
  const auto target = this->target();
  EXPECT_EQ(target->resolve("order"), target->resolve("order-1")) << "the alias and what it stands for are one node";
  EXPECT_EQ(target->resolve("nobody"), "nobody");
}

TEST_P(EveryTarget, HasNoAuditWithoutAStart) { EXPECT_FALSE(target()->audit()); }

TEST_P(EveryTarget, IsDocumented) {
  const std::set<std::string> abilities{"pool", "channels", "nodes"}, types{"duration", "integer", "number", "string"};
  EXPECT_FALSE(GetParam().summary.empty());
  for (const auto& ability : GetParam().abilities) EXPECT_TRUE(abilities.contains(ability)) << ability;
  for (const auto& param : GetParam().params) {
    EXPECT_TRUE(types.contains(param.type)) << param.name;
    EXPECT_FALSE(param.summary.empty()) << param.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryTarget, testing::ValuesIn(target_registry()), [](const auto& test) { return test.param.name; });

TEST(TargetRegistry, HasEachNameOnce) {
  std::set<std::string> names;
  for (const auto& entry : target_registry()) EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
  EXPECT_TRUE(names.contains("reference") && names.contains("external"));
}

}  // namespace
}  // namespace cardstorm
