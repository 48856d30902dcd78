// describe: the picture of a plan against a golden file (UPDATE_GOLDEN=1 writes it anew), and the digest.
#include "harness/scenario/describe.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/support/paths.hpp"
#include "tests/unit/scenario/workspace.hpp"

namespace cardstorm {
namespace {

class Describe : public Workspace {};

TEST_F(Describe, PrintsTheWholePlan) {
  Loaded loaded = good();
  loaded.plan.version = "0.0.0-golden";  // a release must not change the golden file
  const std::string text = describe_plan(loaded.plan, loaded.trace);
  const std::string path = testing_paths::source_dir() + "/tests/golden/plan.txt";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(text, golden.str()) << "UPDATE_GOLDEN=1 writes " << path;
}

TEST_F(Describe, DigestCoversEveryChoice) {
  const Loaded loaded = good();
  const std::string digest = arrivals_digest(loaded.plan, loaded.trace);
  EXPECT_EQ(digest, arrivals_digest(loaded.plan, loaded.trace));
  Plan other = loaded.plan;
  other.seed = 4;
  EXPECT_NE(digest, arrivals_digest(other, loaded.trace));
  other = loaded.plan;
  other.buyers = 7;
  EXPECT_NE(digest, arrivals_digest(other, loaded.trace));
  other = loaded.plan;
  std::swap(other.journeys[0].skus[0], other.journeys[0].skus[1]);
  EXPECT_NE(digest, arrivals_digest(other, loaded.trace));
}

}  // namespace
}  // namespace cardstorm
