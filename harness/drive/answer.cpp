// answer: classification of answers.
#include "harness/drive/answer.hpp"

#include <algorithm>

namespace cardstorm {
namespace {

bool one_of(const std::vector<int>& list, int status) { return std::find(list.begin(), list.end(), status) != list.end(); }
bool one_of(const std::vector<std::string>& list, const std::string& text) { return std::find(list.begin(), list.end(), text) != list.end(); }

/// The value at `pointer` as text; nullopt when there is none, or null.
std::optional<std::string> value_at(const std::optional<Json>& body, const std::string& pointer) {
  const Json* value = body ? body->at_pointer(pointer) : nullptr;
  if (value == nullptr || value->is_null()) return std::nullopt;
  return value->text();
}

bool is_sold_out(const Step& step, int status, const std::optional<Json>& body) {
  if (!one_of(step.sold_out_status, status)) return false;
  return step.sold_out_pointer.empty() || value_at(body, step.sold_out_pointer) == step.sold_out_value;
}

bool meets(const Expect& expect, const std::optional<Json>& body) {
  if (expect.pointer.empty()) return true;
  const auto value = value_at(body, expect.pointer);
  return value && (expect.values.empty() || one_of(expect.values, *value));
}

/// An answer that came, with a status that nobody asked for.
Answer unexpected(const Step& step, int status) {
  const Outcome perhaps = has_effect(step) ? Outcome::unknown : Outcome::failed;
  if (status == 429) return {Reading::broken, Outcome::failed, Cause::http_429, {}};   // shed before processing
  if (status >= 500) return {Reading::broken, perhaps, Cause::http_5xx, {}};
  if (status >= 400) return {Reading::broken, Outcome::failed, Cause::http_4xx, {}};   // a documented refusal
  return {Reading::broken, perhaps, Cause::bad_body, {}};
}

Answer bad_body(const Step& step) {
  return {Reading::broken, has_effect(step) ? Outcome::unknown : Outcome::failed, Cause::bad_body, {}};
}

Answer read_poll(const Step& step, std::optional<Json> body) {
  const auto value = value_at(body, step.poll->pointer);
  if (value && one_of(step.poll->fail_on, *value)) return {Reading::broken, Outcome::failed, Cause::bad_body, std::move(body)};
  if (!value || !one_of(step.poll->until, *value)) return {Reading::again, Outcome::failed, Cause::none, std::move(body)};
  if (!meets(step.expect, body)) return bad_body(step);
  return {Reading::good, Outcome::ok, Cause::none, std::move(body)};
}

Answer read_whole(const Step& step, const HttpResponse& response) {
  std::optional<Json> body;
  if (auto parsed = Json::parse(response.body)) body = std::move(*parsed);
  if (is_sold_out(step, response.status, body)) return {Reading::sold_out, Outcome::failed, Cause::sold_out, {}};
  if (!one_of(step.expect.status, response.status)) return unexpected(step, response.status);
  if (step.poll) return read_poll(step, std::move(body));
  if (!meets(step.expect, body)) return bad_body(step);
  return {Reading::good, Outcome::ok, Cause::none, std::move(body)};
}

}  // namespace

bool has_effect(const Step& step) { return step.method != "GET" && step.method != "HEAD"; }

bool may_resend(Cause cause) {
  return cause == Cause::timeout || cause == Cause::reset || cause == Cause::refused || cause == Cause::http_5xx || cause == Cause::http_429;
}

Answer read_answer(const Step& step, const HttpResponse& response) {
  const bool whole = response.cause == Cause::none;
  Answer answer = whole ? read_whole(step, response) : Answer{Reading::broken, response.outcome, response.cause, {}};
  // A broken poll request is asked again; only a value in fail_on (or a wrong final body) ends a poll.
  const bool final = whole && answer.cause == Cause::bad_body && one_of(step.expect.status, response.status);
  if (step.poll && answer.reading == Reading::broken && !final) answer.reading = Reading::again;
  return answer;
}

}  // namespace cardstorm
