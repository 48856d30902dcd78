// fake_http_client: a target in virtual time. A test says how each request is answered and after how long; time moves
// only while the client waits, so that a minute of load takes milliseconds and every figure is exact.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "harness/net/http_client.hpp"
#include "tests/support/manual_clock.hpp"

namespace cardstorm::test {

struct FakeReply {
  Nanos after{1ms};
  int status = 200;
  std::string body = "{}";
  Cause cause = Cause::none;  // other than none: no whole answer came
  Outcome outcome = Outcome::ok;
  std::vector<std::pair<std::string, std::string>> headers = {};  // names in lower case

  static FakeReply refused() { return {Nanos(0), 0, "", Cause::refused, Outcome::failed}; }
  static FakeReply reset() { return {1ms, 0, "", Cause::reset, Outcome::unknown}; }
  /// Never answers: what comes is the timeout.
  static FakeReply never() { return {Nanos::max(), 0, "", Cause::none, Outcome::ok}; }
  static FakeReply json(std::string body, int status = 200, Nanos after = 1ms) {
    return {after, status, std::move(body), Cause::none, Outcome::ok, {}};
  }
  FakeReply with(std::string name, std::string value) const {
    FakeReply out = *this;
    out.headers.emplace_back(std::move(name), std::move(value));
    return out;
  }
};

class FakeHttpClient final : public HttpClient {
 public:
  struct Sent {
    HttpRequest request;
    Nanos at;
  };
  using Behaviour = std::function<FakeReply(const HttpRequest&, Nanos now)>;

  FakeHttpClient(ManualClock& clock, Behaviour behaviour) : clock_(clock), behaviour_(std::move(behaviour)) {}

  void submit(HttpRequest request, Done done) override {
    const Nanos now = clock_.now();
    const FakeReply reply = behaviour_(request, now);
    HttpResponse response{reply.status, reply.body, reply.cause, reply.outcome, "", now, now, reply.headers};
    const bool late = reply.after > request.timeout;
    if (late) response = {0, "", Cause::timeout, Outcome::unknown, "timeout", now, now, {}};
    response.done = now + (late ? request.timeout : reply.after);
    const Nanos at = response.done;
    pending_.emplace(at, Pending{std::move(response), std::move(done)});
    in_flight_max_ = std::max(in_flight_max_, pending_.size());
    if (keep_requests_) sent_.push_back({std::move(request), now});
    ++sent_count_;
  }

  void drive(Nanos until) override {
    if (std::exchange(woken_, false)) return;
    if (!pending_.empty() && pending_.begin()->first <= until) {
      auto first = pending_.extract(pending_.begin());
      move_to(first.key());
      first.mapped().done(std::move(first.mapped().response));
      return;
    }
    move_to(until);
  }
  void wake() override { woken_ = true; }
  [[nodiscard]] std::size_t in_flight() const override { return pending_.size(); }

  /// The generator itself is held up: when the clock would pass `at`, it jumps on by `length`.
  void stall(Nanos at, Nanos length) { stall_at_ = at, stall_length_ = length; }
  /// For long runs.
  void forget_requests() { keep_requests_ = false; }

  [[nodiscard]] const std::vector<Sent>& sent() const { return sent_; }
  [[nodiscard]] std::uint64_t sent_count() const { return sent_count_; }
  [[nodiscard]] std::size_t in_flight_max() const { return in_flight_max_; }

 private:
  struct Pending {
    HttpResponse response;
    Done done;
  };
  void move_to(Nanos t) {
    if (t >= stall_at_) t = std::max(t, std::exchange(stall_at_, Nanos::max()) + stall_length_);
    clock_.advance_to(t);
  }

  ManualClock& clock_;
  Behaviour behaviour_;
  std::multimap<Nanos, Pending> pending_;  // by the time of the answer
  std::vector<Sent> sent_;
  std::uint64_t sent_count_ = 0;
  std::size_t in_flight_max_ = 0;
  bool woken_ = false, keep_requests_ = true;
  Nanos stall_at_ = Nanos::max(), stall_length_{0};
};

}  // namespace cardstorm::test
