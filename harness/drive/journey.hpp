// journey: one trade as a state machine over its journey's steps. It knows no sockets and no clock: it is told what came and
// when, writes the facts, and says what it wants next.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/drive/answer.hpp"
#include "harness/drive/ledger.hpp"
#include "harness/mint/mint.hpp"
#include "harness/net/http_client.hpp"
#include "harness/plan/arrivals.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

struct JourneyParts {
  const Plan& plan;
  const Mint& mint;
  std::string url, mark;
  Ledger& ledger;
};

/// What a trade wants next.
struct Next {
  enum class Kind : std::uint8_t { send, wait, ended };
  Kind kind = Kind::ended;
  Nanos at{0};             // wait: call on_time() then; send: when it was due, for the generator's lateness
  bool first = false;      // send: the step's first request, the one that has a planned time
  HttpRequest request;     // send
};

/// Create it, call begin(), then follow Next until it says ended: exactly one StepEnded per step and one TradeEnded are written
/// by then. Every call returns at once. `now` and answers are on the run's clock.
class TradeWalk {
 public:
  /// `parts` and the plan behind it must outlive the walk.
  TradeWalk(const JourneyParts& parts, Arrival arrival);

  Next begin(Nanos now);
  /// Instead of begin(): the trade is not sent at all, because of `cause`.
  void never_begin(Cause cause, Nanos now);
  /// The request of the last Next::send is on its way.
  void on_sent(Nanos now);
  /// It could not be sent: in_flight_cap (the target holds all permitted) or late_generator (we are too late).
  Next refuse(Cause cause, Nanos now);
  Next on_answer(const HttpResponse& response, Nanos now);
  /// The time of the last Next::wait has come, or the deadline has passed.
  Next on_time(Nanos now);
  /// Ends it here: what is open gets `cause`, and unknown when it may have had an effect.
  void cut(TradeOutcome outcome, Cause cause, Nanos now);

  [[nodiscard]] Nanos deadline() const { return deadline_; }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  [[nodiscard]] const Step& step() const { return journey_.steps[step_]; }
  [[nodiscard]] const std::string* variable(std::string_view name) const;
  void remember(std::string name, std::string value);
  [[nodiscard]] Result<std::string> fill(const std::string& text) const;
  [[nodiscard]] Result<HttpRequest> make_request() const;

  Next start_step(Nanos now);
  Next wait(Nanos until);
  Next send(Nanos due, Nanos now);
  Next good(const Json* body, Nanos done);
  Next broken(Outcome outcome, Cause cause, Nanos done);
  Next expired(Nanos now);

  [[nodiscard]] bool extract(const Json* body);
  /// False when the answer lacks what the step's fact needs.
  [[nodiscard]] bool write_facts(const Json* body, Nanos done);
  std::size_t write_cards(const Json& body, Nanos done);
  void write_fact_of_end(Outcome outcome, Cause cause, Nanos done);
  void end_step(Outcome outcome, Cause cause, Nanos done);
  /// Writes the steps that were never reached, at the time the plan had for them, and the trade's end.
  void end_trade(TradeOutcome outcome, Cause cause, Nanos at, Cause rest);

  const JourneyParts& parts_;
  Arrival arrival_;
  const Journey& journey_;
  std::vector<std::pair<std::string, std::string>> variables_;
  std::map<std::string, std::size_t> cards_;   // how often each card was written; by id or digest, never by its text
  Nanos deadline_, previous_done_;
  std::uint16_t step_ = 0;
  bool ended_ = false;

  // of the step at hand
  bool previous_slow_ = false;
  Nanos planned_{0}, sent_{0}, last_sent_{0}, request_due_{0};
  HttpRequest request_;
  std::uint16_t requests_ = 0, resends_ = 0, status_ = 0;
  bool asked_ = false;             // a request is under way
  bool perhaps_effect_ = false;    // some request of this step ended unknown
  Cause broke_by_ = Cause::none;   // of the request that is about to be sent again
};

}  // namespace cardstorm
