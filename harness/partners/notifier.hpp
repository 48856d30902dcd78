// notifier: tells the platform what happened, until it says yes or the schedule ends, now and then in two copies at the
// same time. What is said and which answer is a yes, the dialect decides. HTTP runs on a thread of its own, everything
// else on the server's thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/net/http_client.hpp"
#include "harness/partners/journal.hpp"
#include "harness/partners/loop.hpp"

namespace cardstorm::partners {

/// One message to the platform.
struct Notice {
  Book book{};
  std::string kind, id_name, id, order;  // of its journal lines: "notify", "trade_no", ...
  Json::Object more = {};                // further members of its journal lines
  std::function<HttpRequest()> make;     // one attempt, signed at the time when it leaves
  std::function<bool(int status, const std::string& body)> acknowledged;
  std::vector<Nanos> gaps = {};               // after each attempt that nobody acknowledged, but the last
  std::function<double()> duplicate = {};     // share of attempts in two copies, asked at each attempt; empty: none
  double drop = 0;                            // share of attempts that are lost on the way
  std::function<void(Loop::Task)> hold = {};  // runs its task when the channel's delay allows; empty: at once
  std::function<void()> attempted = {};       // the first attempt has ended
};

struct NotifierSetup {
  double time_scale = 1;
  std::uint64_t seed = 1;
  AllowList allow;
};

class Notifier {
 public:
  Notifier(NotifierSetup setup, Loop& loop, PartnerJournals& journals);
  /// Ends at once; what is in flight is dropped.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// Starts to deliver. Server's thread; what the notice tells must be in the journal by then.
  void send(Notice notice);
  /// Messages that are neither acknowledged nor given up. Any thread.
  [[nodiscard]] std::size_t open() const { return open_; }

 private:
  struct Delivery {
    Notice notice;
    std::size_t attempt = 0;
    int copies_out = 0;
    bool acknowledged = false;
  };
  // status 0: no whole answer
  struct Sent {
    int status = 0;
    std::string body;
    Nanos took{0};
  };
  struct Outgoing {
    HttpRequest request;
    std::function<void(Sent)> done;
  };
  using Ref = std::shared_ptr<Delivery>;

  void attempt(const Ref& delivery);
  void send_copies(const Ref& delivery);
  void copy_ended(const Ref& delivery, const Sent& sent);
  void submit(HttpRequest request, std::function<void(Sent)> done);
  void run();

  NotifierSetup setup_;
  Loop& loop_;
  PartnerJournals& journals_;
  MonotonicClock clock_;
  std::unique_ptr<HttpClient> client_;
  std::uint64_t attempts_ = 0;
  std::atomic<std::size_t> open_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<Outgoing> outbox_;
  std::thread thread_;
};

}  // namespace cardstorm::partners
