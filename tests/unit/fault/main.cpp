// main: the tests, and three other roles that a test starts from this same binary: the guardian (as the product does),
// a harness that is going to be killed, and a holder of a database.
#include <gtest/gtest.h>

#include <cstdio>
#include <string_view>

#include "harness/lease/guardian.hpp"
#include "tests/unit/fault/db_holder_role.hpp"
#include "tests/unit/fault/doomed_harness.hpp"

int main(int argc, char** argv) {
  const std::string_view role = argc > 1 ? argv[1] : "";
  if (role == "guardian" && argc == 3) return cardstorm::guardian_main(0, argv[2], std::chrono::milliseconds(300));
  if (role == "doomed" && argc == 3) return cardstorm::test::doomed_harness(argv[2]);
  if (role == "db-holder" && argc == 8) return cardstorm::test::db_holder_role(argv + 2);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
