// keys: what a user may write into a file stands in scenarios/README.md.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "harness/core/files.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm {
namespace {
namespace fs = std::filesystem;

const fs::path kSources = testing_paths::source_dir();

/// The keys that the readers of YAML in harness/scenario ask for by name: fields.duration("drain", ...), path_field(r,
/// f, "ca", ...).
std::set<std::string> keys_read() {
  static const std::regex kAsk(
      R"re((?:\.(?:get|need|text|text_needed|texts|boolean|duration|number|integer|integers)|_field)\((?:\w+, [\w.]+, )?"([a-z_0-9]+)")re");
  static const std::regex kSection(
      R"re((?:section|each_member|items_of)\((?:r|fields)(?:, [\w.]+)?, "([a-z_0-9]+)")re");
  std::set<std::string> out;
  for (const auto& entry : fs::directory_iterator(kSources / "harness/scenario")) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string text = *read_file(entry.path().string());
    for (const std::regex& form : {kAsk, kSection})
      for (std::sregex_iterator it(text.begin(), text.end(), form), end; it != end; ++it) out.insert((*it)[1]);
  }
  return out;
}

/// The words between backticks.
std::set<std::string> words_shown() {
  static const std::regex kCode("`([^`\n]+)`"), kWord("[a-z_0-9]+");
  const std::string text = *read_file((kSources / "scenarios/README.md").string());
  std::set<std::string> out;
  for (std::sregex_iterator it(text.begin(), text.end(), kCode), end; it != end; ++it) {
    const std::string code = (*it)[1];
    for (std::sregex_iterator word(code.begin(), code.end(), kWord); word != end; ++word) out.insert(word->str());
  }
  return out;
}

TEST(Keys, EveryKeyThatAFileMayHoldIsInTheReadme) {
  const auto read = keys_read(), shown = words_shown();
  for (const char* known : {"scenario", "front_wall", "http2", "redirects", "unix_socket", "covers", "guard"})
    EXPECT_TRUE(read.contains(known)) << known << ": this test no longer sees the readers";
  for (const std::string& key : read)
    EXPECT_TRUE(shown.contains(key)) << "harness/scenario reads the key '" << key
                                     << "', and scenarios/README.md does not show it";
}

}  // namespace
}  // namespace cardstorm
