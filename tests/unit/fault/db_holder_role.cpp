// db_holder_role: see db_holder_role.hpp.
#include "tests/unit/fault/db_holder_role.hpp"

#include <cstdio>
#include <cstdlib>

#include "harness/target/db_pool.hpp"
#include "tests/contract/fake_platform.hpp"

namespace cardstorm::test {

int db_holder_role(char** args) {
  DatabaseSpec spec;
  spec.url = args[0];
  spec.password_file = args[1];
  spec.lock_table = args[2];
  spec.lock_where = args[3];
  spec.slots = static_cast<std::uint32_t>(std::atoi(args[4]));
  spec.limit = std::chrono::milliseconds(std::atoi(args[5]));
  const auto pool = make_db_pool({{"main", spec}}, loopback());
  std::printf("%s\n", json_of(*pool->undo("main")).dump().c_str());
  bool told = false;
  (void)eventually(
      [&] {
        (void)pool->hold("main", 1s);
        const auto state = pool->state("main");
        if (!told && state && state->held == state->max) {
          std::printf("on\n");
          told = true;
        }
        std::fflush(stdout);
        return false;
      },
      60s);  // the test kills us long before
  return 0;
}

}  // namespace cardstorm::test
