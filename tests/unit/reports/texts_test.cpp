// texts: the table is complete, both languages agree on their values, and codes of other rooms are translated.
#include "reports/texts.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <regex>
#include <set>

#include "harness/core/files.hpp"
#include "harness/judge/check.hpp"
#include "harness/judge/compare.hpp"
#include "reports/escape.hpp"
#include "reports/layout.hpp"
#include "tests/support/paths.hpp"
#include "tests/unit/reports/support.hpp"

namespace cardstorm {
namespace {

std::set<std::string> holes_of(std::string_view text) {
  std::set<std::string> out;
  for (std::size_t i = 0; i + 2 < text.size(); ++i)
    if (text[i] == '{' && text[i + 2] == '}') out.insert(std::string(text.substr(i, 3)));
  return out;
}

std::vector<Text> all_texts() {
  std::vector<Text> out;
  for (std::uint16_t i = 0; i < static_cast<std::uint16_t>(Text::count_); ++i) out.push_back(static_cast<Text>(i));
  return out;
}

bool same_width_everywhere(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const char32_t c = next_code_point(text, i);
    const bool ascii = c >= 0x20 && c < 0x7F;
    if (!ascii && c != U'¥' && display_width(text.substr(i - 3, 3)) != 2) return false;  // wide signs have three bytes
  }
  return true;
}

/// What the sources of the product say, apart from the table itself.
struct Asked {
  std::set<std::string> ids;       // Text::id, and ids in registries
  std::set<std::string> codes;     // "code", and names in registries
  std::set<std::string> families;  // "reason_" and others, by which texts are looked up
};

void read_source(const std::string& text, bool registry, Asked& out) {
  const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (std::size_t i = 0; i < text.size();) {
    if (!in_word(text[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && in_word(text[end])) ++end;
    const std::string word = text.substr(i, end - i);
    const bool quoted = i > 0 && text[i - 1] == '"' && end < text.size() && text[end] == '"';
    const bool listed = registry && word.find('_') != std::string::npos;  // names, not the words of a sentence
    if (listed || (i >= 6 && text.compare(i - 6, 6, "Text::") == 0)) out.ids.insert(word);
    if (listed || quoted) out.codes.insert(word);
    if (quoted && word.back() == '_') out.families.insert(word);
    i = end;
  }
}

Asked asked_for() {
  Asked out;
  for (const char* folder : {"/harness", "/reports"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(testing_paths::source_dir() + folder)) {
      const auto& path = entry.path();
      const bool registry = path.filename() == "registry.def";
      if (path.extension() == ".cpp" || path.extension() == ".hpp" || registry)
        read_source(*read_file(path.string()), registry, out);
    }
  return out;
}

/// Every first group of `pattern` in the sources of `folder`.
std::set<std::string> found_in(const std::string& folder, const std::string& pattern) {
  const std::regex wanted(pattern);
  std::set<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(testing_paths::source_dir() + "/" + folder)) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".def") continue;
    const std::string text = *read_file(entry.path().string());
    for (std::sregex_iterator at(text.begin(), text.end(), wanted), end; at != end; ++at) out.insert((*at)[1]);
  }
  return out;
}

void expect_texts(const std::string& prefix, const std::set<std::string>& codes, std::size_t at_least) {
  EXPECT_GE(codes.size(), at_least) << prefix << ": this test no longer sees who asks";
  for (const std::string& code : codes) EXPECT_TRUE(text_of_code(prefix, code, Lang::zh)) << prefix << code;
}

}  // namespace

TEST(Texts, EachIsAskedForSomewhere) {
  const Asked asked = asked_for();
  EXPECT_TRUE(asked.families.contains("reason_") && asked.families.contains("doctor_do_"));
  for (const Text id : all_texts()) {
    const std::string name(name_of(id));
    const bool by_code = std::any_of(asked.families.begin(), asked.families.end(), [&](const std::string& family) {
      return name.starts_with(family) && asked.codes.contains(name.substr(family.size()));
    });
    EXPECT_TRUE(by_code || asked.ids.contains(name)) << "nobody asks for the text '" << name << "'";
  }
}

TEST(Texts, WhatIsAskedForByCodeIsThere) {
  const std::string judge = *read_file(testing_paths::source_dir() + "/harness/judge/judge.cpp");
  const auto list = judge.find("> not_exercised(");
  ASSERT_NE(list, std::string::npos);
  Asked situations;
  read_source(judge.substr(list, judge.find("})", list) - list), false, situations);
  expect_texts("situation_", situations.codes, 15);
  const auto facts = found_in("harness/run", R"re(\b(?:good|note|bad|port|verdict|add)\("([a-z_]+)", )re");
  EXPECT_TRUE(facts.contains("database_lock") && facts.contains("try_control"));
  expect_texts("doctor_", facts, 15);
  for (const char* family : {"reason_", "remedy_"})
    expect_texts(family, found_in("harness/judge", R"re((?:push_back\(\s*|why = \{\s*)\{"([a-z_]+)")re"), 20);
}

TEST(Texts, EveryTextHasBothLanguagesAndTheSameValues) {
  for (const Text id : all_texts()) {
    const std::string_view en = text(id, Lang::en), zh = text(id, Lang::zh);
    EXPECT_EQ(holes_of(en), holes_of(zh)) << name_of(id);
    if (id == Text::sentence_gap) continue;  // Chinese needs no blank between sentences
    EXPECT_FALSE(en.empty()) << name_of(id);
    EXPECT_FALSE(zh.empty()) << name_of(id);
  }
}

TEST(Texts, NoSignIsOfAmbiguousWidth) {
  for (const Text id : all_texts())
    for (const Lang lang : {Lang::en, Lang::zh}) EXPECT_TRUE(same_width_everywhere(text(id, lang))) << name_of(id);
}

TEST(Texts, UnknownCodesHaveNoText) {
  EXPECT_FALSE(text_of_code("reason_", "from_the_future", Lang::zh));
  EXPECT_EQ(text_of_code("fault_", "node_kill", Lang::zh), "节点宕机");
}

TEST(Texts, HolesAreFilledAndStrangeBracesStay) {
  EXPECT_EQ(say(Text::not_recovered, Lang::en, {"50"}), "not recovered in 50 s");
  EXPECT_EQ(say(Text::not_recovered, Lang::zh, {"{0}"}), "{0} 秒内未恢复");  // a value is never expanded again
}

TEST(Texts, LanguagesAreFoundByTheirUsualNames) {
  EXPECT_EQ(lang_of("zh_CN.UTF-8"), Lang::zh);
  EXPECT_EQ(lang_of("en"), Lang::en);
  EXPECT_FALSE(lang_of("klingon"));
}

TEST(Texts, EveryRegisteredCheckHasAName) {
  for (const CheckEntry& entry : check_registry())
    EXPECT_TRUE(text_of_code("check_", entry.name, Lang::zh)) << entry.name;
}

TEST(Texts, EveryWordOfAComparisonHasAName) {
  for (const Change v : {Change::better, Change::worse, Change::same, Change::no_evidence})
    EXPECT_TRUE(text_of_code("change_", to_text(v), Lang::zh)) << to_text(v);
  for (const Verdict v : {Verdict::pass, Verdict::fail, Verdict::unknown})
    EXPECT_TRUE(text_of_code("compare_", to_text(v), Lang::zh)) << to_text(v);
}

TEST(Texts, EveryOutcomeCauseAndPhaseHasAName) {
  for (const TradeOutcome v : {TradeOutcome::ok, TradeOutcome::failed, TradeOutcome::unknown, TradeOutcome::not_sent,
                               TradeOutcome::unfinished})
    EXPECT_TRUE(text_of_code("outcome_", to_text(v), Lang::zh)) << to_text(v);
  for (int i = 0; i <= static_cast<int>(Cause::front_wall); ++i)
    EXPECT_TRUE(text_of_code("cause_", to_text(static_cast<Cause>(i)), Lang::zh)) << to_text(static_cast<Cause>(i));
  for (int i = 0; i <= static_cast<int>(Phase::done); ++i)
    EXPECT_TRUE(text_of_code("group_", to_text(static_cast<Phase>(i)), Lang::zh)) << to_text(static_cast<Phase>(i));
}

}  // namespace cardstorm
