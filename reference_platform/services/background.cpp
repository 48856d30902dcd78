// background: see background.hpp.
#include "reference_platform/services/background.hpp"

#include <cstdio>
#include <exception>

namespace platform::services {

Loop::Loop(std::string name, std::chrono::milliseconds period, std::function<bool()> step)
    : name_(std::move(name)), period_(period), step_(std::move(step)), thread_([this] { run(); }) {}

Loop::~Loop() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Loop::run() {
  std::unique_lock lock(mutex_);
  while (!quit_) {
    lock.unlock();
    bool busy = false;
    try {
      busy = step_();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "error: %s: %s\n", name_.c_str(), e.what());
    }
    lock.lock();
    if (!busy) wake_.wait_for(lock, period_, [this] { return quit_; });
  }
}

Workers::Workers(std::string name, int count) : name_(std::move(name)) {
  for (int i = 0; i < count; ++i) threads_.emplace_back([this] { run(); });
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  wake_.notify_all();
  for (auto& t : threads_) t.join();
}

int Workers::free() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(threads_.size()) - outstanding_;
}

bool Workers::submit(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (quit_ || outstanding_ >= static_cast<int>(threads_.size())) return false;
    ++outstanding_;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

void Workers::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return quit_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    auto task = std::move(tasks_.back());
    tasks_.pop_back();
    lock.unlock();
    try {
      task();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "error: %s: %s\n", name_.c_str(), e.what());
    }
    task = nullptr;
    lock.lock();
    --outstanding_;
  }
}

}  // namespace platform::services
