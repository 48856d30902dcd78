// order_events: what other services tell the order service, taken from one database's message table in batches. Each
// message and its effect are one transaction; each batch is one statement: take the messages (SKIP LOCKED: the twin
// works on others), change the orders that are in the right state, write what follows.
#pragma once

#include <chrono>
#include <string>

#include "reference_platform/domain/switches.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/coupon.hpp"
#include "reference_platform/store/pg.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

class OrderEvents {
 public:
  struct Options {
    int unpaid_close_s = 300;
    domain::Switches switches;
  };
  OrderEvents(store::Shards::Each place, Coupons& coupons, const BusinessLog& log, Metrics& metrics, Options options)
      : place_(place), coupons_(coupons), log_(log), metrics_(metrics), options_(options) {}
  /// One round over all topics; true when there was something to do.
  bool step();

 private:
  bool paid(store::Connection& db);
  bool started(store::Connection& db);
  bool delivered(store::Connection& db);
  bool refunded(store::Connection& db);
  bool unpaid(store::Connection& db);
  bool undeliverable(store::Connection& db);
  bool coupons_back();
  void close_unpaid(store::Connection& db);
  void measure(store::Connection& db);
  bool told(const store::Rows& rows, const char* event, const char* stage);
  [[nodiscard]] bool on(domain::Bug bug) const { return options_.switches.on(bug); }

  store::Shards::Each place_;
  Coupons& coupons_;
  const BusinessLog& log_;
  Metrics& metrics_;
  const Options options_;
  std::chrono::steady_clock::time_point next_close_{}, next_settle_{},
      began_{};  // began_: the statement whose rows are told
};

}  // namespace platform::services
