// layout: columns stay straight with Chinese text; wrapping loses nothing.
#include "reports/layout.hpp"

#include <gtest/gtest.h>

namespace cardstorm {

TEST(Layout, CountsTwoColumnsForChinese) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("对账"), 4U);
  EXPECT_EQ(display_width("对账 ok，"), 9U);
  EXPECT_EQ(display_width("¥12"), 3U);
  EXPECT_EQ(display_width("e\xCC\x81"), 1U);  // a combining accent
}

TEST(Layout, WrapsAtBlanksAndBetweenChineseCharacters) {
  EXPECT_EQ(wrap_text("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap_text("恢复时间对比", 6), (std::vector<std::string>{"恢复时", "间对比"}));
  EXPECT_EQ(wrap_text("", 6), (std::vector<std::string>{""}));
}

TEST(Layout, NeverBeginsALineWithAClosingMark) {
  EXPECT_EQ(wrap_text("恢复时，间", 6), (std::vector<std::string>{"恢复", "时，间"}));
}

TEST(Layout, CutsAWordThatIsWiderThanTheColumn) {
  EXPECT_EQ(wrap_text("abcdefgh", 3), (std::vector<std::string>{"abc", "def", "gh"}));
}

TEST(Layout, TableColumnsLineUpInBothLanguages) {
  TextTable table({{0, 10}, {0, 10}});
  table.add({{"故障"}, {"1", true}});
  table.add({{"fault kind"}, {"1,234", true}});
  EXPECT_EQ(table.text(0, false), "故障            1\nfault kind  1,234\n");
}

TEST(Layout, ColourAddsNothingThatIsVisible) {
  TextTable table({{0, 10}});
  table.add({{"bad", false, Tone::bad}});
  EXPECT_EQ(table.text(0, false), "bad\n");
  EXPECT_EQ(table.text(0, true), "\033[1;31mbad\033[0m\n");
}

}  // namespace cardstorm
