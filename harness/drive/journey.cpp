// journey: the walk of a trade through its steps.
#include "harness/drive/journey.hpp"

#include <algorithm>
#include <cassert>

#include "harness/core/rng.hpp"
#include "harness/core/text.hpp"
#include "harness/drive/front_wall.hpp"
#include "harness/drive/ledger.hpp"
#include "harness/net/crypto.hpp"
#include "harness/plan/trace_id.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kResendAfterMin = 1s, kResendAfterMax = 3s;  // rule 4

/// A recorded path stays what it was, but never leaves its place on the wire or the platform's host.
std::string raw_path(const std::string& recorded) {
  std::string out = recorded.starts_with('/') ? "" : "/";
  for (const char c : recorded.substr(0, recorded.find('#'))) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte < 127 && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' && c != '`' && c != '{' &&
        c != '|' && c != '}')
      out += c;
    else
      out += url_encode(std::string_view(&c, 1));
  }
  return out;
}

}  // namespace

JourneyParts::JourneyParts(const Plan& plan_, const Mint& mint_, std::string url_, std::string mark_, Ledger& ledger_,
                           ClientSettings settings_)
    : plan(plan_),
      mint(mint_),
      url(std::move(url_)),
      mark(std::move(mark_)),
      ledger(ledger_),
      settings(std::move(settings_)),
      recipes(make_recipes(plan, settings, url, mark)) {}

TradeExecution::TradeExecution(const JourneyParts& parts, Arrival arrival)
    : parts_(parts),
      arrival_(std::move(arrival)),
      journey_(parts.plan.journeys.at(arrival_.journey)),
      recipe_(parts.recipes.at(arrival_.journey)),
      extracted_(recipe_.variables - recipe_.first_extracted),
      deadline_(arrival_.at + journey_.deadline),
      previous_done_(arrival_.at) {}

// ---- what it is told

Next TradeExecution::begin(Nanos now) {
  parts_.ledger.planned(
      {arrival_.trade, arrival_.at, arrival_.journey, static_cast<std::uint16_t>(journey_.steps.size())});
  if (journey_.steps.empty()) {
    end_trade(TradeOutcome::ok, Cause::none, now, Cause::none);
    return {};
  }
  return start_step(now);
}

void TradeExecution::never_begin(Cause cause, Nanos now) {
  parts_.ledger.planned(
      {arrival_.trade, arrival_.at, arrival_.journey, static_cast<std::uint16_t>(journey_.steps.size())});
  end_trade(TradeOutcome::not_sent, cause, now, cause);
}

Next TradeExecution::on_sent(Nanos now) {
  if (requests_ == 0) sent_ = now;
  requests_ = static_cast<std::uint16_t>(std::min(requests_ + 1, 0xffff));
  if (open_ == 0) {
    last_sent_ = now;
    if (broke_by_ != Cause::none) ++resends_;
  }
  ++open_;
  asks_again_ = false;  // this was it: while it is planned, nothing else is sent
  if (requests_ == 1 && presses_twice()) return send(now, now);
  if (refreshes() && refreshed_ < journey_.refresh) return wait(now + journey_.patience);
  return {Next::Kind::keep};
}

Next TradeExecution::refuse(Cause cause, Nanos now) {
  if (asks_again_) return wait(now + step().pending->every);
  if (open_ > 0) return {Next::Kind::keep};  // another request of this step is on its way
  if (step().poll && requests_ > 0) return wait(now + step().poll->every);
  if (broke_by_ != Cause::none) return broken(perhaps_effect_ ? Outcome::unknown : Outcome::failed, broke_by_, now);
  // A trade of which nothing was sent is not_sent. So is one that we ourselves broke off: the platform is not to blame.
  const bool not_sent = step_ == 0 || withheld_by_us(cause);
  end_step(Outcome::failed, cause, planned_);
  end_trade(not_sent ? TradeOutcome::not_sent : TradeOutcome::failed, cause, now,
            withheld_by_us(cause) ? cause : Cause::earlier_step);
  return {};
}

Next TradeExecution::on_answer(const HttpResponse& response, Nanos now, std::uint32_t ticket) {
  assert(!ended_);
  if (ticket < first_ticket_) return {Next::Kind::keep};
  assert(open_ > 0);
  --open_;
  status_ = static_cast<std::uint16_t>(response.status);
  const Nanos done = response.done >= last_sent_ ? response.done : now;
  take_cookies(response, now);
  const Answer answer =
      read_answer(recipe(), parts_.plan.front_walls, response,
                  [this](const Template& text, std::string& out) { return fill(text, Encoding::plain, out); });
  if (answer.outcome == Outcome::unknown) perhaps_effect_ = true;
  walled_ = answer.cause == Cause::front_wall;
  const Json* body = answer.body ? &*answer.body : nullptr;
  if (answer.kind == AnswerClass::good) return good(body, response, done);
  if (answer.kind == AnswerClass::pending) return ask_again(body, response, done, now);
  // The first good answer wins; what is not good is believed only when no better one can come.
  if (answer.kind == AnswerClass::sold_out) twin_sold_out_ = true;
  if (open_ > 0 || asks_again_) return {Next::Kind::keep};
  if (answer.kind == AnswerClass::again) {
    if (step().fact == Fact::cards) write_cards(body, response, done);  // disclosed is disclosed
    if (now >= deadline_) return expired(now);
    return wait(done + step().poll->every);
  }
  if (answer.kind == AnswerClass::sold_out || (twin_sold_out_ && !perhaps_effect_)) return sold_out(done);
  return broken_or_again(answer, done);
}

/// The answer to a request that was accepted is known later: it is asked for again, whatever else is under way.
Next TradeExecution::ask_again(const Json* body, const HttpResponse& response, Nanos done, Nanos now) {
  if (step().fact == Fact::cards) write_cards(body, response, done);  // disclosed is disclosed
  if (now >= deadline_) return expired(now);
  // An accepted order may exist, so the answer has set perhaps_effect_: a later 400, 429 or lost connection says
  // nothing about that order and leaves the step unknown. But "sold out" to the same key is the outcome that was
  // promised, and ends it as a refusal: it is good only if the witnesses confirm it, while unknown would count every
  // true sell-out behind a queue against the platform.
  broke_by_ = Cause::none;  // what comes next is no resend
  asks_again_ = true;       // once, however many presses were accepted: one page, one question
  return wait(done + step().pending->every);
}

Next TradeExecution::broken_or_again(const Answer& answer, Nanos done) {
  const bool left = answer.cause == Cause::timeout && leaves_early();
  const bool resend = step().resend && !step().poll && resends_ == 0 && may_resend(answer.cause) && !left;
  const double share = draw_unit(parts_.plan.seed, stream_of("resend"), (arrival_.trade << 8) ^ step_);
  const Nanos again_at = done + kResendAfterMin + nanos_of_seconds(seconds(kResendAfterMax - kResendAfterMin) * share);
  if (resend && again_at < deadline_) {
    broke_by_ = answer.cause;
    return wait(again_at);
  }
  return broken(answer.outcome, answer.cause, done);
}

Next TradeExecution::on_time(Nanos now) {
  assert(!ended_);
  if (now >= deadline_) return expired(now);
  if (now < alarm_) return {Next::Kind::keep};  // something was faster than this alarm
  alarm_ = Nanos::max();
  if (open_ == 0 || asks_again_) return send(request_due_, now);
  ++refreshed_;
  return send(now, now);
}

void TradeExecution::cut(TradeOutcome outcome, Cause cause, Nanos now) {
  assert(!ended_);
  if (requests_ == 0)
    end_step(Outcome::failed, cause, planned_);
  else
    end_step(open_ > 0 || perhaps_effect_ ? Outcome::unknown : Outcome::failed, cause, now);
  end_trade(outcome, cause, now, withheld_by_us(cause) ? cause : Cause::earlier_step);
}

// ---- what it does

Next TradeExecution::start_step(Nanos now) {
  const Nanos due = step_ == 0 ? arrival_.at : previous_done_ + step().think;
  // While the target keeps up, a step is planned from the end of the one before. Once a step was too slow, its buyer's
  // later steps stay where the plan had them: the delay counts in the windows in which they should have been, or an
  // outage would empty its own.
  planned_ = previous_slow_ ? planned_ + step().think : due;
  sent_ = last_sent_ = planned_;
  requests_ = resends_ = status_ = 0;
  first_ticket_ = ticket_ + 1;
  open_ = refreshed_ = 0;
  perhaps_effect_ = asks_again_ = twin_sold_out_ = walled_ = false;
  broke_by_ = Cause::none;
  alarm_ = Nanos::max();
  if (due > now) return wait(due);
  if (now >= deadline_) return expired(now);
  return send(due, now);
}

Next TradeExecution::wait(Nanos until) {
  request_due_ = alarm_ = until;
  return {Next::Kind::wait, std::min(until, deadline_)};
}

Next TradeExecution::send(Nanos due, Nanos now) {
  Next next{Next::Kind::send, due, requests_ == 0};
  if (!make_request(next.request, now)) {
    if (open_ > 0) return {Next::Kind::keep};
    if (requests_ > 0) return broken(has_effect(step()) ? Outcome::unknown : Outcome::failed, Cause::bad_body, now);
    end_step(Outcome::failed, Cause::bad_body, planned_);
    end_trade(TradeOutcome::failed, Cause::bad_body, now, Cause::earlier_step);
    return {};
  }
  Nanos limit = std::min(step().timeout, deadline_ - now);
  if (leaves_early()) limit = std::min(limit, journey_.patience);
  next.request.timeout = std::max(Nanos(1), limit);
  next.request.latency_sensitive = goes_on_at_once();
  next.ticket = ++ticket_;
  return next;
}

bool TradeExecution::goes_on_at_once() const {
  if ((step().poll && step().poll->every < kReadLater) || (step().pending && step().pending->every < kReadLater))
    return true;
  const std::size_t following = step_ + 1U;
  return following < journey_.steps.size() && journey_.steps[following].think < kReadLater;
}

bool TradeExecution::refreshes() const {
  return journey_.patience > Nanos(0) && journey_.refresh > 0 && !step().poll && !has_effect(step());
}
bool TradeExecution::leaves_early() const {
  return journey_.patience > Nanos(0) && journey_.refresh == 0 && !step().poll && !has_effect(step());
}

bool TradeExecution::presses_twice() const {
  return journey_.resubmit > 0 && !step().poll && has_effect(step()) &&
         draw_unit(parts_.plan.seed, stream_of("resubmit"), arrival_.trade) < journey_.resubmit;
}

Next TradeExecution::sold_out(Nanos done) {
  end_step(Outcome::failed, Cause::sold_out, done);
  end_trade(TradeOutcome::failed, Cause::sold_out, done, Cause::earlier_step);
  return {};
}

Next TradeExecution::good(const Json* body, const HttpResponse& response, Nanos done) {
  if (!extract(body, response) || !write_observations(body, response, done)) {
    // A captcha page with status 200 lacks what was to be taken from the answer: then it was not the platform's.
    if (parts_.plan.front_walls.empty() && is_known_wall(response))
      return broken(Outcome::failed, Cause::front_wall, done);
    return broken(has_effect(step()) ? Outcome::unknown : Outcome::failed, Cause::bad_body, done);
  }
  previous_slow_ =
      !step().poll &&
      done - planned_ > parts_.plan.slo.step_limit;  // a poll waits for others: the plan starts anew after it
  end_step(Outcome::ok, Cause::none, done);
  previous_done_ = done;
  if (done > deadline_)
    end_trade(TradeOutcome::failed, Cause::deadline, done, Cause::earlier_step);  // good, but too late
  else if (step_ == journey_.steps.size())
    end_trade(TradeOutcome::ok, Cause::none, done, Cause::none);
  else
    return start_step(done);
  return {};
}

Next TradeExecution::broken(Outcome outcome, Cause cause, Nanos done) {
  // The buyer's patience, not the step's own limit, ended this request.
  if (cause == Cause::timeout && done >= deadline_ && done - last_sent_ < step().timeout) cause = Cause::deadline;
  // A first request that may have had an effect is not undone by the refusal of the second.
  const Outcome known = perhaps_effect_ ? Outcome::unknown : outcome;
  const bool matters = has_effect(step());
  end_step(known, cause, done);
  end_trade(known == Outcome::unknown && matters ? TradeOutcome::unknown : TradeOutcome::failed, cause, done,
            Cause::earlier_step);
  return {};
}

Next TradeExecution::expired(Nanos now) {
  const bool matters = has_effect(step());
  const bool perhaps = (open_ > 0 || perhaps_effect_) && matters;
  const Cause cause = walled_ ? Cause::front_wall : Cause::deadline;  // a poll that saw nothing but the wall
  if (requests_ == 0)
    end_step(Outcome::failed, cause, planned_);
  else
    end_step(perhaps ? Outcome::unknown : Outcome::failed, cause, now);
  end_trade(perhaps ? TradeOutcome::unknown : TradeOutcome::failed, cause, now, Cause::earlier_step);
  return {};
}

// ---- values

Nanos TradeExecution::wall(Nanos now) const { return parts_.settings.wall_at_zero.value_or(Nanos(0)) + now; }

const std::string* TradeExecution::value_of(int variable) {
  const auto made = [this](std::string text) { return &(scratch_ = std::move(text)); };
  switch (variable) {
    case kMalformed:
      return nullptr;
    case kBuyer:
      return &arrival_.buyer;
    case kSku:
      return &arrival_.sku;
    case kChannel:
      return &arrival_.channel;
    case kKey:
      return &arrival_.key;
    case kPhone:
      return &arrival_.phone;
    case kMark:
      return &parts_.mark;
    case kQuantity:
      return made(std::to_string(arrival_.quantity));
    case kTrade:
      return made(std::to_string(arrival_.trade));
    case kTracePath:
      return arrival_.trace_path.empty() ? nullptr : made(raw_path(arrival_.trace_path));
    case kNowS:
      return made(std::to_string(std::chrono::duration_cast<std::chrono::seconds>(wall(request_at_)).count()));
    case kNowMs:
      return made(std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(wall(request_at_)).count()));
    case kRandomHex8:
      return made(hex16(draw(parts_.plan.seed, stream_of("random_hex8"), arrival_.trade)).substr(8));
    default:
      break;
  }
  const auto number = static_cast<std::size_t>(variable);
  if (number >= recipe_.first_extracted) {
    const auto& value = extracted_[number - recipe_.first_extracted];
    return value ? &*value : nullptr;
  }
  const auto& rows = journey_.data_rows;
  if (rows.empty()) return nullptr;
  const std::uint64_t turn =
      journey_.data_random ? draw(parts_.plan.seed, stream_of("data"), arrival_.trade) : arrival_.trade;
  const auto& row = rows[turn % rows.size()];
  return number - kBuiltIns < row.size() ? &row[number - kBuiltIns] : nullptr;
}

bool TradeExecution::fill(const Template& text, Encoding encoding, std::string& out) {
  return text.fill(out, encoding, [this](int variable) { return value_of(variable); });
}

std::optional<std::string> TradeExecution::filled(const Template& text) {
  std::string out;
  return fill(text, Encoding::plain, out) ? std::optional<std::string>(std::move(out)) : std::nullopt;
}

// ---- the request

bool TradeExecution::make_request(HttpRequest& request, Nanos now) {
  const StepRecipe& r = recipe();
  request_at_ = now;
  request.method = step().method;
  request.url.reserve(parts_.url.size() + step().path.size() + 32);
  request.url = parts_.url;
  if (!fill(r.path, Encoding::url, request.url)) return false;
  request.headers.reserve(r.headers.size() + 6);
  for (const NamedTemplate& header : r.headers)
    if (!fill(header.value, Encoding::header, request.headers.emplace_back(header.name, std::string()).second))
      return false;
  std::string cookie;
  if (!fill(r.cookie, Encoding::header, cookie)) return false;
  if (step().cookies && !cookies_.empty()) cookie += (cookie.empty() ? "" : "; ") + cookies_.header();
  if (!cookie.empty()) request.headers.emplace_back("Cookie", std::move(cookie));
  FieldList fields;
  if (!r.form.empty() ? !make_form(request, fields) : !fill(r.body, r.body_encoding, request.body)) return false;
  if (step().sign && !sign(request, std::move(fields), now)) return false;
  request.redirects_max = static_cast<int>(step().redirects);
  request.want_headers = r.wants_headers;
  add_own_headers(request);
  return true;
}

bool TradeExecution::make_form(HttpRequest& request, FieldList& fields) {
  const StepRecipe& r = recipe();
  for (const NamedTemplate& field : r.form)
    if (!fill(field.value, Encoding::plain, fields.emplace_back(field.name, std::string()).second)) return false;
  request.body = form_text(fields);
  if (r.adds_form_type) request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  return true;
}

bool TradeExecution::sign(HttpRequest& request, FieldList fields, Nanos now) {
  const StepRecipe& r = recipe();
  const auto key = r.fixed_key.empty() ? filled(r.sign_key) : r.fixed_key;
  if (!key || key->empty()) return false;  // an unsigned request would only be refused
  return sign_request(request, *step().sign, *key, std::move(fields), parts_.url.size(),
                      std::chrono::duration_cast<std::chrono::seconds>(wall(now)).count());
}

void TradeExecution::add_own_headers(HttpRequest& request) {
  const ClientSettings& s = parts_.settings;
  if (!parts_.mark.empty() && !s.mark_header.empty()) request.headers.emplace_back(s.mark_header, parts_.mark);
  if (s.client_pool && !s.client_header.empty())
    request.headers.emplace_back(
        s.client_header,
        s.client_pool->address(draw(parts_.plan.seed, stream_of(arrival_.buyer), stream_of("client address"))));
  if (!s.sources.empty()) request.source = s.sources[arrival_.trade % s.sources.size()];
  if (!s.traceparent && !s.sw8) return;
  const std::string trace = trace_id_of(parts_.plan.seed, arrival_.trade, step_);
  const std::string span = span_id_of(parts_.plan.seed, arrival_.trade, step_, requests_);
  if (s.traceparent) request.headers.emplace_back("traceparent", "00-" + trace + "-" + span + "-01");
  if (s.sw8) request.headers.emplace_back("sw8", "1-" + base64(trace) + "-" + base64(span) + recipe().sw8_tail);
}

// ---- the answer

void TradeExecution::take_cookies(const HttpResponse& response, Nanos now) {
  if (!step().cookies) return;
  for (const auto& [name, value] : response.headers)
    if (name == "set-cookie") cookies_.take(value, wall(now));
}

bool TradeExecution::extract(const Json* body, const HttpResponse& response) {
  for (const ExtractRule& taking : recipe().extract) {
    const auto number = static_cast<std::size_t>(taking.variable);
    assert(number >= recipe_.first_extracted);  // the loader lets nobody extract what is always defined
    auto& out = extracted_[number - recipe_.first_extracted];
    std::optional<std::string> found;
    switch (taking.from) {
      case Extract::From::json:
        if (const Json* value = body == nullptr ? nullptr : body->at_pointer(taking.where);
            value != nullptr && !value->is_null())
          found = value->text();
        break;
      case Extract::From::header:
        for (const auto& [name, value] : response.headers)
          if (name == taking.where) {
            found = value;
            break;
          }
        break;
      case Extract::From::cookie: {
        CookieJar answered = step().cookies ? cookies_ : CookieJar();
        if (!step().cookies)
          for (const auto& [name, value] : response.headers)
            if (name == "set-cookie") answered.take(value, wall(request_at_));
        if (const std::string* value = answered.find(taking.where)) found = *value;
        break;
      }
      case Extract::From::regex:
        if (const auto value = taking.pattern ? taking.pattern->first(response.body) : std::nullopt)
          found = std::string(*value);
        break;
    }
    if (!found) return false;
    out = std::move(found);
  }
  return true;
}

// ---- endings

void TradeExecution::end_step(Outcome outcome, Cause cause, Nanos done) {
  if (requests_ > 0) write_observation_of_end(outcome, cause, done);
  parts_.ledger.step({arrival_.trade, step_, planned_, requests_ > 0 ? sent_ : planned_,
                      requests_ > 0 ? done : planned_, outcome, cause, status_, requests_, resends_},
                     requests_ > 0 && !step().poll);
  ++step_;
}

void TradeExecution::end_trade(TradeOutcome outcome, Cause cause, Nanos at, Cause rest) {
  Nanos by_plan = step_ == 0 ? arrival_.at : planned_;
  for (std::uint16_t k = step_; k < journey_.steps.size(); ++k) {
    if (k > 0) by_plan += journey_.steps[k].think;
    parts_.ledger.never_sent({arrival_.trade, k, by_plan, by_plan, by_plan, Outcome::failed, rest, 0, 0, 0}, cause);
  }
  step_ = static_cast<std::uint16_t>(journey_.steps.size());
  parts_.ledger.trade({arrival_.trade, at, outcome, cause});
  ended_ = true;
  open_ = 0;
}

}  // namespace cardstorm
