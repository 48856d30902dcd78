// background: work that no request waits for: a loop that looks for work, and a fixed set of workers without a queue.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace platform::services {

/// Calls `step` again and again on a thread of its own: at once when it did something, else after `period`. An
/// exception is one line on stderr (the same one again after 5 s only) and a pause of one period.
class Loop {
 public:
  Loop(std::string name, std::chrono::milliseconds period, std::function<bool()> step);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();  // ends after the step that runs

 private:
  void run();
  std::string name_;
  std::chrono::milliseconds period_;
  std::function<bool()> step_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool quit_ = false;
  std::thread thread_;
};

/// A bulkhead: `count` threads for one kind of blocking call. What finds no free worker is not taken; whoever asks
/// looks at free() first and leaves the rest where it is durable.
class Workers {
 public:
  Workers(std::string name, int count);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers();  // finishes what was taken

  [[nodiscard]] int free() const;
  /// False when no worker is free.
  bool submit(std::function<void()> task);

  /// Sets up to `most` free workers aside for run_reserved(), so that several callers may share a set: how many. Each
  /// is used or released.
  int reserve(int most);
  void run_reserved(std::function<void()> task);
  void release(int count);

 private:
  void run();
  std::string name_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::function<void()>> tasks_;
  int outstanding_ = 0;
  bool quit_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace platform::services
