// comparison: each writer says the verdict in its own way, and hostile names stay text.
#include <gtest/gtest.h>

#include <sstream>

#include "reports/comparison.hpp"

namespace cardstorm {
namespace {

Comparison sample() {
  Comparison c;
  c.scenario = "drill";
  c.a_target = "old <b>";
  c.b_target = "new|shop";
  c.verdict = Verdict::fail;
  c.metrics = {{.name = "success_rate", .unit = "share", .a = 0.999, .b = 0.95, .delta = -0.049, .low = -0.06, .high = -0.04, .floor = 0.005, .noise = "n", .change = Change::worse},
               {.name = "latency_ms.p99", .unit = "ms"}};
  c.checks = {{"card_unique", Verdict::pass, Verdict::pass, Change::same}};
  c.why = {{"metric_worse", "success_rate is worse", "see its row"}};
  return c;
}

template <class Writer>
std::string written(Writer&& writer, Lang lang = Lang::en) {
  std::ostringstream out;
  writer(sample(), lang, out);
  return out.str();
}

TEST(ComparisonReport, TextNamesWhatIsWorse) {
  const std::string text = written(write_comparison_text);
  EXPECT_NE(text.find("A -> B: worse"), std::string::npos) << text;
  EXPECT_NE(text.find("99.90 %"), std::string::npos) << text;
  EXPECT_NE(text.find("success_rate is worse"), std::string::npos);
  EXPECT_NE(written(write_comparison_text, Lang::zh).find("变差"), std::string::npos);
}

TEST(ComparisonReport, JunitFailsOnWorseAndSkipsWhatIsNotKnown) {
  const std::string xml = written(write_comparison_junit);
  EXPECT_NE(xml.find("failures=\"2\" errors=\"0\" skipped=\"1\""), std::string::npos) << xml;
  EXPECT_EQ(xml.find("<b>"), std::string::npos);
}

TEST(ComparisonReport, MarkdownKeepsItsTableWhole) {
  const std::string md = written(write_comparison_markdown);
  EXPECT_EQ(md.find("new|shop"), std::string::npos) << md;
  EXPECT_NE(md.find("❌"), std::string::npos);
}

}  // namespace
}  // namespace cardstorm
