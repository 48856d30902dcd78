// limiter: how much the gateway lets in at once. The number follows from how slow requests have become (a gradient, as
// in Netflix's concurrency limits); when it is reached, the least important requests go first. Beside it what a naive
// shop has (A09) and the share of one buyer. Time comes in as a parameter.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <string>

namespace platform::services {

/// From the most to the least important.
enum class Priority { callback, pay, create, query, list };
inline constexpr int kPriorities = 5;
const char* priority_name(Priority p);

struct LimiterOptions {
  double initial = 80, min = 16,
         max = 100;  // so that one role's full bulkhead leaves room for the least important class of another
  std::chrono::milliseconds window{500};
  int samples_min = 5;                      // fewer of a class in a window prove nothing
  double tolerance = 2;                     // so many times its usual time a request may take
  std::chrono::milliseconds usual_min{50};  // what is quicker counts as this: jitter of a small number is no overload
};

/// Each class has its usual time, learnt while little is going on. The limit falls when EVERY class that has requests
/// has become slow: then it is the machine; one slow class is its backend's matter, which has a limit of its own. Any
/// thread.
class Limiter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Limiter(LimiterOptions options = {}) : options_(options), limit_(options.initial) {}

  /// Takes a place, given back by leave(). A class may fill a part of the limit only: list 60 %, query 75 %, create 85
  /// %, pay 95 %, callback all.
  bool enter(Priority p);
  /// `took`: from the request's arrival. `served` false: refused behind us, its time says nothing.
  void leave(Priority p, std::chrono::nanoseconds took, bool served, Time now);

  [[nodiscard]] double limit() const;
  [[nodiscard]] int in_flight() const;

 private:
  struct Class {
    double usual_ms = 0, sum_ms = 0;
    int samples = 0;
  };
  void learn(Time now);
  double slowness();

  const LimiterOptions options_;
  mutable std::mutex mutex_;
  double limit_;
  int in_flight_ = 0, peak_ = 0;
  std::array<Class, kPriorities> classes_{};
  Time window_began_{};
};

/// A09: so many requests per second of the clock, whoever they are; twice as many across the edge of two seconds.
class FixedWindow {
 public:
  explicit FixedWindow(int per_second) : per_second_(per_second) {}
  bool enter(std::chrono::steady_clock::time_point now);

 private:
  const int per_second_;
  std::mutex mutex_;
  std::int64_t second_ = -1;
  int count_ = 0;
};

/// One buyer's part of what is going on: while there is room anybody takes what he wants; beyond half, nobody has more
/// than an equal part. Any thread.
class FairShare {
 public:
  explicit FairShare(int capacity) : capacity_(capacity) {}
  bool enter(const std::string& who, int weight);
  void leave(const std::string& who, int weight);

 private:
  const int capacity_;
  std::mutex mutex_;
  std::map<std::string, int> held_;
  int total_ = 0;
};

}  // namespace platform::services
