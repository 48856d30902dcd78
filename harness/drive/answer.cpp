// answer: classification of answers.
#include "harness/drive/answer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <compare>

#include "harness/core/relation.hpp"
#include "harness/core/text.hpp"
#include "harness/drive/front_wall.hpp"

namespace cardstorm {
namespace {

constexpr std::int64_t kCentsMax = 1'000'000'000'000'000;

bool one_of(const std::vector<int>& list, int status) {
  return std::find(list.begin(), list.end(), status) != list.end();
}
bool one_of(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

/// The value at `pointer` as text; nullopt when there is none, or null.
std::optional<std::string> value_at(const std::optional<Json>& body, const std::string& pointer) {
  const Json* value = body ? body->at_pointer(pointer) : nullptr;
  if (value == nullptr || value->is_null()) return std::nullopt;
  return value->text();
}

std::optional<Json> json_of(const std::string& body) {
  auto parsed = Json::parse(body);
  return parsed ? std::optional<Json>(std::move(*parsed)) : std::nullopt;
}

bool is_sold_out(const Step& step, const HttpResponse& response, const std::optional<Json>& body) {
  if (!one_of(step.sold_out_status, response.status)) return false;
  if (!step.sold_out_has.empty()) return response.body.find(step.sold_out_has) != std::string::npos;
  return step.sold_out_pointer.empty() || value_at(body, step.sold_out_pointer) == step.sold_out_value;
}

/// Accepted, and no more is known: see Pending.
bool is_pending(const Step& step, const HttpResponse& response, const std::optional<Json>& body) {
  if (!step.pending || !one_of(step.pending->status, response.status)) return false;
  if (step.pending->pointer.empty()) return true;
  const auto value = value_at(body, step.pending->pointer);
  return value && one_of(step.pending->values, *value);
}

bool holds(const CompiledAssertion& asserting, const std::optional<Json>& body, const Filler& fill) {
  const auto found = value_at(body, asserting.assertion->pointer);
  if (!found) return false;
  const std::string& relation = asserting.assertion->relation;
  if (relation == "exists") return true;
  if (relation == "matches") return asserting.pattern && asserting.pattern->first(*found).has_value();
  std::string wanted;
  return fill(asserting.value, wanted) && relation_holds(*found, relation, wanted);
}

bool meets(const StepRecipe& recipe, const HttpResponse& response, const std::optional<Json>& body,
           const Filler& fill) {
  const Expect& expect = recipe.step->expect;
  if (!expect.body_has.empty() && response.body.find(expect.body_has) == std::string::npos) return false;
  if (!expect.pointer.empty()) {
    const auto value = value_at(body, expect.pointer);
    if (!value || (!expect.values.empty() && !one_of(expect.values, *value))) return false;
  }
  return std::all_of(recipe.all.begin(), recipe.all.end(),
                     [&](const CompiledAssertion& a) { return holds(a, body, fill); });
}

/// An answer that came, with a status that nobody asked for.
Answer unexpected(const Step& step, int status) {
  const Outcome perhaps = has_effect(step) ? Outcome::unknown : Outcome::failed;
  if (status == 429) return {AnswerClass::broken, Outcome::failed, Cause::http_429, {}};  // shed before processing
  if (status >= 500) return {AnswerClass::broken, perhaps, Cause::http_5xx, {}};
  if (status >= 400) return {AnswerClass::broken, Outcome::failed, Cause::http_4xx, {}};  // a documented refusal
  return {AnswerClass::broken, perhaps, Cause::bad_body, {}};
}

Answer bad_body(const Step& step) {
  return {AnswerClass::broken, has_effect(step) ? Outcome::unknown : Outcome::failed, Cause::bad_body, {}};
}

std::optional<std::string> polled_value(const StepRecipe& recipe, const HttpResponse& response,
                                        const std::optional<Json>& body) {
  if (recipe.step->poll->regex.empty()) return value_at(body, recipe.step->poll->pointer);
  const auto found = recipe.poll ? recipe.poll->first(response.body) : std::nullopt;
  return found ? std::optional<std::string>(*found) : std::nullopt;
}

Answer read_poll(const StepRecipe& recipe, const HttpResponse& response, std::optional<Json> body, const Filler& fill) {
  const Step& step = *recipe.step;
  const auto value = polled_value(recipe, response, body);
  if (value && one_of(step.poll->fail_on, *value))
    return {AnswerClass::broken, Outcome::failed, Cause::bad_body, std::move(body)};
  if (!value || !one_of(step.poll->until, *value))
    return {AnswerClass::again, Outcome::failed, Cause::none, std::move(body)};
  if (!meets(recipe, response, body, fill)) return bad_body(step);
  return {AnswerClass::good, Outcome::ok, Cause::none, std::move(body)};
}

Answer read_whole(const StepRecipe& recipe, const HttpResponse& response, const Filler& fill) {
  const Step& step = *recipe.step;
  std::optional<Json> body;
  const bool perhaps_sold_out = !step.sold_out_pointer.empty() && one_of(step.sold_out_status, response.status);
  const bool perhaps_pending =
      step.pending && !step.pending->pointer.empty() && one_of(step.pending->status, response.status);
  if (recipe.wants_json || perhaps_sold_out || perhaps_pending) body = json_of(response.body);
  // What was accepted may be done before anybody says so: without a later answer it is unknown.
  if (is_pending(step, response, body))
    return {AnswerClass::pending, has_effect(step) ? Outcome::unknown : Outcome::failed, Cause::none, std::move(body)};
  if (is_sold_out(step, response, body)) return {AnswerClass::sold_out, Outcome::failed, Cause::sold_out, {}};
  if (!one_of(step.expect.status, response.status)) return unexpected(step, response.status);
  if (step.poll) return read_poll(recipe, response, std::move(body), fill);
  if (!meets(recipe, response, body, fill)) return bad_body(step);
  return {AnswerClass::good, Outcome::ok, Cause::none, std::move(body)};
}

template <class T>
std::optional<T> whole_number(std::string_view text) {
  T value{};
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

/// As numbers, whole ones exactly; unordered when one of them is none.
std::partial_ordering order_of(const std::string& a, const std::string& b) {
  const auto x = whole_number<std::int64_t>(a), y = whole_number<std::int64_t>(b);
  if (x && y) return *x <=> *y;
  const auto u = whole_number<double>(a), v = whole_number<double>(b);
  return u && v ? *u <=> *v : std::partial_ordering::unordered;
}

}  // namespace

bool has_effect(const Step& step) { return step.method != "GET" && step.method != "HEAD"; }

bool may_resend(Cause cause) {
  return cause == Cause::timeout || cause == Cause::reset || cause == Cause::refused || cause == Cause::http_5xx ||
         cause == Cause::http_429;
}

Answer read_answer(const StepRecipe& recipe, const std::vector<FrontWall>& walls, const HttpResponse& response,
                   const Filler& fill) {
  const Step& step = *recipe.step;
  const bool whole = response.cause == Cause::none;
  Answer answer;
  if (whole && matches_wall(walls, response))
    answer = {AnswerClass::broken, Outcome::failed, Cause::front_wall, {}};
  else if (whole)
    answer = read_whole(recipe, response, fill);
  else
    answer = {
        AnswerClass::broken, response.outcome == Outcome::ok ? Outcome::unknown : response.outcome, response.cause, {}};
  // A captcha page is no state of an order, and a wall's own 202 (AWS WAF) no acceptance.
  const bool a_page_instead = (step.poll && answer.kind == AnswerClass::again) || answer.kind == AnswerClass::pending;
  if (whole && walls.empty() && (answer.kind == AnswerClass::broken || a_page_instead) &&
      answer.cause != Cause::front_wall && is_known_wall(response))
    answer = {AnswerClass::broken, Outcome::failed, Cause::front_wall, {}};
  // A broken poll request is asked again; only a value in fail_on (or a wrong final body) ends a poll.
  const bool final = whole && answer.cause == Cause::bad_body && one_of(step.expect.status, response.status);
  if (step.poll && answer.kind == AnswerClass::broken && !final) answer.kind = AnswerClass::again;
  return answer;
}

bool relation_holds(const std::string& found, const std::string& relation, const std::string& wanted) {
  std::partial_ordering order = order_of(found, wanted);
  // Texts are equal or not, but neither is greater.
  if (order == std::partial_ordering::unordered && (relation == "==" || relation == "!="))
    order = found == wanted ? std::partial_ordering::equivalent : std::partial_ordering::less;
  return holds(order, relation).value_or(false);
}

std::optional<std::int64_t> cents_of(std::string_view text, bool yuan) {
  return parse_decimal(trim(text), yuan ? 2 : 0);
}

std::optional<std::int64_t> cents_of(const Json& value, bool yuan) {
  if (value.is_string()) return cents_of(std::string_view(value.string()), yuan);
  if (value.is_int()) return cents_of(std::string_view(std::to_string(value.integer())), yuan);
  if (!value.is_number()) return std::nullopt;
  // A double such as 12.5 or 19.990000000000002 means the nearest cent, if there is one near.
  const double cents = value.number() * (yuan ? 100 : 1), nearest = std::round(cents);
  if (!(std::abs(cents) < static_cast<double>(kCentsMax)) || std::abs(cents - nearest) > 1e-4) return std::nullopt;
  return static_cast<std::int64_t>(nearest);
}

}  // namespace cardstorm
