// payment_channel: one payment channel as data: a name, workers of its own (bulkhead), a breaker, a budget for repeats,
// and what is done there. A payment has one number per channel for all its life; what a timeout left unknown is asked
// for until it is known.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "reference_platform/services/background.hpp"
#include "reference_platform/services/breaker.hpp"
#include "reference_platform/services/payment_desk.hpp"
#include "reference_platform/services/payment_refunds.hpp"
#include "reference_platform/services/upstream.hpp"

namespace platform::services {

/// How many calls of a kind may run at once: ceil(1.5 × peak calls per second × p99 in seconds), by Little's law
/// (Little 1961, Operations Research 9:3) with half as much again.
constexpr int permits(int peak_per_second, int p99_ms) { return (3 * peak_per_second * p99_ms + 1999) / 2000; }

struct ChannelOptions {
  int peak_per_second = 50;  // payments that this channel is to create
  int p99_ms = 100;          // of its answers in good times
};

class Channel {
 public:
  Channel(std::string name, PaymentDesk& desk, ChannelOptions options);

  [[nodiscard]] const std::string& name() const { return name_; }
  Breaker::State state() { return breaker_.state(std::chrono::steady_clock::now()); }
  /// Where a payment that has surely no money here may go on, best first. Set once all channels are there.
  void set_others(std::function<std::vector<std::string>()> others) { others_ = std::move(others); }
  /// Asks a broken channel whether it answers again. `alone`: no other channel can take the payments, so it is asked
  /// more often. Blocks for at most a second.
  void probe(bool alone);
  /// More than half of its workers create payments.
  [[nodiscard]] bool busy() const { return creates_.free() * 2 < create_workers_; }

  /// Room for rows of one of `sharers` databases; to be used up by the three calls below, or given back with `taken`
  /// less than `places`.
  Room creates_room(int sharers) { return {name_, share(creates_, sharers)}; }
  Room checks_room(int sharers) { return {name_, share(checks_, sharers)}; }
  Room refunds_room(int sharers) { return {name_, share(refunds_, sharers)}; }
  void give_back_creates(int places) { creates_.release(places); }
  void give_back_checks(int places) { checks_.release(places); }
  void give_back_refunds(int places) { refunds_.release(places); }
  void start_create(PaymentBook& book, const Payment& p);
  void start_check(PaymentBook& book, const Payment& p);
  void start_refund(PaymentBook& book, const Refund& r);

 private:
  static int share(Workers& workers, int sharers) {
    return workers.reserve(sharers == 1 ? workers.free() : (workers.free() + 1) / 2);
  }
  void create(PaymentBook& book, const Payment& p);
  void check(PaymentBook& book, const Payment& p);
  void try_close(PaymentBook& book, const Payment& p);
  void refund(PaymentBook& book, const Refund& r);
  bool has_surplus(PaymentBook& book, const Refund& r);
  void ask_refund(PaymentBook& book, const Refund& r);
  void decide_refund(PaymentBook& book, const Refund& r, const std::string& status);
  void stick(PaymentBook& book, const Refund& r, const std::string& trouble);
  [[nodiscard]] std::string label(const char* metric, const std::string& more = "") const;

  const std::string name_;
  PaymentDesk& desk_;
  const int create_workers_;
  std::function<std::vector<std::string>()> others_;
  Breaker breaker_;
  RetryBudget repeats_;
  Workers creates_, checks_, refunds_;  // last: their threads use what is above
};

}  // namespace platform::services
