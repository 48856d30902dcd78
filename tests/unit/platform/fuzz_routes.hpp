// fuzz_routes: all calls of all nodes, as api.md writes them, each with a request that is true. fuzz_test.cpp sees to
// it that none is missing.
#pragma once

#include <vector>

#include "tests/unit/platform/fuzz_requests.hpp"

namespace platform::services_test {

std::vector<FuzzRoute> buyer_routes();     // hardened, through the gateway
std::vector<FuzzRoute> merchant_routes();  // other shops, through the gateway
std::vector<FuzzRoute> operator_routes();  // on the nodes' own addresses
std::vector<FuzzRoute> payment_routes();
std::vector<FuzzRoute> admin_routes();
std::vector<FuzzRoute> control_routes();
std::vector<FuzzRoute> shop_routes();  // fragile

}  // namespace platform::services_test
