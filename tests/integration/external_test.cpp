// external: a server that is not ours (Python's own http.server with a few files) is driven and judged by configuration
// alone.
#include <gtest/gtest.h>

#include "harness/core/text.hpp"
#include "tests/integration/command.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm {
namespace {

TEST(External, IsDrivenAndJudgedByConfigurationAlone) {
  const TestFolder folder;
  std::filesystem::create_directories(folder.at("site"));
  ASSERT_TRUE(write_file(folder.at("site/index.html"), "hello"));

  ProcessSpec spec;
  spec.program = "python3";
  spec.args = {"-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder.at("site")};
  spec.stderr_path = folder.at("server.log");
  auto server = Process::spawn(spec);
  ASSERT_TRUE(server) << server.error().what;
  const auto line = server->read_line(20s);  // "Serving HTTP on 127.0.0.1 port N (...) ..."
  ASSERT_TRUE(line && line->has_value());
  const auto words = split(**line, ' ');
  ASSERT_GT(words.size(), 5U) << **line;

  auto target = *read_file(testing_paths::source_dir() + "/scenarios/targets/external-example.yaml");
  const std::string address = "url: http://127.0.0.1:8000";
  const auto at = target.find(address);
  ASSERT_NE(at, std::string::npos);
  target.replace(at, address.size(), "url: http://127.0.0.1:" + words[5]);
  ASSERT_TRUE(write_file(folder.at("target.yaml"), target));

  const Said said = run_command(folder,
                                {"run", "smoke", "--target", folder.at("target.yaml"), "--set", "faults=[]", "--set",
                                 "traffic.late_max=5s", "--out", folder.at("run"), "--json"},
                                2min);
  const auto card = Json::parse(said.out);
  ASSERT_TRUE(card) << said.out << said.err;
  EXPECT_EQ((*card)["target"].string(), "external-example");
  EXPECT_GT((*card)["traffic"]["planned"].integer(), 50);
  EXPECT_GE((*card)["success_rate"].number(), 0.99) << said.err;
  // Nothing was bought, so no promise was examined: unknown, never a pass.
  for (const Json& check : (*card)["checks"].items()) EXPECT_NE(check["verdict"].string(), "fail") << check.dump();
}

}  // namespace
}  // namespace cardstorm
