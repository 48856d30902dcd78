// reconcile: compares our books with the channels' bills (对账), in windows and off the peak, and keeps what they
// disagree on: 长款 (long: the channel has it, we do not), 短款 (short: we have it, the channel has not), 金额不符
// (amount). What can be cured is cured.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "reference_platform/services/payment_desk.hpp"

namespace platform::services {

struct ReconcileOptions {
  int every_s = 60;    // between runs
  int settle_s = 10;   // what is younger is still on its way
  int window_s = 600;  // of one bill
};

/// One row of a channel's bill.
struct BillRow {
  std::string out_trade_no, trade_no;
  std::int64_t amount_cents = 0, refunded_cents = 0;
};

class Reconciler {
 public:
  /// `busy` says that it is not the time for it: a run is put off, ten periods at most.
  Reconciler(PaymentDesk& desk, ReconcileOptions options, std::function<bool()> busy)
      : desk_(desk), options_(options), busy_(std::move(busy)) {}

  /// Runs when it is due or asked for. On the loop's thread only.
  bool step();
  /// Asks for a run now; its number. report() says "runs" once it is over. Any thread.
  std::int64_t ask_for_run();
  /// The open differences and those of late that were cured, and refunds that wait for people, as JSON. Any thread.
  std::string report();

 private:
  using SteadyClock = std::chrono::steady_clock;
  struct Difference {
    std::string channel, out_trade_no, trade_no;
    const char *kind, *book;
    std::int64_t ours_cents = 0, theirs_cents = 0;
    bool cured = false;
    std::string note;
  };
  /// The channel's word on one payment.
  struct Word {
    bool known = false, charged = false;
    std::int64_t amount_cents = 0, refunded_cents = 0;
  };
  struct Window {
    std::string channel;
    std::int64_t from = 0, to = 0;
  };

  void run();
  void run_channel(const std::string& channel);
  void compare(const Window& window);
  std::vector<BillRow> bill_of(const Window& window);
  void compare_rows(PaymentBook& book, const Window& window, const std::vector<BillRow>& rows, std::int64_t asked_at);
  void find_short(PaymentBook& book, const Window& window, const std::vector<BillRow>& rows);
  void check_refunds(PaymentBook& book, const Window& window, const std::vector<BillRow>& rows);
  void look_again(PaymentBook& book, const std::string& channel);
  Difference cure_long(PaymentBook& book, const std::string& channel, const BillRow& row);
  Word ask(const std::string& channel, const std::string& out_trade_no);
  void keep(PaymentBook& book, const Difference& d);
  void show_open();
  std::int64_t first_day(const std::string& channel);

  PaymentDesk& desk_;
  const ReconcileOptions options_;
  const std::function<bool()> busy_;
  SteadyClock::time_point next_ = SteadyClock::now() + std::chrono::seconds(options_.every_s);
  std::mutex mutex_;  // guards all below
  std::int64_t asked_ = 0, runs_ = 0, last_run_at_ = 0;
  bool running_ = false;
  std::string trouble_;
};

}  // namespace platform::services
