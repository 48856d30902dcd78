// preflight: names that must not resolve, with a resolver that the test decides, and once with the real one.
#include "harness/target/preflight.hpp"

#include <gtest/gtest.h>

#include <map>

namespace cardstorm {
namespace {

std::vector<NameFinding> look(const std::vector<std::string>& names) {
  const std::map<std::string, std::vector<std::string>> book{
      {"gone", {}}, {"simulated", {"127.0.0.1"}}, {"bank", {"203.0.113.7", "127.0.0.1"}}, {"elsewhere", {"127.9.9.9"}}};
  return names_that_resolve(names, *AllowList::parse({"127.0.0.1"}),
                            [&](const std::string& name) -> Result<std::vector<std::string>> {
                              if (name == "silent") return Error{Errc::unavailable, "no answer"};
                              return book.at(name);
                            });
}

TEST(Preflight, OnlyNothingAndASimulatorOfOursWillDo) {
  EXPECT_TRUE(look({"gone", "simulated"}).empty());
  const auto found = look({"bank", "elsewhere"});
  ASSERT_EQ(found.size(), 2U);
  for (const auto& finding : found) {
    EXPECT_TRUE(finding.blocks);
    EXPECT_FALSE(finding.remedy.empty());
  }
  EXPECT_NE(found[0].what.find("203.0.113.7"), std::string::npos);
}

TEST(Preflight, AResolverThatIsSilentIsTold) {
  const auto found = look({"silent"});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_FALSE(found[0].blocks);
}

TEST(Preflight, AsksThisMachine) {
  const auto found = resolve_name("localhost");
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_FALSE(found->empty());
}

}  // namespace
}  // namespace cardstorm
