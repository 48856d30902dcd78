// texts: the table is complete, both languages agree on their values, and codes of other rooms are translated.
#include "reports/texts.hpp"

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "harness/judge/check.hpp"
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

}  // namespace

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

TEST(Texts, EveryReasonOfTheJudgeIsTranslated) {
  std::ifstream in(testing_paths::source_dir() + "/harness/judge/verdict.cpp");
  std::ostringstream source;
  source << in.rdbuf();
  const std::string all = source.str();
  const std::regex pushed("push_back\\(\\{\"([a-z_]+)\"");
  int found = 0;
  for (std::sregex_iterator at(all.begin(), all.end(), pushed), end; at != end; ++at, ++found) {
    EXPECT_TRUE(text_of_code("reason_", (*at)[1].str(), Lang::zh)) << (*at)[1].str();
    EXPECT_TRUE(text_of_code("remedy_", (*at)[1].str(), Lang::zh)) << (*at)[1].str();
  }
  EXPECT_GT(found, 5);
}

TEST(Texts, EveryOutcomeCauseAndPhaseHasAName) {
  for (const TradeOutcome v : {TradeOutcome::ok, TradeOutcome::failed, TradeOutcome::unknown, TradeOutcome::not_sent,
                               TradeOutcome::unfinished})
    EXPECT_TRUE(text_of_code("outcome_", to_text(v), Lang::zh)) << to_text(v);
  for (int i = 0; i <= static_cast<int>(Cause::address); ++i)
    EXPECT_TRUE(text_of_code("cause_", to_text(static_cast<Cause>(i)), Lang::zh)) << to_text(static_cast<Cause>(i));
  for (int i = 0; i <= static_cast<int>(Phase::done); ++i)
    EXPECT_TRUE(text_of_code("group_", to_text(static_cast<Phase>(i)), Lang::zh)) << to_text(static_cast<Phase>(i));
}

}  // namespace cardstorm
