// payment_desk: what the parts of the payment service share: the books of every database, the key to the partners, log
// and figures.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "reference_platform/ops/node.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/partner.hpp"
#include "reference_platform/services/payment_book.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

/// The books in one database, and what was learnt about its payments but is not written down yet. Any thread.
class PaymentBook {
 public:
  PaymentBook(store::Pool& pool, std::string name, bool shadow)
      : pool_(pool), name_(std::move(name)), shadow_(shadow) {}

  store::Pool::Lease open() { return pool_.take(); }
  store::Pool& pool() { return pool_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool shadow() const { return shadow_; }

  /// Written down by the next write_learnt(). What is lost before that is asked for again, so it waits for no disk; the
  /// oldest go first when the database is away.
  void learn(Learnt learnt);
  void write_learnt();

 private:
  store::Pool& pool_;
  const std::string name_;
  const bool shadow_;
  std::mutex mutex_;
  std::deque<Learnt> learnt_;
};

class PaymentDesk {
 public:
  explicit PaymentDesk(const ops::NodeConfig& config);

  const std::vector<std::unique_ptr<PaymentBook>>& books() { return books_; }
  /// Where a number of ours lives; nullptr for a number that is not ours.
  PaymentBook* book_of(const std::string& number);
  /// Writes a charge down, and what follows from it. `how` we know of it: notify, query, bill.
  Credit credit(store::Connection& db, const Charge& charge, const char* how);

  const PartnerKey partner;
  const std::string public_url;
  const std::vector<std::string> channels;
  const int unpaid_close_s;
  const int ask_again_ms;  // until a channel is asked again that was not clear; it grows
  const domain::Switches switches;
  const BusinessLog log;
  Metrics metrics;
  store::Shards shards;

 private:
  std::vector<std::unique_ptr<PaymentBook>> books_;  // as shards.each()
};

}  // namespace platform::services
