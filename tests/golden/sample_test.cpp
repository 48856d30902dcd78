// sample: the checked-in run is judged again and gives the checked-in scorecard, byte for byte, on any machine.
// UPDATE_GOLDEN=1 writes it anew: then read `git diff reports/sample`.
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "harness/core/files.hpp"
#include "harness/judge/judge.hpp"
#include "reports/report.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm {
namespace {

const std::string kSample = testing_paths::source_dir() + "/reports/sample";

TEST(Sample, IsJudgedToTheSameBytes) {
  const auto card = judge_run(kSample);
  ASSERT_TRUE(card) << card.error().what;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(write_reports(*card, kSample, {}));
  }
  std::ostringstream again;
  (*make_reporter("json", {}))->write(*card, again);
  EXPECT_EQ(again.str(), *read_file(kSample + "/scorecard.json"));
}

TEST(Sample, ShowsWhatAnEmptyPoolDoesToTheFragilePlatform) {
  const auto card = judge_run(kSample);
  ASSERT_TRUE(card) << card.error().what;
  EXPECT_EQ(card->verdict, Verdict::fail);
  ASSERT_EQ(card->episodes.size(), 1U);
  EXPECT_TRUE(card->episodes[0].verified);
  EXPECT_FALSE(card->episodes[0].absorbed);
}

class EveryReporter : public testing::TestWithParam<ReporterEntry> {};

TEST_P(EveryReporter, WritesTheSampleInBothLanguagesTheSameEachTime) {
  const auto card = judge_run(kSample);
  ASSERT_TRUE(card);
  for (const Lang lang : {Lang::en, Lang::zh}) {
    ReportOptions options;
    options.lang = lang;
    std::ostringstream a, b;
    GetParam().make(options)->write(*card, a);
    GetParam().make(options)->write(*card, b);
    EXPECT_GT(a.str().size(), 100U);
    EXPECT_EQ(a.str(), b.str());
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryReporter, testing::ValuesIn(reporter_registry()),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace cardstorm
