// order_events: what other services tell the order service, taken from the message table in batches, and the moves of money that
// belong to an order. Each message and its effect are one transaction.
#pragma once

#include <chrono>
#include <string>

#include "reference_platform/services/answers.hpp"
#include "reference_platform/store/pg.hpp"

namespace platform::services {

/// Creates the buyer's wallet when it is not there yet.
void open_wallet(store::Connection& db, const std::string& buyer);

/// Inside a transaction: moves `delta` on the wallet and writes both sides into the ledger; the same (order, kind) twice is a unique
/// violation. False, with nothing done, when the balance does not suffice.
bool book_wallet(store::Connection& db, const std::string& buyer, const std::string& order_no, const std::string& kind, std::int64_t delta);

/// Inside a transaction, for an order that was just set to refunding: gives the money back to the wallet, or asks the payment
/// service to. The order's status after it: refunded or refunding.
std::string start_refund(store::Connection& db, const std::string& order_no);

class OrderEvents {
 public:
  OrderEvents(store::Pool& pool, const BusinessLog& log, Metrics& metrics, int unpaid_close_s)
      : pool_(pool), log_(log), metrics_(metrics), unpaid_close_s_(unpaid_close_s) {}
  /// One round over all topics; true when there was something to do.
  bool step();

 private:
  bool paid(store::Connection& db);
  bool delivered(store::Connection& db);
  bool refunded(store::Connection& db);
  bool unpaid(store::Connection& db);
  bool undeliverable(store::Connection& db);
  void close_unpaid(store::Connection& db);
  bool told(const store::Rows& rows, const char* event);

  store::Pool& pool_;
  const BusinessLog& log_;
  Metrics& metrics_;
  int unpaid_close_s_;
  std::chrono::steady_clock::time_point next_close_{};
};

}  // namespace platform::services
