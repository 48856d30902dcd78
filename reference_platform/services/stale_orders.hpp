// stale_orders: bug B23, on request only: the gateway remembers how an order looked and goes on saying so.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "reference_platform/edge/http.hpp"

namespace platform::services {

class StaleOrders {
 public:
  /// GET of one order: the answer of up to 5 s ago if there is one. Everything else: `ask`.
  edge::Response answer(const edge::Request& request, const std::function<edge::Response()>& ask);

 private:
  struct Entry {
    edge::Response answer;
    std::chrono::steady_clock::time_point at;
  };
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace platform::services
