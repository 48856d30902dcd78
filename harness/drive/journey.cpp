// journey: the walk of a trade through its steps.
#include "harness/drive/journey.hpp"

#include <algorithm>
#include <cassert>

#include "harness/core/rng.hpp"
#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kResendAfterMin = 1s, kResendAfterMax = 3s;   // rule 4

std::string json_escaped(const std::string& text) {
  std::string quoted = Json(text).dump();
  return quoted.substr(1, quoted.size() - 2);
}

/// A value from outside must not end a header line.
std::string header_safe(const std::string& text) {
  std::string out = text;
  std::erase_if(out, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; });
  return out;
}

bool sends_form(const Step& step) {
  return std::any_of(step.headers.begin(), step.headers.end(), [](const auto& header) {
    return lower(header.first) == "content-type" && lower(header.second).find("form-urlencoded") != std::string::npos;
  });
}

bool ours(Cause cause) { return cause == Cause::late_generator || cause == Cause::interrupted; }

}  // namespace

TradeWalk::TradeWalk(const JourneyParts& parts, Arrival arrival)
    : parts_(parts), arrival_(std::move(arrival)), journey_(parts.plan.journeys.at(arrival_.journey)),
      deadline_(arrival_.at + journey_.deadline), previous_done_(arrival_.at) {
  variables_ = {{"buyer", arrival_.buyer}, {"sku", arrival_.sku}, {"channel", arrival_.channel}, {"key", arrival_.key},
                {"phone", arrival_.phone}, {"quantity", std::to_string(arrival_.quantity)},
                {"trade", std::to_string(arrival_.trade)}, {"mark", parts.mark}};
}

// ---- what it is told

Next TradeWalk::begin(Nanos now) {
  parts_.ledger.planned({arrival_.trade, arrival_.at, arrival_.journey, static_cast<std::uint16_t>(journey_.steps.size())});
  if (journey_.steps.empty()) {
    end_trade(TradeOutcome::ok, Cause::none, now, Cause::none);
    return {};
  }
  return start_step(now);
}

void TradeWalk::never_begin(Cause cause, Nanos now) {
  parts_.ledger.planned({arrival_.trade, arrival_.at, arrival_.journey, static_cast<std::uint16_t>(journey_.steps.size())});
  end_trade(TradeOutcome::not_sent, cause, now, cause);
}

void TradeWalk::on_sent(Nanos now) {
  if (requests_ == 0) sent_ = now;
  last_sent_ = now;
  requests_ = static_cast<std::uint16_t>(std::min(requests_ + 1, 0xffff));
  if (broke_by_ != Cause::none) ++resends_;
  asked_ = true;
}

Next TradeWalk::refuse(Cause cause, Nanos now) {
  if (step().poll && requests_ > 0) return wait(now + step().poll->every);
  if (broke_by_ != Cause::none) return broken(perhaps_effect_ ? Outcome::unknown : Outcome::failed, broke_by_, now);
  // A trade of which nothing was sent is not_sent. So is one that we ourselves broke off: the platform is not to blame.
  const bool not_sent = step_ == 0 || ours(cause);
  end_step(Outcome::failed, cause, planned_);
  end_trade(not_sent ? TradeOutcome::not_sent : TradeOutcome::failed, cause, now, ours(cause) ? cause : Cause::earlier_step);
  return {};
}

Next TradeWalk::on_answer(const HttpResponse& response, Nanos now) {
  assert(asked_ && !ended_);
  asked_ = false;
  status_ = static_cast<std::uint16_t>(response.status);
  const Nanos done = response.done >= last_sent_ ? response.done : now;
  const Answer answer = read_answer(step(), response);
  if (answer.outcome == Outcome::unknown) perhaps_effect_ = true;
  const Json* body = answer.body ? &*answer.body : nullptr;

  switch (answer.reading) {
    case Reading::good: return good(body, done);
    case Reading::sold_out:
      end_step(Outcome::failed, Cause::sold_out, done);
      end_trade(TradeOutcome::failed, Cause::sold_out, done, Cause::earlier_step);
      return {};
    case Reading::again:
      if (body != nullptr && step().fact == Fact::cards) write_cards(*body, done);   // disclosed is disclosed
      if (now >= deadline_) return expired(now);
      return wait(done + step().poll->every);
    case Reading::broken: break;
  }
  const bool resend = step().resend && !step().poll && resends_ == 0 && may_resend(answer.cause);
  const double share = draw_unit(parts_.plan.seed, stream_of("resend"), (arrival_.trade << 8) ^ step_);
  const Nanos again_at = done + kResendAfterMin + nanos_of_seconds(seconds(kResendAfterMax - kResendAfterMin) * share);
  if (resend && again_at < deadline_) {
    broke_by_ = answer.cause;
    return wait(again_at);
  }
  return broken(answer.outcome, answer.cause, done);
}

Next TradeWalk::on_time(Nanos now) {
  assert(!ended_);
  if (now >= deadline_) return expired(now);
  return send(request_due_, now);
}

void TradeWalk::cut(TradeOutcome outcome, Cause cause, Nanos now) {
  assert(!ended_);
  if (requests_ == 0) end_step(Outcome::failed, cause, planned_);
  else end_step(asked_ || perhaps_effect_ ? Outcome::unknown : Outcome::failed, cause, now);
  end_trade(outcome, cause, now, ours(cause) ? cause : Cause::earlier_step);
}

// ---- what it does

Next TradeWalk::start_step(Nanos now) {
  const Nanos due = step_ == 0 ? arrival_.at : previous_done_ + step().think;
  // While the target keeps up, a step is planned from the end of the one before. Once a step was too slow, its buyer's later steps
  // stay where the plan had them: the delay counts in the windows in which they should have been, or an outage would empty its own.
  planned_ = previous_slow_ ? planned_ + step().think : due;
  sent_ = last_sent_ = planned_;
  requests_ = resends_ = status_ = 0;
  perhaps_effect_ = false;
  broke_by_ = Cause::none;
  auto request = make_request();
  if (!request) {   // a value that an earlier answer should have given
    end_step(Outcome::failed, Cause::bad_body, planned_);
    end_trade(TradeOutcome::failed, Cause::bad_body, now, Cause::earlier_step);
    return {};
  }
  request_ = std::move(*request);
  if (due > now) return wait(due);
  if (now >= deadline_) return expired(now);
  request_due_ = due;
  return send(due, now);
}

Next TradeWalk::wait(Nanos until) {
  request_due_ = until;
  return {Next::Kind::wait, std::min(until, deadline_), false, {}};
}

Next TradeWalk::send(Nanos due, Nanos now) {
  Next next{Next::Kind::send, due, requests_ == 0, request_};
  next.request.timeout = std::max(Nanos(1), std::min(step().timeout, deadline_ - now));
  return next;
}

Next TradeWalk::good(const Json* body, Nanos done) {
  if (!extract(body) || !write_facts(body, done))
    return broken(has_effect(step()) ? Outcome::unknown : Outcome::failed, Cause::bad_body, done);
  previous_slow_ = !step().poll && done - planned_ > parts_.plan.slo.step_limit;   // a poll waits for others: the plan starts anew after it
  end_step(Outcome::ok, Cause::none, done);
  previous_done_ = done;
  if (done > deadline_) end_trade(TradeOutcome::failed, Cause::deadline, done, Cause::earlier_step);   // good, but too late
  else if (step_ == journey_.steps.size()) end_trade(TradeOutcome::ok, Cause::none, done, Cause::none);
  else return start_step(done);
  return {};
}

Next TradeWalk::broken(Outcome outcome, Cause cause, Nanos done) {
  // The buyer's patience, not the step's own limit, ended this request.
  if (cause == Cause::timeout && done >= deadline_ && done - last_sent_ < step().timeout) cause = Cause::deadline;
  // A first request that may have had an effect is not undone by the refusal of the second.
  const Outcome known = perhaps_effect_ ? Outcome::unknown : outcome;
  const bool matters = has_effect(step());
  end_step(known, cause, done);
  end_trade(known == Outcome::unknown && matters ? TradeOutcome::unknown : TradeOutcome::failed, cause, done, Cause::earlier_step);
  return {};
}

Next TradeWalk::expired(Nanos now) {
  const bool matters = has_effect(step());
  const bool perhaps = (asked_ || perhaps_effect_) && matters;
  if (requests_ == 0) end_step(Outcome::failed, Cause::deadline, planned_);
  else end_step(perhaps ? Outcome::unknown : Outcome::failed, Cause::deadline, now);
  end_trade(perhaps ? TradeOutcome::unknown : TradeOutcome::failed, Cause::deadline, now, Cause::earlier_step);
  return {};
}

// ---- templates

const std::string* TradeWalk::variable(std::string_view name) const {
  const auto found = std::find_if(variables_.begin(), variables_.end(), [&](const auto& v) { return v.first == name; });
  return found == variables_.end() ? nullptr : &found->second;
}

void TradeWalk::remember(std::string name, std::string value) {
  const auto found = std::find_if(variables_.begin(), variables_.end(), [&](const auto& v) { return v.first == name; });
  if (found == variables_.end()) variables_.emplace_back(std::move(name), std::move(value));
  else found->second = std::move(value);
}

Result<std::string> TradeWalk::fill(const std::string& text) const {
  return expand(text, [&](const std::string& name) { return variable(name); });
}

Result<HttpRequest> TradeWalk::make_request() const {
  std::string held;
  const auto with = [&](auto&& change) {
    return [&, change](const std::string& name) -> const std::string* {
      const std::string* value = variable(name);
      if (value == nullptr) return nullptr;
      held = change(*value);
      return &held;
    };
  };
  const auto encoded = [](const std::string& v) { return url_encode(v); };
  auto path = expand(step().path, with(encoded));
  if (!path) return std::move(path).error();
  auto body = sends_form(step()) ? expand(step().body, with(encoded)) : expand(step().body, with(json_escaped));
  if (!body) return std::move(body).error();
  HttpRequest request{step().method, parts_.url + *path, std::move(*body), {}, step().timeout};
  for (const auto& [name, text] : step().headers) {
    auto value = expand(text, with(header_safe));
    if (!value) return std::move(value).error();
    request.headers.emplace_back(name, std::move(*value));
  }
  if (!parts_.mark.empty()) request.headers.emplace_back("X-Cardstorm-Mark", parts_.mark);
  return request;
}

bool TradeWalk::extract(const Json* body) {
  for (const Extract& e : step().extract) {
    const Json* value = body == nullptr ? nullptr : body->at_pointer(e.pointer);
    if (value == nullptr || value->is_null()) return false;
    remember(e.name, value->text());
  }
  return true;
}

// ---- endings

void TradeWalk::end_step(Outcome outcome, Cause cause, Nanos done) {
  if (requests_ > 0) write_fact_of_end(outcome, cause, done);
  parts_.ledger.step({arrival_.trade, step_, planned_, requests_ > 0 ? sent_ : planned_, requests_ > 0 ? done : planned_, outcome, cause,
                      status_, requests_, resends_},
                     requests_ > 0 && !step().poll);
  ++step_;
}

void TradeWalk::end_trade(TradeOutcome outcome, Cause cause, Nanos at, Cause rest) {
  Nanos by_plan = step_ == 0 ? arrival_.at : planned_;
  for (std::uint16_t k = step_; k < journey_.steps.size(); ++k) {
    if (k > 0) by_plan += journey_.steps[k].think;
    parts_.ledger.never_sent({arrival_.trade, k, by_plan, by_plan, by_plan, Outcome::failed, rest, 0, 0, 0}, cause);
  }
  step_ = static_cast<std::uint16_t>(journey_.steps.size());
  parts_.ledger.trade({arrival_.trade, at, outcome, cause});
  ended_ = true;
  asked_ = false;
}

}  // namespace cardstorm
