// tidy: properties of the source tree itself: arrows, doors, registries, words. The house stays as README describes it.
// tree.hpp holds the checks; planted_test.cpp shows that each can fail.
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/core/exit_code.hpp"
#include "harness/core/text.hpp"
#include "tests/support/paths.hpp"
#include "tests/unit/tidy/tree.hpp"

namespace cardstorm::tidy {
namespace {

const Tree kHouse(testing_paths::source_dir());

void expect_none(const Complaints& complaints) { EXPECT_TRUE(complaints.empty()) << join(complaints, "\n"); }

TEST(Tidy, ArrowsPointToCore) {
  const Map map = rooms_of_build(kHouse);
  ASSERT_GT(map.size(), 10U);
  expect_none(arrows(kHouse, map));
  expect_none(circles(map));
  expect_none(unused(kHouse, map));
  expect_none(undocumented(kHouse));
}

TEST(Tidy, TheJudgeSeesNoNetworkClockOrPlatform) {
  expect_none(forbidden(
      kHouse, {"harness/judge", "reports"},
      {"harness/net/", "harness/target/", "harness/drive/", "harness/run/", "harness/fault/", "harness/lease/"},
      {"monotonic_now(", "system_clock"}));
  EXPECT_EQ(libraries_of(kHouse, "reports"), std::set<std::string>()) << "who judges a record needs nothing but it";
  EXPECT_TRUE(libraries_of(kHouse, "run").contains("yaml-cpp")) << "this test no longer sees what rooms link";
}

TEST(Tidy, ExitCodesAreToldAsTheTableHasThem) {
  for (const char* page : {"README.md", "scenarios/ci/README.md"}) {
    std::string text = kHouse.read(page);
    std::replace(text.begin(), text.end(), '\n', ' ');
    EXPECT_NE(text.find(exit_codes_text()), std::string::npos) << page << ": wanted " << exit_codes_text();
  }
}

/// Each outside library has one room, its door.
const std::vector<std::pair<std::string, std::string>> kDoors = {{"yaml-cpp/", "scenario"},
                                                                 {"curl/", "net"},
                                                                 {"openssl/", "net"},
                                                                 {"boost/asio", "net"},
                                                                 {"boost/beast", "net"},
                                                                 {"boost/process", "lease"},
                                                                 {"prometheus/", "observe"},
                                                                 {"CLI/", "cli"},
                                                                 {"libpq", "db"},
                                                                 {"mysql", "db"},
                                                                 {"mariadb", "db"},
                                                                 {"zlib.h", "trace"},
                                                                 {"re2/", "pattern"},
                                                                 {"regex", "tests alone"}};

TEST(Tidy, EachLibraryHasOneDoor) { expect_none(doors(kHouse, kDoors, {"yaml-cpp/"})); }

TEST(Tidy, HarnessAndPlatformShareNoSource) {
  expect_none(forbidden(kHouse, {"harness", "reports"}, {"reference_platform/"}));
  expect_none(forbidden(kHouse, {"reference_platform"}, {"harness/", "reports/"}));
}

TEST(Tidy, EveryFileOpensWithWhatItIsFor) { expect_none(openings(kHouse)); }

TEST(Tidy, NothingIsLeftForLater) { expect_none(leftovers(kHouse)); }

TEST(Tidy, NoLineIsLongerThanTheLimit) { expect_none(columns(kHouse)); }

TEST(Tidy, LinksAndCitationsLeadToFilesOfTheRepository) { expect_none(citations(kHouse)); }

const std::vector<Registry> kRegistries = {
    {.folder = "harness/fault",
     .macro = "CARDSTORM_FAULT",
     .file = "{}.cpp",
     .definition = R"(FaultEntry (\w+)_fault\(\) \{)",
     .text = "fault_{}",
     .document = "scenarios/README.md",
     .shown = "| `{}` |",
     .tests = "tests/contract",
     .tested = "fault_registry()"},
    {.folder = "harness/judge",
     .macro = "CARDSTORM_CHECK",
     .file = "check_{}.cpp",
     .definition = R"(std::unique_ptr<Check> make_(\w+)\(\))",
     .text = "check_{}",
     .tests = "tests/tester",
     .tested = "\"{}\""},
    {.folder = "harness/target",
     .macro = "CARDSTORM_TARGET",
     .file = "{}.cpp",
     .definition = R"(TargetEntry (\w+)_target\(\) \{)",
     .document = "scenarios/README.md",
     .shown = "`{}`",
     .tests = "tests/contract",
     .tested = "target_registry()"},
    {.folder = "harness/trace",
     .macro = "CARDSTORM_FORMAT",
     .file = "{}.cpp",
     .definition = R"(FormatEntry (\w+)_format\(\) \{)",
     .tests = "tests/unit/trace",
     .tested = "\"{}\""},
    {.folder = "harness/partners",
     .macro = "PARTNER_CHANNEL",
     .file = "{}_channel.cpp",
     .definition = R"(ChannelEntry (\w+)_channel\(\) \{)",
     .document = "harness/partners/api.md",
     .shown = "{}",
     .tests = "tests/unit/partners",
     .tested = "{}"},
    {.folder = "harness/partners",
     .macro = "PARTNER_SUPPLIER",
     .file = "{}_supplier.cpp",
     .definition = R"(SupplierEntry (\w+)_supplier\(\) \{)",
     .document = "harness/partners/api.md",
     .shown = "{}",
     .tests = "tests/unit/partners",
     .tested = "{}"},
    {.folder = "harness/bench",
     .macro = "BENCH",
     .file = "{}.cpp",
     .definition = R"(BenchEntry bench_(\w+)\(\) \{)",
     .document = "README.md",
     .shown = "bench {}"},
    {.folder = "harness/cli", .macro = "VERB", .file = "", .definition = R"(Verb verb_(\w+)\(\) \{)"},
    {.folder = "reports",
     .macro = "REPORTER",
     .file = "{}.cpp",
     .definition = R"(make_(\w+)_reporter\(const ReportOptions)",
     .text = "report_{}",
     .tests = "tests/unit/reports",
     .tested = "{}"},
};

TEST(Tidy, EveryRowHasItsFileTextAndTestAndEveryFileItsRow) {
  for (const Registry& registry : kRegistries) expect_none(registered(kHouse, registry));
}

}  // namespace
}  // namespace cardstorm::tidy
