// target contract over every registered kind without its platform, and over stand-ins that run. A new kind is covered
// by its line in registry.def.
#include "tests/contract/target_contract.hpp"

#include "harness/core/files.hpp"
#include "tests/contract/fake_target.hpp"
#include "tests/support/command_node.hpp"

namespace cardstorm {
namespace {

using test::EveryRunningTarget;
using test::EveryTarget;
using test::FakePlatform;

/// Nobody listens on port 1, and where the test looks for the reference platform there is none.
std::vector<test::TargetCase> every_kind() {
  std::vector<test::TargetCase> out;
  for (const TargetEntry& entry : target_registry()) {
    TargetSpec spec;
    spec.name = spec.kind = entry.name;
    spec.variant = "hardened";
    spec.url = "http://127.0.0.1:1";
    spec.touch = {"pool", "channels", "nodes"};
    spec.nodes["order"].node = "order-1";
    out.push_back({entry.name, spec});
  }
  return out;
}

/// The fake platform as a user's own: its payments through simulators, its node by commands, its books by a page.
class ExternalLab final : public test::Lab {
 public:
  ExternalLab() : node_(dir_.path()) {
    EXPECT_TRUE(write_file(dir_.path() + "/token", FakePlatform::kToken));
    EXPECT_TRUE(node_.start());
    EXPECT_TRUE(test::eventually([this] { return node_.alive(); }));
  }
  [[nodiscard]] std::unique_ptr<Target> target() const override { return make({"pool", "channels", "nodes"}); }
  [[nodiscard]] std::unique_ptr<Target> untouchable() const override { return make({}); }
  [[nodiscard]] std::vector<std::string> places(const std::string& ability) const override {
    if (ability == "pool") return {};  // no database in the target file
    return {ability == "nodes" ? "web" : "alpha"};
  }
  [[nodiscard]] bool sells() override { return node_.alive() && !platform_.delayed(); }

 private:
  [[nodiscard]] std::unique_ptr<Target> make(const std::vector<std::string>& touch) const {
    TargetSpec spec;
    spec.name = spec.kind = "external";
    spec.url = platform_.url();
    spec.touch = touch;
    spec.version_path = "/version";
    spec.version_pointer = "/version";
    spec.nodes["web"] = node_.spec();
    spec.partners = {platform_.url(), dir_.path() + "/token", ""};
    spec.audit.path = "/audit";
    return test::target_entry("external")->make(spec, TargetSetup{});
  }
  test::TempDir dir_;
  test::CommandNode node_;
  FakePlatform platform_;
};

INSTANTIATE_TEST_SUITE_P(Registry, EveryTarget, testing::ValuesIn(every_kind()), test::name_of_case<test::TargetCase>);
INSTANTIATE_TEST_SUITE_P(Fake, EveryRunningTarget,
                         testing::Values(test::LabCase{"external", test::shared_lab<ExternalLab>}),
                         test::name_of_case<test::LabCase>);

TEST(TargetRegistry, HasEachNameOnceAndIsDocumented) {
  const std::set<std::string> abilities{"pool", "channels", "nodes"}, types{"duration", "integer", "number", "string"};
  std::set<std::string> names;
  for (const auto& entry : target_registry()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_FALSE(entry.summary.empty()) << entry.name;
    for (const auto& ability : entry.abilities) EXPECT_TRUE(abilities.contains(ability)) << ability;
    for (const auto& param : entry.params) {
      EXPECT_TRUE(types.contains(param.type)) << param.name;
      EXPECT_FALSE(param.summary.empty()) << param.name;
    }
  }
  EXPECT_TRUE(names.contains("reference") && names.contains("external"));
}

}  // namespace
}  // namespace cardstorm
