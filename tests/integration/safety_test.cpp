// safety: however a run ends, nothing stays broken and no process of ours stays.
#include <gtest/gtest.h>

#include <csignal>

#include "harness/core/text.hpp"
#include "harness/lease/undo_journal.hpp"
#include "tests/integration/command.hpp"

namespace cardstorm {
namespace {

/// Waits until the run says that a fault is in force.
bool fault_is_on(const Command& command) {
  return eventually(90s, [&] { return command.err().find("FAULT ") != std::string::npos; });
}

/// The trees that the run's undo journal lists, which must not outlive it.
std::vector<OwnedTree> trees_of(const std::string& run) {
  const auto record = read_undo_journal(run);
  return record ? record->trees : std::vector<OwnedTree>{};
}

bool all_gone(const std::vector<OwnedTree>& trees) {
  for (const OwnedTree& tree : trees)
    if (alive(tree.root) || !process_tree(tree.root, tree.mark).empty()) return false;
  return true;
}

TEST(Safety, CtrlCRevertsReportsUnknownAndExitsWith130) {
  const TestFolder folder;
  const std::string out = folder.at("run");
  Command command(folder, {"run", "smoke", "--target", "hardened", "--out", out});
  ASSERT_TRUE(fault_is_on(command)) << command.err();
  const auto trees = trees_of(out);
  EXPECT_EQ(trees.size(), 2U);
  ASSERT_TRUE(command.signal(SIGINT));
  const Said said = command.finish(60s);
  EXPECT_EQ(said.code, 130) << said.err;
  const auto card = Json::parse(*read_file(out + "/scorecard.json"));
  ASSERT_TRUE(card);
  EXPECT_EQ((*card)["verdict"].string(), "unknown");
  EXPECT_TRUE(eventually(10s, [&] { return all_gone(trees); }));
  const auto record = read_undo_journal(out);
  ASSERT_TRUE(record);
  EXPECT_FALSE(record->anything_open());
  EXPECT_TRUE(record->closed);
}

TEST(Safety, CtrlCDuringTheStartLeavesAReportAndNothingElse) {
  const TestFolder folder;
  const std::string out = folder.at("drill");
  Command command(folder, {"drill", "--quick", "--out", out});
  ASSERT_TRUE(eventually(60s, [&] { return command.err().find("starting fragile") != std::string::npos; }))
      << command.err();
  ASSERT_TRUE(command.signal(SIGINT));
  const Said said = command.finish(60s);
  EXPECT_EQ(said.code, 130) << said.err;
  const auto trees = trees_of(out + "/baseline/1");
  EXPECT_TRUE(eventually(10s, [&] { return all_gone(trees); }));
  EXPECT_TRUE(std::filesystem::exists(out + "/baseline/1/scorecard.json")) << said.err;
  EXPECT_TRUE(std::filesystem::exists(out + "/drill.json")) << said.err;
}

TEST(Safety, KillNineOfTheHarnessLeavesNothingBrokenAndNoProcess) {
  const TestFolder folder;
  const std::string out = folder.at("run");
  Command command(folder, {"run", "smoke", "--target", "hardened", "--out", out});
  ASSERT_TRUE(fault_is_on(command)) << command.err();
  const auto trees = trees_of(out);
  ASSERT_TRUE(command.signal(SIGKILL));
  EXPECT_EQ(command.finish(10s).code, 128 + SIGKILL);
  EXPECT_TRUE(eventually(30s, [&] { return all_gone(trees); }));
  EXPECT_TRUE(eventually(10s, [&] {
    const auto record = read_undo_journal(out);
    return record && !record->anything_open();
  }));
  const Said recovered = run_command(folder, {"recover", out});
  EXPECT_EQ(recovered.code, 0) << recovered.out << recovered.err;
}

}  // namespace
}  // namespace cardstorm
