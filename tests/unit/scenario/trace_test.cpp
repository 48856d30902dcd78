// trace: forms of time stamps, and what is wrong with a recording.
#include "harness/scenario/trace.hpp"

#include <gtest/gtest.h>

namespace cardstorm {
namespace {

std::string mistakes_of(const std::string& text) {
  std::vector<Mistake> mistakes;
  parse_trace(text, "t.csv", mistakes);
  return text_of(mistakes);
}

TEST(Trace, ReadsIsoStampsToTheNanosecond) {
  std::vector<Mistake> mistakes;
  const Trace t =
      parse_trace("TIMESTAMP,a\n2023-12-31 23:59:59.9799600,1\r\n2024-01-01T00:00:00.0000001Z,2\n2024-01-01 00:00:01\n",
                  "t.csv", mistakes);
  ASSERT_TRUE(mistakes.empty()) << text_of(mistakes);
  EXPECT_EQ(t.at, (std::vector<Nanos>{0ns, 20'040'100ns, 1'020'040'000ns}));
  EXPECT_EQ(t.sha256.size(), 64U);
}

TEST(Trace, ReadsSecondsWithoutHeader) {
  std::vector<Mistake> mistakes;
  EXPECT_EQ(parse_trace("10.5\n11\n\"12.25\",x\n", "t.csv", mistakes).at, (std::vector<Nanos>{0s, 500ms, 1750ms}));
  EXPECT_TRUE(mistakes.empty());
}

TEST(Trace, NamesTheLineThatGoesBack) {
  EXPECT_NE(mistakes_of("1\n3\n2\n").find("t.csv:3:1: the recording goes back in time by 1.000 s"), std::string::npos);
}

TEST(Trace, NamesTheLineThatIsNoTimeStamp) {
  EXPECT_NE(mistakes_of("time\n1\nsoon\n3\n").find("t.csv:3:1: 'soon' is not a time stamp"), std::string::npos);
  EXPECT_NE(mistakes_of("h\n2023-02-30 00:00:00\n").find("t.csv:2:1"), std::string::npos);
  EXPECT_NE(mistakes_of("1\n\n2\n").find("t.csv:2:1: '' is not a time stamp"), std::string::npos);
}

TEST(Trace, RefusesEmptyOneLineAndOneInstant) {
  EXPECT_NE(mistakes_of("").find("is empty"), std::string::npos);
  EXPECT_NE(mistakes_of("time\n").find("is empty"), std::string::npos);
  EXPECT_NE(mistakes_of("time\n5\n").find("one arrival only"), std::string::npos);
  EXPECT_NE(mistakes_of("5\n5\n").find("same time stamp"), std::string::npos);
}

TEST(Trace, TellsAtMostTenMistakes) {
  std::string text = "h\n";
  for (int i = 0; i < 100; ++i) text += "x\n";
  std::vector<Mistake> mistakes;
  parse_trace(text, "t.csv", mistakes);
  EXPECT_EQ(mistakes.size(), 10U);
}

}  // namespace
}  // namespace cardstorm
