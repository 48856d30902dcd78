// tidy: properties of the source tree itself: arrows, doors, registries, words. The house stays as README describes it.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm {
namespace {
namespace fs = std::filesystem;

const fs::path kRoot = testing_paths::source_dir();

struct Source {
  std::string path;
  std::string room;
  std::string text;
};

bool is_code(const fs::path& path) {
  return path.extension() == ".cpp" || path.extension() == ".hpp" || path.extension() == ".def";
}

std::vector<Source> sources_of(const std::vector<std::string>& folders) {
  std::vector<Source> out;
  for (const auto& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      if (!entry.is_regular_file() || !is_code(entry.path())) continue;
      const fs::path relative = fs::relative(entry.path(), kRoot);
      const std::string top = relative.begin()->string();
      const std::string room = top == "harness" ? std::next(relative.begin())->string() : top;
      out.push_back({relative.string(), room, *read_file(entry.path().string())});
    }
  }
  return out;
}

std::vector<std::string> includes_of(const std::string& text) {
  static const std::regex kInclude(R"re((?:^|\n)\s*#include\s+[<"]([^>"]+)[>"])re");
  std::vector<std::string> out;
  for (std::sregex_iterator it(text.begin(), text.end(), kInclude), end; it != end; ++it) out.push_back((*it)[1]);
  return out;
}

// What each room may know. Arrows point to core.
const std::map<std::string, std::set<std::string>> kArrows = {
    {"core", {}},
    {"net", {"core"}},
    {"pattern", {"core"}},
    {"mint", {"core", "net"}},
    {"trace", {"core", "net"}},
    {"plan", {"core"}},
    {"scenario", {"core", "net", "pattern", "trace", "plan"}},
    {"db", {"core", "net"}},
    {"history", {"core"}},
    {"lease", {"core", "net", "db"}},
    {"target", {"core", "net", "plan", "mint", "db", "lease"}},
    {"drive", {"core", "net", "pattern", "mint", "plan"}},
    {"partners", {"core", "net"}},
    {"fault", {"core", "net", "plan", "lease", "target"}},
    {"observe", {"core", "net"}},
    {"judge", {"core", "plan", "history"}},
    {"reports", {"core", "judge"}},
    {"run",
     {"core", "net", "mint", "plan", "scenario", "history", "db", "target", "drive", "partners", "lease", "fault",
      "observe", "judge", "reports"}},
    {"bench",
     {"core", "net", "pattern", "mint", "plan", "scenario", "history", "db", "lease", "target", "drive", "judge",
      "run"}},
    {"cli",
     {"core", "net", "mint", "trace", "plan", "scenario", "history", "db", "lease", "target", "drive", "partners",
      "fault", "observe", "judge", "reports", "run", "bench"}},
};

TEST(Tidy, ArrowsPointToCore) {
  for (const Source& source : sources_of({"harness", "reports"})) {
    const auto known = kArrows.find(source.room);
    ASSERT_NE(known, kArrows.end()) << source.path << ": a room that is not on the map";
    for (const std::string& include : includes_of(source.text)) {
      std::string room;
      if (include.starts_with("harness/"))
        room = split(include, '/')[1];
      else if (include.starts_with("reports/"))
        room = "reports";
      else
        continue;
      EXPECT_TRUE(room == source.room || known->second.contains(room)) << source.path << " includes " << include;
    }
  }
}

TEST(Tidy, TheJudgeSeesNoNetworkClockOrPlatform) {
  for (const Source& source : sources_of({"harness/judge", "reports"})) {
    for (const std::string& include : includes_of(source.text)) {
      for (const char* forbidden :
           {"harness/net/", "harness/target/", "harness/drive/", "harness/run/", "harness/fault/", "harness/lease/"})
        EXPECT_FALSE(include.starts_with(forbidden)) << source.path << " includes " << include;
    }
    EXPECT_EQ(source.text.find("monotonic_now("), std::string::npos) << source.path;
    EXPECT_EQ(source.text.find("system_clock"), std::string::npos) << source.path;
  }
}

TEST(Tidy, EachLibraryHasOneDoor) {
  const std::vector<std::pair<std::string, std::string>> doors = {{"yaml-cpp/", "scenario"},
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
  for (const Source& source : sources_of({"harness", "reports"})) {
    for (const std::string& include : includes_of(source.text)) {
      for (const auto& [library, room] : doors) {
        if (!include.starts_with(library)) continue;
        EXPECT_EQ(source.room, room) << source.path << " includes " << include;
        EXPECT_FALSE(source.path.ends_with(".hpp") && source.path.find("_door") == std::string::npos &&
                     library != "yaml-cpp/")
            << source.path << ": a header with a third-party header";
      }
    }
  }
}

TEST(Tidy, HarnessAndPlatformShareNoSource) {
  for (const Source& source : sources_of({"harness", "reports"}))
    for (const std::string& include : includes_of(source.text))
      EXPECT_FALSE(include.starts_with("reference_platform/")) << source.path;
  for (const Source& source : sources_of({"reference_platform"}))
    for (const std::string& include : includes_of(source.text))
      EXPECT_FALSE(include.starts_with("harness/") || include.starts_with("reports/"))
          << source.path << " includes " << include;
}

TEST(Tidy, EveryFileOpensByItsName) {
  for (const Source& source : sources_of({"harness", "reports", "reference_platform", "tests"})) {
    if (source.path.ends_with(".def")) continue;
    EXPECT_TRUE(source.text.starts_with("// ")) << source.path << ": a file opens with what it is for";
  }
}

TEST(Tidy, EveryRegisteredFileExistsAndEveryFileIsRegistered) {
  const std::regex line(R"re((?:^|\n)CARDSTORM_(FAULT|CHECK)\((\w+))re");
  for (const auto& [folder, word] :
       std::vector<std::pair<std::string, std::string>>{{"harness/fault", "FAULT"}, {"harness/judge", "CHECK"}}) {
    const std::string text = *read_file((kRoot / folder / "registry.def").string());
    std::set<std::string> names;
    for (std::sregex_iterator it(text.begin(), text.end(), line), end; it != end; ++it)
      if ((*it)[1] == word) names.insert((*it)[2]);
    EXPECT_FALSE(names.empty()) << folder;
    for (const auto& name : names) {
      const bool here =
          fs::exists(kRoot / folder / (name + ".cpp")) || fs::exists(kRoot / folder / ("check_" + name + ".cpp"));
      EXPECT_TRUE(here) << folder << " has no " << name << ".cpp";
    }
  }
}

TEST(Tidy, EveryFaultHasARowInTheScenariosReadme) {
  const std::string readme = *read_file((kRoot / "scenarios/README.md").string());
  const std::string text = *read_file((kRoot / "harness/fault/registry.def").string());
  const std::regex line(R"re((?:^|\n)CARDSTORM_FAULT\((\w+))re");
  for (std::sregex_iterator it(text.begin(), text.end(), line), end; it != end; ++it)
    EXPECT_NE(readme.find((*it)[1]), std::string::npos) << (*it)[1] << " is missing in scenarios/README.md";
}

TEST(Tidy, NothingIsLeftForLater) {
  const std::regex leftover(R"re(\b(TODO|FIXME|XXX|HACK)\b)re");
  for (const Source& source : sources_of({"harness", "reports", "reference_platform"}))
    EXPECT_FALSE(std::regex_search(source.text, leftover)) << source.path;
}

}  // namespace
}  // namespace cardstorm
