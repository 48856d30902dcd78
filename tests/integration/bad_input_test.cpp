// bad input: every mistake at once with its place and remedy, the right exit code, nothing started, nothing lost.
#include <gtest/gtest.h>

#include "tests/integration/command.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm {
namespace {

TEST(BadInput, NamesAllMistakesOfAScenarioAtOnceAndExitsWith2) {
  const TestFolder folder;
  const std::string file = folder.at("bad.yaml");
  auto text = *read_file(testing_paths::source_dir() + "/scenarios/smoke.yaml");
  text += "\ntrafic: 1\nseed: many\n";
  ASSERT_TRUE(write_file(file, text));
  const Said said = run_command(folder, {"run", file, "--target", "hardned", "--out", folder.at("out")});
  EXPECT_EQ(said.code, 2);
  EXPECT_NE(said.err.find("trafic"), std::string::npos) << said.err;
  EXPECT_NE(said.err.find("traffic"), std::string::npos) << said.err;
  EXPECT_NE(said.err.find("seed"), std::string::npos) << said.err;
  EXPECT_NE(said.err.find("hardened"), std::string::npos) << said.err;
  EXPECT_NE(said.err.find(file + ":"), std::string::npos) << said.err;
  EXPECT_FALSE(std::filesystem::exists(folder.at("out")));
}

TEST(BadInput, RefusesAnUnknownVerbAndOptionWithASuggestion) {
  const TestFolder folder;
  const Said verb = run_command(folder, {"dril"});
  EXPECT_EQ(verb.code, 2);
  EXPECT_NE(verb.err.find("drill"), std::string::npos) << verb.err;
  const Said option = run_command(folder, {"drill", "--quik"});
  EXPECT_EQ(option.code, 2);
  EXPECT_NE(option.err.find("--quick"), std::string::npos) << option.err;
}

TEST(BadInput, RefusesAnOptionThatNothingWouldHeed) {
  const TestFolder folder;
  const Said said = run_command(folder, {"run", "smoke", "--target", "external-example", "--set", "faults=[]", "--keep",
                                         "--out", folder.at("out")});
  EXPECT_EQ(said.code, 2) << said.err;
  EXPECT_NE(said.err.find("--keep has no meaning for target 'external-example'"), std::string::npos) << said.err;
}

TEST(BadInput, RefusesAnOptionWithoutAValue) {
  const TestFolder folder;
  for (const char* option : {"--out", "--target", "--seed", "--baseline"}) {
    const Said said = run_command(folder, {"run", "smoke", option, ""});
    EXPECT_EQ(said.code, 2) << option << said.err;
    EXPECT_NE(said.err.find(std::string(option) + ": the value is empty"), std::string::npos) << said.err;
  }
  EXPECT_EQ(run_command(folder, {"recover", ""}).code, 2) << "not: nothing to recover";
}

TEST(BadInput, HistoryOfADrillNamesItsRuns) {
  const TestFolder folder;
  std::filesystem::create_directories(folder.at("drill/candidate/1/history"));
  const Said said = run_command(folder, {"history", "orders", folder.at("drill")});
  EXPECT_EQ(said.code, 2) << said.out;
  EXPECT_NE(said.err.find("such as " + folder.at("drill/candidate/1")), std::string::npos) << said.err;
}

TEST(BadInput, DoctorSaysWhatIsWrongWithTheJourneysToo) {
  const TestFolder folder;
  const std::string file = folder.at("shop.yaml");
  ASSERT_TRUE(write_file(file, "target: shop\nkind: external\nurl: http://127.0.0.1:1\njourneys: nowhere\n"));
  const Said said = run_command(folder, {"doctor", "--target", file});
  EXPECT_EQ(said.code, 2) << said.out;
  EXPECT_NE(said.err.find("'nowhere' is not known in journeys"), std::string::npos) << said.err;
}

TEST(BadInput, SuggestsNoVerbInPlaceOfAFile) {
  const TestFolder folder;
  const Said said = run_command(folder, {"compare", "r3"});
  EXPECT_EQ(said.code, 2);
  EXPECT_EQ(said.err.find("did you mean"), std::string::npos) << said.err;
}

TEST(BadInput, RefusesAPortThatIsNoneAndAPartnerThatIsThereTwice) {
  const TestFolder folder;
  const Said port = run_command(folder, {"partners", "up", "--journal", folder.at("bank"), "--port", "99999"});
  EXPECT_EQ(port.code, 2) << port.out;
  EXPECT_NE(port.err.find("99999"), std::string::npos) << port.err;
  const Said twice = run_command(
      folder, {"partners", "up", "--journal", folder.at("bank"), "--channel", "x=easypay", "--channel", "x=alipay"});
  EXPECT_EQ(twice.code, 2) << twice.out;
  EXPECT_NE(twice.err.find("'x' is there twice"), std::string::npos) << twice.err;
}

TEST(BadInput, RefusesAnAddressOutsideTheAllowList) {
  const TestFolder folder;
  const std::string file = folder.at("outside.yaml");
  ASSERT_TRUE(write_file(file, "target: outside\nkind: external\nurl: http://192.0.2.1:80\n"));
  const Said said = run_command(folder, {"run", "smoke", "--target", file, "--out", folder.at("out")});
  EXPECT_EQ(said.code, 2) << said.err;
  EXPECT_NE(said.err.find("192.0.2.1"), std::string::npos) << said.err;
}

TEST(BadInput, LeavesAnExistingOutFolderAlone) {
  const TestFolder folder;
  std::filesystem::create_directory(folder.at("out"));
  ASSERT_TRUE(write_file(folder.at("out/mine.txt"), "x"));
  const Said said = run_command(folder, {"run", "smoke", "--out", folder.at("out")});
  EXPECT_EQ(said.code, 4) << said.err;
  EXPECT_EQ(*read_file(folder.at("out/mine.txt")), "x");
}

TEST(BadInput, SaysThatAJudgedFolderIsNoRun) {
  const TestFolder folder;
  const Said said = run_command(folder, {"judge", folder.at("nothing")});
  EXPECT_EQ(said.code, 2);
  EXPECT_NE(said.err.find("plan.json"), std::string::npos) << said.err;
}

TEST(BadInput, DoesNotSayNothingToRecoverOfAFolderThatIsNotThere) {
  const TestFolder folder;
  const Said said = run_command(folder, {"recover", folder.at("nothing")});
  EXPECT_EQ(said.code, 2) << said.out;
  EXPECT_NE(said.err.find("there is no folder"), std::string::npos) << said.err;
}

/// `command` in a shell, which redirects as a user's would; $CARDSTORM is the binary. The exit code.
int in_a_shell(const TestFolder& folder, const std::string& command) {
  ProcessSpec spec;
  spec.program = "sh";
  spec.args = {"-c", "cd '" + folder.at("") + "' && " + command};
  spec.env = {{"CARDSTORM_ROOT", testing_paths::source_dir()}, {"CARDSTORM", binary_dir() + "/cardstorm"}};
  const auto code = run_program(spec, 60s, [](const std::string&) {});
  return code ? *code : -1;
}

TEST(Output, GoesIntoNoFileOfOursWhenTheStandardStreamsAreClosed) {
  const TestFolder folder;
  EXPECT_EQ(in_a_shell(folder, "\"$CARDSTORM\" partners up --journal bank <&- >&- 2>&-"), 0);
  int journals = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.at("bank"))) {
    if (entry.path().extension() != ".jsonl") continue;
    ++journals;
    EXPECT_EQ(read_file(entry.path().string())->find("\"url\""), std::string::npos) << entry.path();
  }
  EXPECT_GE(journals, 3);
}

TEST(Output, ThatDidNotArriveIsNoSuccess) {
  const TestFolder folder;
  EXPECT_EQ(in_a_shell(folder, "\"$CARDSTORM\" list faults --json >/dev/full"), 4);
  EXPECT_EQ(in_a_shell(folder, "\"$CARDSTORM\" --help | true; \"$CARDSTORM\" list faults >&-"), 0)
      << "nobody wanted it";
}

TEST(Help, TeachesEveryVerb) {
  const TestFolder folder;
  const Said all = run_command(folder, {"--help"});
  EXPECT_EQ(all.code, 0);
  for (const char* verb : {"drill", "run", "plan", "judge", "report", "list", "doctor", "recover", "stop", "platform",
                           "partners", "mint", "history"})
    EXPECT_NE(all.out.find(verb), std::string::npos) << verb;
  EXPECT_EQ(all.out.find("guardian"), std::string::npos);
  EXPECT_EQ(run_command(folder, {"drill", "--help"}).code, 0);
  const Said platform = run_command(folder, {"platform", "up", "hardened", "--help"});
  EXPECT_EQ(platform.code, 0);
  EXPECT_NE(platform.out.find("--foreground"), std::string::npos) << platform.out << platform.err;
}

TEST(List, PrintsOnlyJsonOnStdout) {
  const TestFolder folder;
  for (const char* what : {"faults", "checks", "targets", "reports", "scenarios"}) {
    const Said said = run_command(folder, {"list", what, "--json"});
    EXPECT_EQ(said.code, 0);
    const auto rows = Json::parse(said.out);
    ASSERT_TRUE(rows) << said.out;
    EXPECT_FALSE(rows->items().empty()) << what;
    for (const Json& row : rows->items()) EXPECT_FALSE(row["name"].string().empty());
  }
}

TEST(Plan, RepeatsByteForByteForOneSeed) {
  const TestFolder folder;
  const Said a = run_command(folder, {"plan", "drill", "--seed", "7", "--json"});
  const Said b = run_command(folder, {"plan", "drill", "--seed", "7", "--json"});
  const Said c = run_command(folder, {"plan", "drill", "--seed", "8", "--json"});
  EXPECT_EQ(a.code, 0) << a.err;
  EXPECT_EQ(a.out, b.out);
  EXPECT_NE(a.out, c.out);
}

}  // namespace
}  // namespace cardstorm
