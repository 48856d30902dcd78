// intake: orders through the queue. A request is checked, published, and waited for; per database one thread takes up
// to 64 at a time and writes them in one statement, so that a peak costs the database a few large writes instead of
// many small ones. Bounded by age: what waited longer than 5 s never becomes an order, and when the oldest has waited
// half of that, new ones are refused.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "reference_platform/queue/queue.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/breaker.hpp"
#include "reference_platform/services/order_create.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

class Intake {
 public:
  static constexpr std::chrono::milliseconds kPatience{1500};
  /// `node` names this process in the queue's groups. `reserve`: see write_orders. `patience`: how long a request waits
  /// for its outcome at most.
  Intake(std::string node, std::unique_ptr<queue::Queue> queue, store::Shards& shards, std::string reserve,
         const BusinessLog& log, Metrics& metrics, std::chrono::milliseconds patience = kPatience);

  /// created and repeated are final; pending: it waits or is being written, nobody knows yet; expired: it never becomes
  /// an order; crowded: not published, come back later; not_taken: write it yourself (the queue is away or has not
  /// begun, or the database's own stock does not suffice).
  enum class State { created, repeated, pending, expired, crowded, not_taken };
  struct Result {
    State state = State::pending;
  };
  /// Waits for the outcome, min(left, patience). Any thread.
  Result take_in(const NewOrder& order, std::chrono::milliseconds left);

 private:
  struct Waiter {
    const NewOrder* order;
    std::chrono::steady_clock::time_point since;
    std::string outcome;
  };
  /// One topic: one database, real or shadow.
  struct Topic {
    int database = 0;
    bool shadow = false;
    std::string name;
    std::unique_ptr<queue::Consumer> consumer;
    std::vector<queue::Message> batch;  // taken, not written yet
    std::atomic<bool> crowded{false};
  };

  Topic& topic_of(store::Place place);
  Result fallback(const NewOrder& order, const char* why);
  bool publish(const Topic& topic, const NewOrder& order, std::chrono::milliseconds left);
  bool left_to_the_twin(Topic& topic);
  bool consume(Topic& topic);
  void write(Topic& topic, const std::vector<NewOrder>& orders, const std::vector<NewOrder>& expired);
  void write_singly(Topic& topic, const std::vector<NewOrder>& orders, const std::vector<NewOrder>& expired);
  void refuse(store::Connection& db, const std::vector<NewOrder>& orders, const std::vector<std::string>& outcomes);
  void tell(const std::vector<NewOrder>& orders, const std::vector<std::string>& outcomes);
  void tell(const std::string& order_no, const std::string& outcome);
  static void age(Topic& topic, std::chrono::steady_clock::time_point since);
  bool look_for_others(Topic& topic);
  void show_broker();
  void watch_backlog();

  const std::string node_, reserve_;
  const std::chrono::milliseconds patience_;
  std::unique_ptr<queue::Queue> queue_;
  Breaker broker_;
  store::Shards& shards_;
  const BusinessLog& log_;
  Metrics& metrics_;
  std::mutex mutex_;
  std::condition_variable told_;
  std::multimap<std::string, Waiter*> waiting_;  // by order number: requests that share a coupon's claim share it
  std::vector<std::unique_ptr<Topic>> topics_;
  std::vector<std::unique_ptr<Loop>> loops_;  // last: end first
};

}  // namespace platform::services
