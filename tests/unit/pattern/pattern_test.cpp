// pattern: finds what std::regex finds for every pattern that is shipped, refuses what cannot be linear, and ends soon.
#include "harness/pattern/pattern.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "harness/core/clock.hpp"
#include "harness/core/files.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm {
namespace {

using Values = std::vector<std::string>;

Values all_of(const std::string& pattern, std::string_view text) {
  Values out;
  const auto compiled = Pattern::compile(pattern);
  EXPECT_TRUE(compiled) << pattern << (compiled ? "" : compiled.error().what);
  if (compiled) compiled->all(text, [&](std::string_view value) { out.emplace_back(value); });
  return out;
}

std::string first(const std::string& pattern, std::string_view text) {
  const auto compiled = Pattern::compile(pattern);
  return compiled ? std::string(compiled->first(text).value_or("-")) : compiled.error().what;
}

/// Every regular expression in the files that a user gets: `regex: '...'` and `matches ...`.
std::set<std::string> shipped_patterns() {
  static const std::regex kQuoted(R"re(regex: *(?:'([^'\n]*)'|"((?:[^"\\\n]|\\.)*)"))re"),
      kRelation(R"re("matches ([^"\n]+)")re");
  std::set<std::string> out;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(testing_paths::source_dir() + std::string("/scenarios"))) {
    if (!entry.is_regular_file() || entry.path().extension() != ".yaml") continue;
    const std::string text = *read_file(entry.path().string());
    for (const std::regex& form : {kQuoted, kRelation})
      for (std::sregex_iterator it(text.begin(), text.end(), form), end; it != end; ++it) {
        std::string pattern = (*it)[1].matched ? (*it)[1].str() : (*it)[2].str();
        if (!(*it)[1].matched) pattern = std::regex_replace(pattern, std::regex(R"(\\(.))"), "$1");
        out.insert(pattern);
      }
  }
  return out;
}

/// Pages and values as shops send them: found, found twice, nested, cut off, in Chinese, with other line ends, not
/// UTF-8.
std::vector<std::string> sample_texts() {
  std::vector<std::string> out{
      "",
      "no markup",
      "2024112300017",
      "12.50",
      "<b id=\"order_no\">2024112300017</b>",
      "<b id=\"order_no\"></b><b id=\"order_no\">7</b>",
      "<b id=\"order_no\">12a</b>",
      "<html>\r\n<b id=\"money\">12.50</b>\r\n<b id=\"status\">已发货</b>\r\n</html>",
      "<b id=\"status\">待支付</b><b id=\"status\">\n退款中\n</b>",
      "<code class=\"secret\">CS-1-AAAA</code>\n<code class=\"secret\">CS-2-BBBB</code>",
      "<code class=\"secret\"></code><code class=\"secret\">x<code class=\"secret\">y</code>",
      "<code class=\"secret\">\xbf\xa8\xc3\xdc-1</code><b id=\"money\">9.9</b>",  // GBK
      "<B ID=\"ORDER_NO\">1</B>",
      "<b id=\"order_no\">1",
      "name=\"token\" value=\"a&amp;b\" name=\"token\" value=\"\"",
      "订单号:AB_12 合计 ¥88.00 x=17 state=done card=c1 card=c2",
  };
  std::string many(100'000, ' ');
  for (int i = 0; i < 500; ++i) many += "<li><code class=\"secret\">card " + std::to_string(i) + "</code></li>\n";
  out.push_back(many + "<b id=\"order_no\">5</b><b id=\"money\">1.00</b><b id=\"status\">ok</b>");
  return out;
}

/// One line for each text in which something was found: its number, how often, and the first three values.
std::string found_text(const std::string& pattern, const std::vector<std::string>& texts) {
  std::string out = "pattern " + pattern + "\n";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Values values = all_of(pattern, texts[i]);
    if (values.empty()) continue;
    out += "  " + std::to_string(i) + ": " + std::to_string(values.size());
    for (std::size_t k = 0; k < std::min<std::size_t>(values.size(), 3); ++k) {
      out += " [";
      for (const char c : values[k]) out += c == '\n' ? std::string("\\n") : c == '\r' ? "\\r" : std::string(1, c);
      out += "]";
    }
    out += "\n";
  }
  return out;
}

/// matches.txt was written by std::regex (ECMAScript), which matched these patterns before.
TEST(Pattern, FindsWhatStdRegexFoundForEveryShippedPattern) {
  std::set<std::string> patterns = shipped_patterns();
  EXPECT_GE(patterns.size(), 4u) << "the test no longer sees the shipped files";
  EXPECT_TRUE(patterns.contains("<code class=\"secret\">([^<]+)</code>"));
  // README's examples and forms that users' shops need.
  for (const char* more :
       {"value=\"([^\"]+)\"", "name=\"token\" value=\"([^\"]*)\"", "^[0-9]+$", "x=(\\d+)", "state=(\\w+)",
        "订单号:(\\w+)", "合计 ¥([0-9.]+)", "card=(\\w+)", "\\bcard\\b", "(?:a|aa)+b|(c)", "[[:digit:]]+",
        "[\\d.]{2,5}", "\\S+$", "<b id=\"(?:no|status)\">\\s*([^<]+?)\\s*</b>"})
    patterns.insert(more);
  const std::string expected = *read_file(testing_paths::source_dir() + std::string("/tests/unit/pattern/matches.txt"));
  const std::vector<std::string> texts = sample_texts();
  std::string found;
  for (const std::string& pattern : patterns) found += found_text(pattern, texts);
  EXPECT_EQ(found, expected) << "a pattern that is shipped since: say in matches.txt what it is to find";
}

TEST(Pattern, FindsTheFirstGroupOrTheWholeMatch) {
  EXPECT_EQ(first("a(b+)c", "xx abbc"), "bb");
  EXPECT_EQ(first("\\d+", "no 42"), "42");
  EXPECT_EQ(first("aa|b(c)", "zbc"), "c");
  EXPECT_EQ(first("aa|b(c)", "aa"), "-") << "the group took no part";
  EXPECT_EQ(first("a\\.b\\/(c)", "a.b/c"), "c");
  EXPECT_EQ(first("(?P<no>\\d+)-(\\d+)", "12-34"), "12");
  EXPECT_EQ(first("ab|abc", "abc"), "ab") << "the order of the alternatives decides";
  EXPECT_EQ(all_of("<li>(\\w*)</li>", "<li>a</li><li></li> <li>b</li>"), (Values{"a", "", "b"}));
  EXPECT_EQ(all_of("z*", "a价c").size(), 4u) << "between characters, and at the end";
}

TEST(Pattern, TakesLinesAndCaseAsReadmeSays) {
  EXPECT_EQ(first("^x", "ax"), "-");
  EXPECT_EQ(first("x$", "x\n"), "-") << "$ is the end of the text";
  EXPECT_EQ(first("(?m)^x$", "a\nx\nb"), "x");
  EXPECT_EQ(first("(?i)order_(no)", "ORDER_NO"), "NO");
  EXPECT_EQ(first("a(.*)", "ab\nc"), "b");
  EXPECT_EQ(first("a((?s:.*))", "ab\nc"), "b\nc");
  EXPECT_EQ(first("\\bx", "a x"), "x");
}

TEST(Pattern, ReadsCharactersOfUtf8AndBytesOfAnyOtherText) {
  EXPECT_EQ(first("状态：(.{3})", "状态：已发货。"), "已发货");
  EXPECT_EQ(first("([待已]支付)", "已支付"), "已支付");
  EXPECT_EQ(first("\\p{Han}+", "no 订单号 7"), "订单号");
  EXPECT_EQ(first("\\x{5355}号", "订单号"), "单号");
  EXPECT_EQ(first("id=([^;]+);", "id=\xb5\xa5;"), "\xb5\xa5");
  EXPECT_EQ(first("\\x{5355}", "\xb5\xa5"), "-");
}

TEST(Pattern, RefusesWhatItCannotMatchAndSaysWhatToWrite) {
  const struct {
    const char *pattern, *what, *remedy;
  } cases[]{{"(", "missing )", "RE2 syntax"},
            {"(a)\\1", "back-reference \\1", "write out"},
            {"(?P<q>a)\\k<q>", "back-reference \\k", "write out"},
            {"a(?=b)", "look-around (?=", "first group"},
            {"a(?!b)", "look-around (?!", "first group"},
            {"(?<=a)b", "look-around (?<=", "first group"},
            {"(?<!a)b", "look-around (?<!", "first group"},
            {"(?<no>a)", "(?<name>...)", "(...)"},
            {"(?>a)", "group (?>", "(?:...)"},
            {"[^]", "missing ]", "(?s:.)"},
            {"[ab", "missing ]", "\\["},
            {"\\u4e00", "escape \\u", "\\x{4e00}"},
            {"\\cA", "escape \\c", "\\x{...}"},
            {"a*+", "bad repetition operator", "possessive"},
            {"((a{100}){100}){100}", "repetition size", "+"},
            {"(?:.{100}){9}", "too large", "rather than {n}"},
            {"\\", "trailing \\", "RE2 syntax"}};
  for (const auto& c : cases) {
    const auto compiled = Pattern::compile(c.pattern);
    ASSERT_FALSE(compiled) << c.pattern;
    EXPECT_NE(compiled.error().what.find("is not a regular expression"), std::string::npos) << compiled.error().what;
    EXPECT_NE(compiled.error().what.find(c.what), std::string::npos) << compiled.error().what;
    EXPECT_NE(compiled.error().remedy.find(c.remedy), std::string::npos)
        << c.pattern << ": " << compiled.error().remedy;
  }
  EXPECT_FALSE(Pattern::compile(std::string(Pattern::kPatternMax + 1, 'a')));
  EXPECT_TRUE(Pattern::compile(std::string(Pattern::kPatternMax - 10, 'a')));
}

TEST(Pattern, LooksAtTheBeginningOfALongText) {
  const std::string filler(Pattern::kTextMax - 100, 'a');
  EXPECT_EQ(first("token=\"([^\"]+)\"", filler + "token=\"deep\""), "deep");
  EXPECT_EQ(first("token=\"([^\"]+)\"", filler + filler + "token=\"too deep\""), "-");
  // The cut does not fall into a character, which would make bytes of the text.
  std::string chinese = "x";
  while (chinese.size() < Pattern::kTextMax + 10) chinese += "价";
  EXPECT_EQ(first("x(.)", chinese), "价");
}

TEST(Pattern, EndsSoonWhateverPatternAndTextAre) {
  unsigned seed = 1;
  std::string noise;
  while (noise.size() < Pattern::kTextMax) noise += ((seed = seed * 1103515245U + 12345U) >> 16U & 1U) != 0 ? 'a' : 'b';
  const std::string same(Pattern::kTextMax, 'x');
  for (const char* pattern : {"(.*)*b", "(x+x+)+y", "x(.|\n)*y|(x|xx)+$", "([ab]*a[ab]{60})c", "([^<]*a[^<]{100})c",
                              "x|x*y", "a|[ab]*a[ab]{60}c"}) {
    const auto compiled = Pattern::compile(pattern);
    ASSERT_TRUE(compiled) << pattern;
    for (const std::string& text : {noise, same}) {
      const double start = thread_cpu_seconds();
      (void)compiled->first(text);
      compiled->all(text, [](std::string_view) {});
      // Backtracking takes longer than the universe lasts; the bound leaves room for slow machines.
      EXPECT_LT(thread_cpu_seconds() - start, 20) << pattern;
    }
  }
}

}  // namespace
}  // namespace cardstorm
