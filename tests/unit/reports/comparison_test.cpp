// comparison: each writer says the verdict in its own way, and hostile names stay text.
#include "reports/comparison.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace cardstorm {
namespace {

Comparison sample() {
  Comparison c;
  c.scenario = "drill";
  c.a_target = "old <b>";
  c.b_target = "new|shop";
  c.verdict = Verdict::fail;
  c.metrics = {{.name = "success_rate",
                .unit = "share",
                .a = 0.999,
                .b = 0.95,
                .delta = -0.049,
                .low = -0.06,
                .high = -0.04,
                .floor = 0.005,
                .noise = "n",
                .change = Change::worse},
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

TEST(ComparisonReport, ShowsASharesDigitsAsTheReportsDo) {
  Comparison c = sample();
  c.metrics[0].a = 0.99996;
  c.metrics[0].b = 159.0 / 256;
  std::ostringstream out;
  write_comparison_text(c, Lang::en, out);
  EXPECT_NE(out.str().find("99.99 %"), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("62.10 %"), std::string::npos) << out.str();
  EXPECT_EQ(out.str().find("100.00 %"), std::string::npos) << out.str();
}

TEST(ComparisonReport, ReasonsAndWhatToDoAreInTheLanguageThatWasAskedFor) {
  for (auto* writer : {&write_comparison_text, &write_comparison_markdown, &write_comparison_junit}) {
    const std::string zh = written(*writer, Lang::zh);
    EXPECT_NE(zh.find("有指标变差"), std::string::npos) << zh;
    EXPECT_NE(zh.find("is worse"), std::string::npos) << "which one";
    EXPECT_EQ(zh.find("see its row"), std::string::npos) << zh;
    EXPECT_NE(written(*writer).find("see its row"), std::string::npos);
  }
  for (const char* code : {"metric_worse", "check_worse", "no_evidence", "not_comparable", "no_runs"})
    for (const char* prefix : {"reason_", "remedy_"})
      EXPECT_TRUE(text_of_code(prefix, code, Lang::zh)) << prefix << code;
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
