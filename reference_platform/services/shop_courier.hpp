// shop_courier: what follows a payment outside of any request: deliveries, supplier orders, refunds. Where it waits for
// its turn is trait A11: in memory, handed over after the commit, or in the local message table, written in the same
// transaction.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "reference_platform/services/background.hpp"
#include "reference_platform/store/pg.hpp"

namespace platform::services {

/// kind: "deliver", or "supply", "refund", "surplus", which call partners and have workers of their own.
struct ShopJob {
  std::string kind, order_no, body = "{}", mark = {}, trace = {};
};

class ShopCourier {
 public:
  /// `work` does a job: true when it is over; else it comes again. It may come twice. `lease`: longer than `work`
  /// takes.
  using Work = std::function<bool(const ShopJob&)>;
  ShopCourier(store::Pool& pool, bool in_memory, std::chrono::milliseconds lease, Work work);

  /// Both, always: write() in the transaction of what the job follows from, hand() after its commit. One of the two
  /// does something.
  void write(store::Connection& db, const ShopJob& job) const;
  void hand(const ShopJob& job);

  /// Jobs in memory; 0 when they wait in the table.
  [[nodiscard]] std::size_t in_memory() const;

 private:
  // id: of the row
  struct Waiting {
    ShopJob job;
    std::string id;
    std::chrono::steady_clock::time_point at;
  };
  bool round();
  bool start(Workers& workers, bool calls);
  std::vector<Waiting> due(bool calls, int most);
  std::vector<Waiting> due_in_table(bool calls, int most);
  void work_on(const Waiting& waiting);
  void finish(const Waiting& waiting, bool over);

  store::Pool& pool_;
  const bool in_memory_;
  const std::chrono::milliseconds lease_;
  const Work work_;
  mutable std::mutex mutex_;
  std::deque<Waiting> list_;
  Workers deliveries_, calls_;
  Loop loop_;  // last: uses all above
};

}  // namespace platform::services
