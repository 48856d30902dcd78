// planted: a violation planted in a small tree is found by the tidy check that is there for it, and the tree without it
// passes. A check that cannot fail says nothing.
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/tidy/tree.hpp"

namespace cardstorm::tidy {
namespace {

const Registry kSmall{.folder = "harness/fault",
                      .macro = "FAULT",
                      .file = "{}.cpp",
                      .definition = R"(Entry (\w+)_fault\(\))",
                      .text = "fault_{}",
                      .document = "README.md",
                      .shown = "| `{}` |",
                      .tests = "tests",
                      .tested = "\"{}\""};

/// A tree with nothing to complain of.
class Planted : public testing::Test {
 protected:
  Planted() {
    plant("harness/core/text.hpp", "// text: words and lines\n#include <string>\n");
    plant("harness/net/http.cpp",
          "// http: asks and answers\n#include <curl/curl.h>\n#include \"harness/core/text.hpp\"\n");
    plant("harness/fault/registry.def", "// One line per fault.\nFAULT(slow)\nFAULT(dead)\n");
    plant("harness/fault/slow.cpp", "// slow: takes its time\nEntry slow_fault() {}\n");
    plant("harness/fault/dead.cpp", "// dead: is no more\nEntry dead_fault() {}\n");
    plant("reports/texts.def",
          "// Texts of all reports.\nTEXT(fault_slow, \"slow\", \"慢\")\nTEXT(fault_dead, \"dead\", \"宕\")\n");
    plant("tests/fault_test.cpp", "// fault: one of each\nauto all = {\"slow\", \"dead\"};\n");
    plant("README.md", "[core](harness/core/text.hpp), [site](https://example.com/x)\n| `slow` |\n| `dead` |\n");
    plant("CHANGELOG.md", "");
  }
  void plant(const std::string& path, const std::string& text) {
    const std::filesystem::path file = std::filesystem::path(dir_.path()) / path;
    std::filesystem::create_directories(file.parent_path());
    ASSERT_TRUE(write_file(file.string(), text));
  }
  void uproot(const std::string& path) { std::filesystem::remove(std::filesystem::path(dir_.path()) / path); }
  void replace(const std::string& path, const std::string& from, const std::string& to) {
    std::string text = tree().read(path);
    ASSERT_NE(text.find(from), std::string::npos) << path;
    plant(path, text.replace(text.find(from), from.size(), to));
  }
  [[nodiscard]] Tree tree() const { return Tree(dir_.path()); }

 private:
  test::TempDir dir_;
};

void expect_one(const Complaints& complaints, const std::string& of) {
  EXPECT_EQ(complaints.size(), 1U) << join(complaints, "\n");
  EXPECT_TRUE(std::any_of(complaints.begin(), complaints.end(),
                          [&](const std::string& one) { return one.find(of) != std::string::npos; }))
      << of << " is not in: " << join(complaints, "\n");
}

TEST_F(Planted, NothingIsFoundWhereNothingIs) {
  const Map map{{"core", {}}, {"net", {"core"}}, {"fault", {}}, {"reports", {}}};
  Complaints all;
  for (const Complaints& found : {arrows(tree(), map), circles(map), doors(tree(), {{"curl/", "net"}}, {}),
                                  openings(tree()), leftovers(tree()), columns(tree()), citations(tree()),
                                  registered(tree(), kSmall), forbidden(tree(), {"harness"}, {"reports/"}, {"clock("})})
    all.insert(all.end(), found.begin(), found.end());
  EXPECT_EQ(join(all, "\n"), "");
}

TEST_F(Planted, AnArrowThatPointsUpAndARoomWithoutAPlace) {
  Map map{{"core", {}}, {"net", {"core"}}, {"fault", {}}, {"reports", {}}};
  replace("harness/core/text.hpp", "<string>", "\"harness/net/http.hpp\"");
  expect_one(arrows(tree(), map), "harness/core/text.hpp includes harness/net/http.hpp");
  map.erase("fault");
  EXPECT_EQ(arrows(tree(), map).size(), 4U) << "two faults and their registry, which are on no map";
}

TEST_F(Planted, ATableThatDiffersFromTheBuild) {
  const std::string head =
                        "# The house\n\n| room | for | knows | door of |\n|---|---|---|---|\n| core | values | | |\n",
                    net = "| net | HTTP | core | curl |\n";
  plant("CMakeLists.txt", "add_room(cs_core harness/core)\nadd_room(cs_net harness/net cs_core CURL::libcurl)\n");
  plant("harness/README.md", head + net + "\n| a | b |\n");
  EXPECT_EQ(rooms_of_build(tree()), (Map{{"core", {}}, {"net", {"core"}}}));
  EXPECT_EQ(libraries_of(tree(), "net"), std::set<std::string>{"CURL::libcurl"});
  EXPECT_EQ(join(undocumented(tree()), "\n"), "");
  plant("harness/README.md", head);
  expect_one(undocumented(tree()), "no row where the build has net");
  plant("harness/README.md", head + net + net);
  expect_one(undocumented(tree()), "net where the build has no room");
  plant("harness/README.md", head + "| net | HTTP | | curl |\n");
  expect_one(undocumented(tree()), "otherwise what net knows");
  plant("CMakeLists.txt", "add_room(cs_net harness/net cs_core)\nadd_room(cs_core harness/core)\n");
  plant("harness/README.md", "| net | HTTP | core | |\n| core | values | | |\n");
  expect_one(undocumented(tree()), "net knows core, which does not stand above it");
}

TEST_F(Planted, AnArrowThatNoIncludeUses) {
  EXPECT_EQ(join(unused(tree(), {{"core", {}}, {"net", {"core"}}}), "\n"), "");
  expect_one(unused(tree(), {{"core", {}}, {"net", {"core", "db"}}}), "net includes nothing of db");
}

TEST_F(Planted, ACircleInTheMap) {
  expect_one(circles({{"a", {"b"}}, {"b", {"c"}}, {"c", {"a"}}}), "knows itself");
  expect_one(circles({{"a", {"gone"}}}), "gone");
}

TEST(Includes, AreReadWhereALineBeginsWithThem) {
  EXPECT_EQ(join(includes_of("#include <a/b.h>\n  #include \"c.hpp\"\n// #include <d>\n#include <e"), " "),
            "a/b.h c.hpp");
}

TEST_F(Planted, AnIncludeOrAWordThatIsForbidden) {
  expect_one(forbidden(tree(), {"harness"}, {"curl/"}), "harness/net/http.cpp includes curl/curl.h");
  expect_one(forbidden(tree(), {"harness"}, {}, {"slow_fault"}), "harness/fault/slow.cpp");
}

TEST_F(Planted, ALibraryBesideItsDoorInAHeaderOrOfNoList) {
  expect_one(doors(tree(), {{"curl/", "core"}}, {}), "harness/net/http.cpp");
  expect_one(doors(tree(), {}, {}), "of no library");
  replace("harness/core/text.hpp", "<string>", "<zlib.h>");
  expect_one(doors(tree(), {{"curl/", "net"}, {"zlib.h", "core"}}, {}), "is a header");
  EXPECT_TRUE(doors(tree(), {{"curl/", "net"}, {"zlib.h", "core"}}, {"zlib.h"}).empty());
}

TEST_F(Planted, AFileThatDoesNotSayWhatItIsFor) {
  plant("harness/net/mute.cpp", "#include <string>\n");
  plant("tests/short.cpp", "// short\nint x;\n");
  EXPECT_EQ(openings(tree()).size(), 2U);
}

TEST_F(Planted, AMarkOfWorkThatIsLeft) {
  plant("harness/net/later.cpp",
        "// later: waits\n// TO"
        "DO: all of it\n");
  expect_one(leftovers(tree()), "later.cpp");
}

TEST_F(Planted, ALineThatIsTooLong) {
  const std::string wide(130, 'x'), chinese = [] {
    std::string out;
    for (int i = 0; i < 100; ++i) out += "宕";
    return out;
  }();
  plant("harness/net/long.cpp", "// long: has one line too many\nauto s = R\"(\n" + wide + "\n)\" \"\";\n    \"" +
                                    wide + "\",\n// https://" + wide + "\n// " + chinese + "\n// " + wide + "\n");
  expect_one(columns(tree()), "harness/net/long.cpp:8");
}

TEST_F(Planted, ALinkThatLeadsNowhereAndAFileThatNobodyElseHas) {
  replace("README.md", "(harness/core/text.hpp)", "(harness/core/gone.hpp)");
  expect_one(citations(tree()), "README.md links to harness/core/gone.hpp");
  replace("README.md", "(harness/core/gone.hpp)", "(../outside.md)");
  expect_one(citations(tree()), "../outside.md");
  replace("README.md", "(../outside.md)", "(harness/core/text.hpp#words)");
  plant("harness/net/cites.cpp",
        "// cites: as rese"
        "arch/load.md says\n");
  EXPECT_EQ(citations(tree()).size(), 1U) << join(citations(tree()), "\n");
}

TEST_F(Planted, ARowWithoutItsFile) {
  uproot("harness/fault/dead.cpp");
  expect_one(registered(tree(), kSmall), "dead is defined nowhere");
}

TEST_F(Planted, AFileWithoutItsRow) {
  plant("harness/fault/lost.cpp", "// lost: nobody knows it\nEntry lost_fault() {}\n");
  expect_one(registered(tree(), kSmall), "lost.cpp defines lost, which has no line");
}

TEST_F(Planted, ADefinitionInTheFileOfAnother) {
  replace("harness/fault/slow.cpp", "{}\n", "{}\nEntry dead_fault() {}\n");
  uproot("harness/fault/dead.cpp");
  expect_one(registered(tree(), kSmall), "which lives in harness/fault/dead.cpp");
}

TEST_F(Planted, ARowWithoutATextInBothLanguages) {
  replace("reports/texts.def", "\"宕\"", "\"\"");
  expect_one(registered(tree(), kSmall), "no fault_dead in two languages");
}

TEST_F(Planted, ARowThatNoDocumentShows) {
  replace("README.md", "| `dead` |", "dead");
  expect_one(registered(tree(), kSmall), "README.md does not show | `dead` |");
}

TEST_F(Planted, ARowThatNoTestNames) {
  replace("tests/fault_test.cpp", "\"dead\"", "\"deadly\"");
  expect_one(registered(tree(), kSmall), "tests does not test dead");
}

TEST_F(Planted, ARegistryThatIsEmpty) {
  plant("harness/fault/registry.def", "// One line per fault.\n");
  EXPECT_EQ(registered(tree(), kSmall).size(), 3U) << "no row, and two files without one";
}

}  // namespace
}  // namespace cardstorm::tidy
