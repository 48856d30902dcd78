// golden: the bytes of the text reports, in both languages, for a go, a no-go, an unknown and a single run.
#include "tests/unit/reports/support.hpp"

namespace cardstorm {

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, BytesAreTheAgreedOnes) {
  const std::string& reporter = GetParam();
  const std::string ending = reporter == "terminal" ? ".txt" : reporter == "junit" ? ".xml" : ".md";
  for (const Lang lang : {Lang::en, Lang::zh}) {
    const std::string tail = std::string(lang == Lang::en ? ".en" : ".zh") + ending;
    test::expect_golden("drill_go" + tail, test::written(reporter, sample::sample_drill(), lang));
    test::expect_golden("drill_no_go" + tail, test::written(reporter, sample::sample_no_go(), lang));
    test::expect_golden("run_fail" + tail, test::written(reporter, sample::fragile(), lang));
    test::expect_golden("run_unknown" + tail, test::written(reporter, sample::sample_unknown(), lang));
  }
}

INSTANTIATE_TEST_SUITE_P(Reports, Golden, testing::Values("terminal", "junit", "markdown"),
                         [](const auto& named) { return named.param; });

}  // namespace cardstorm
