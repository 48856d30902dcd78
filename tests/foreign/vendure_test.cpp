// vendure: a shop that nobody here wrote. Its packages are installed by name on demand, so the test runs where they are
// installed, and installs them itself when it is asked to.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/integration/command.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm::test {
namespace {

bool wanted() {
  const char* asked = std::getenv("CARDSTORM_VENDURE");
  return asked != nullptr && std::string(asked) == "1";
}

TEST(Vendure, SellsMorePiecesThanItHasAndTheAuditSaysSo) {
  if (!wanted()) GTEST_SKIP() << "CARDSTORM_VENDURE=1 installs it by npm (once, into build/vendure) and runs it";
  const TestFolder folder;
  ProcessSpec spec;
  spec.program = testing_paths::source_dir() + "/scenarios/external/vendure/up";
  spec.stderr_path = folder.at("up.log");
  auto vendure = Process::spawn(spec);
  ASSERT_TRUE(vendure) << vendure.error().what;
  const auto line = vendure->read_line(10min);
  const auto facts = line && line->has_value() ? Json::parse(**line) : Result<Json>(Json());
  const auto log = read_file(spec.stderr_path);
  ASSERT_TRUE(facts && !(*facts)["target"].string().empty()) << (log ? *log : "");

  const Said said = run_command(folder,
                                {"run", testing_paths::source_dir() + "/scenarios/external/vendure.yaml", "--target",
                                 (*facts)["target"].string(), "--out", folder.at("run"), "--json"},
                                4min);
  EXPECT_TRUE(vendure->terminate(30s));
  const auto card = Json::parse(said.out);
  ASSERT_TRUE(card) << said.out << said.err;
  EXPECT_EQ(said.code, 1) << said.err;
  EXPECT_EQ((*card)["verdict"].string(), "fail");
  ASSERT_EQ((*card)["checks"].items().size(), 1U);
  const Json& check = (*card)["checks"].items()[0];
  EXPECT_EQ(check["name"].string(), "no_oversell");
  EXPECT_GT(check["violations"].integer(), 0) << check.dump();
  EXPECT_NE(check["witnesses"].items().at(0)["what"].string().find("5 in stock"), std::string::npos) << check.dump();
}

}  // namespace
}  // namespace cardstorm::test
