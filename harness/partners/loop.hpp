// loop: the partners' one thread, as something that tasks can be handed to from anywhere, before the server runs and
// after it is gone.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "harness/net/http_server.hpp"

namespace cardstorm::partners {

class Loop {
 public:
  using Task = std::function<void()>;

  /// Runs `task` on the server's thread after `delay`; dropped when the server is gone. Any thread.
  void after(Nanos delay, Task task) {
    const std::lock_guard lock(mutex_);
    if (server_ != nullptr)
      server_->after(delay, std::move(task));
    else if (!detached_)
      early_.emplace_back(delay, std::move(task));
  }
  void post(Task task) { after(Nanos{0}, std::move(task)); }

  void attach(HttpServer& server) {
    const std::lock_guard lock(mutex_);
    server_ = &server;
    for (auto& [delay, task] : early_) server.after(delay, std::move(task));
    early_.clear();
  }
  /// After this no task is taken any more. Call before the server ends.
  void detach() {
    const std::lock_guard lock(mutex_);
    server_ = nullptr;
    detached_ = true;
  }

 private:
  std::mutex mutex_;
  HttpServer* server_ = nullptr;
  bool detached_ = false;
  std::vector<std::pair<Nanos, Task>> early_;  // the first request may come before serve() has returned
};

}  // namespace cardstorm::partners
