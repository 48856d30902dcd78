// journey: one trade as a state machine over its journey's steps. It knows no sockets and no clock: it is told what
// came and when, writes what the buyer saw, and says what it wants next.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/drive/answer.hpp"
#include "harness/drive/client_settings.hpp"
#include "harness/drive/cookies.hpp"
#include "harness/drive/ledger.hpp"
#include "harness/drive/recipe.hpp"
#include "harness/drive/request.hpp"
#include "harness/mint/mint.hpp"
#include "harness/net/http_client.hpp"
#include "harness/plan/arrivals.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

/// What all trades of one driver have in common.
struct JourneyParts {
  /// `url`: base, without trailing slash. Plan, mint and ledger must outlive it.
  JourneyParts(const Plan& plan, const Mint& mint, std::string url, std::string mark, Ledger& ledger,
               ClientSettings settings = {});

  const Plan& plan;
  const Mint& mint;
  std::string url, mark;
  Ledger& ledger;
  ClientSettings settings;
  std::vector<JourneyRecipe> recipes;  // by Arrival::journey
};

/// What a trade wants next.
struct Next {
  /// keep: nothing new, what was asked for before stands (an answer that is on its way, a time).
  enum class Kind : std::uint8_t { send, wait, keep, ended };
  Kind kind = Kind::ended;
  Nanos at{0};               // wait: call on_time() then; send: when it was due, for the generator's lateness
  bool first = false;        // send: the step's first request, the one that has a planned time
  HttpRequest request = {};  // send
  std::uint32_t ticket = 0;  // send: to be given back with its answer
};

/// Create it, call begin(), then follow Next until it says ended: exactly one StepEnded per step and one TradeEnded are
/// written by then. Every call returns at once. `now` and answers are on the run's clock. A step may have several
/// requests under way: what on_sent() gives is followed as well, beside the answer that will come.
class TradeExecution {
 public:
  /// `parts` and the plan behind it must outlive the walk.
  TradeExecution(const JourneyParts& parts, Arrival arrival);

  Next begin(Nanos now);
  /// Instead of begin(): the trade is not sent at all, because of `cause`.
  void never_begin(Cause cause, Nanos now);
  /// The request of the last Next::send is on its way. send: one more at once; wait: call on_time() then, if no answer
  /// came before.
  Next on_sent(Nanos now);
  /// It could not be sent: in_flight_cap (the target holds all permitted) or late_generator (we are too late).
  Next refuse(Cause cause, Nanos now);
  /// `ticket`: of the Next::send that is answered. What comes for an earlier step is not looked at.
  Next on_answer(const HttpResponse& response, Nanos now, std::uint32_t ticket);
  /// The time of the last Next::wait has come, or the deadline has passed. Too early is no harm.
  Next on_time(Nanos now);
  /// Ends it here: what is open gets `cause`, and unknown when it may have had an effect.
  void cut(TradeOutcome outcome, Cause cause, Nanos now);

  [[nodiscard]] Nanos deadline() const { return deadline_; }
  [[nodiscard]] bool ended() const { return ended_; }
  /// The planned time of the step at hand when it waits for an answer, the end of `pending` too; not for a poll, which
  /// waits for others.
  [[nodiscard]] std::optional<Nanos> waits_since() const {
    return (open_ > 0 || asks_again_) && !ended_ && !step().poll ? std::optional(planned_) : std::nullopt;
  }

 private:
  [[nodiscard]] const StepRecipe& recipe() const { return recipe_.steps[step_]; }
  [[nodiscard]] const Step& step() const { return journey_.steps[step_]; }
  [[nodiscard]] bool goes_on_at_once() const;  // when this step is answered
  [[nodiscard]] bool refreshes() const;        // presses again while a GET hangs
  [[nodiscard]] bool leaves_early() const;     // or goes
  [[nodiscard]] bool presses_twice() const;

  /// The value of a variable, or nullptr; it stands until the next call.
  [[nodiscard]] const std::string* value_of(int variable);
  [[nodiscard]] bool fill(const Template& text, Encoding encoding, std::string& out);
  [[nodiscard]] std::optional<std::string> filled(const Template& text);
  [[nodiscard]] Nanos wall(Nanos now) const;

  /// False when a value is missing that an earlier answer should have given.
  [[nodiscard]] bool make_request(HttpRequest& request, Nanos now);
  [[nodiscard]] bool make_form(HttpRequest& request, FieldList& fields);
  [[nodiscard]] bool sign(HttpRequest& request, FieldList fields, Nanos now);
  void add_own_headers(HttpRequest& request);

  Next start_step(Nanos now);
  Next wait(Nanos until);
  Next send(Nanos due, Nanos now);
  Next ask_again(const Json* body, const HttpResponse& response, Nanos done, Nanos now);
  Next broken_or_again(const Answer& answer, Nanos done);
  Next good(const Json* body, const HttpResponse& response, Nanos done);
  Next broken(Outcome outcome, Cause cause, Nanos done);
  Next sold_out(Nanos done);
  Next expired(Nanos now);

  void take_cookies(const HttpResponse& response, Nanos now);
  [[nodiscard]] bool extract(const Json* body, const HttpResponse& response);
  /// False when the answer lacks what the step's fact needs.
  [[nodiscard]] bool write_observations(const Json* body, const HttpResponse& response, Nanos done);
  [[nodiscard]] std::optional<std::int64_t> amount(const Json* body);
  std::size_t write_cards(const Json* body, const HttpResponse& response, Nanos done);
  void write_observation_of_end(Outcome outcome, Cause cause, Nanos done);
  void end_step(Outcome outcome, Cause cause, Nanos done);
  /// Writes the steps that were never reached, at the time the plan had for them, and the trade's end.
  void end_trade(TradeOutcome outcome, Cause cause, Nanos at, Cause rest);

  const JourneyParts& parts_;
  Arrival arrival_;
  const Journey& journey_;
  const JourneyRecipe& recipe_;
  std::vector<std::optional<std::string>> extracted_;  // by variable, from recipe_.first_extracted on
  CookieJar cookies_;
  std::map<std::string, std::size_t> cards_;  // how often each card was written; by id or digest, never by its text
  std::string scratch_;                       // a value that is made when it is asked for
  Nanos deadline_, previous_done_, request_at_{0};
  std::uint16_t step_ = 0;
  std::uint32_t ticket_ = 0;  // of the last request
  bool ended_ = false;

  // of the step at hand
  bool previous_slow_ = false;
  Nanos planned_{0}, sent_{0}, last_sent_{0},
      request_due_{0};  // last_sent_: of the first request since something broke
  Nanos alarm_ = Nanos::max();
  std::uint32_t first_ticket_ = 1;  // answers to earlier ones are of no interest any more
  std::uint16_t requests_ = 0, resends_ = 0, status_ = 0;
  std::uint32_t open_ = 0;  // requests under way
  std::uint32_t refreshed_ = 0;
  bool perhaps_effect_ = false;   // some request of this step ended unknown
  bool asks_again_ = false;       // an answer was `pending`: the page sends the request again when its alarm comes
  bool twin_sold_out_ = false;    // one of two requests was refused as sold out
  bool walled_ = false;           // the last answer was a front wall's
  Cause broke_by_ = Cause::none;  // of the request that is about to be sent again
};

}  // namespace cardstorm
