// soak: kill -9 of a random node every 2 s at load. The hardened platform breaks no promise, the fragile one visibly
// does.
#include "harness/bench/soak.hpp"

#include <gtest/gtest.h>

#include "harness/core/text.hpp"
#include "tests/integration/command.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm {
namespace {

SoakOptions options(const TestFolder& folder, const std::string& target) {
  SoakOptions o;
  o.self = binary_dir() + "/cardstorm";
  o.root = testing_paths::source_dir();
  o.target = target;
  o.out = folder.at(target);
  return o;
}

TEST(Soak, HardenedBreaksNoPromiseWhileItsNodesDie) {
  const TestFolder folder;
  const auto seen = soak(options(folder, "hardened"), {});
  ASSERT_TRUE(seen) << seen.error().what;
  EXPECT_GE(seen->kills, 20);
  EXPECT_EQ(join(seen->broken, ", "), "");
  EXPECT_EQ(join(seen->unknown, ", "), "");
  EXPECT_GT(seen->success_rate, 0.5);  // it goes on selling, too
}

TEST(Soak, FragileVisiblyBreaks) {
  const TestFolder folder;
  auto o = options(folder, "fragile");
  o.restart_delay_s = 0.2;  // an operator quick as lightning does not help; a shop that is closed breaks nothing
  const auto seen = soak(o, {});
  ASSERT_TRUE(seen) << seen.error().what;
  EXPECT_GE(seen->kills, 10);
  EXPECT_NE(join(seen->broken, ", "), "");
}

}  // namespace
}  // namespace cardstorm
