// background: see background.hpp.
#include "reference_platform/services/background.hpp"

#include <algorithm>
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

namespace {
constexpr auto kSayAgain = std::chrono::seconds(5);  // a database that is away is said each 5 s, not each round
}

void Loop::run() {
  std::string said;
  std::chrono::steady_clock::time_point said_at{};
  std::unique_lock lock(mutex_);
  while (!quit_) {
    lock.unlock();
    bool busy = false;
    try {
      busy = step_();
    } catch (const std::exception& e) {
      const auto now = std::chrono::steady_clock::now();
      if (said != e.what() || now - said_at > kSayAgain) {
        std::fprintf(stderr, "error: %s: %s\n", name_.c_str(), e.what());
        said = e.what();
        said_at = now;
      }
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
  if (reserve(1) == 0) return false;
  run_reserved(std::move(task));
  return true;
}

int Workers::reserve(int most) {
  const std::lock_guard lock(mutex_);
  const int count = quit_ ? 0 : std::clamp(static_cast<int>(threads_.size()) - outstanding_, 0, std::max(most, 0));
  outstanding_ += count;
  return count;
}

void Workers::run_reserved(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void Workers::release(int count) {
  const std::lock_guard lock(mutex_);
  outstanding_ -= count;
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
