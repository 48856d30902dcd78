// errands: what control threads want done by the supervisor's own thread, which alone may start and end children.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>

namespace platform::ops {

/// Wakes the watching thread from another one.
class Wake {
 public:
  Wake() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;
  ~Wake() { ::close(fd_); }
  void ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(fd_, &one, sizeof one);
  }
  void hush() const {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto n = ::read(fd_, &count, sizeof count);
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

class Errands {
 public:
  /// Any thread but the watching one: returns when it was run (rethrowing what it threw), false when the supervisor is
  /// ending.
  bool ask(std::function<void()> work) {
    auto errand = std::make_shared<Errand>();
    errand->work = std::move(work);
    std::unique_lock lock(mutex_);
    if (closed_) return false;
    waiting_.push_back(errand);
    wake_.ring();
    done_.wait(lock, [&] { return errand->done || closed_; });
    if (errand->error) std::rethrow_exception(errand->error);
    return errand->done;
  }
  /// The watching thread, when fd() is readable.
  void run() {
    wake_.hush();
    std::unique_lock lock(mutex_);
    while (!waiting_.empty()) {
      const auto errand = waiting_.front();
      waiting_.pop_front();
      lock.unlock();
      try {
        errand->work();
      } catch (...) {
        errand->error = std::current_exception();
      }
      lock.lock();
      errand->done = true;
      done_.notify_all();
    }
  }
  /// Whoever waits goes away with false, and so do all that come later.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waiting_.clear();
    done_.notify_all();
  }
  [[nodiscard]] bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  [[nodiscard]] int fd() const { return wake_.fd(); }

 private:
  struct Errand {
    std::function<void()> work;
    std::exception_ptr error;
    bool done = false;
  };
  Wake wake_;
  mutable std::mutex mutex_;
  std::condition_variable done_;
  std::deque<std::shared_ptr<Errand>> waiting_;
  bool closed_ = false;
};

}  // namespace platform::ops
