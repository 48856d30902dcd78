// main: the tests, and two other roles that a test starts from this same binary: the guardian (as the product does) and
// a harness that is going to be killed.
#include <gtest/gtest.h>

#include <chrono>
#include <string_view>

#include "harness/lease/guardian.hpp"
#include "tests/unit/lease/doomed_harness.hpp"

int main(int argc, char** argv) {
  const std::string_view role = argc > 1 ? argv[1] : "";
  if (role == "guardian" && argc == 3) return cardstorm::guardian_main(0, argv[2], std::chrono::milliseconds(300));
  if (role == "doomed" && argc == 5)
    return cardstorm::test::doomed_harness(argv[2], argv[3], std::string_view(argv[4]) == "guarded");
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
