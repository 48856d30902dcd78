// answer: what one HTTP answer means for the step that asked for it. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "harness/core/json.hpp"
#include "harness/net/http_client.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

enum class Reading : std::uint8_t {
  good,      // what the step expects
  again,     // a poll that has not seen its end state, or whose request broke
  sold_out,  // a refusal for the witnesses to confirm
  broken,    // anything else: see outcome and cause
};

struct Answer {
  Reading reading = Reading::broken;
  Outcome outcome = Outcome::failed;
  Cause cause = Cause::none;
  std::optional<Json> body;   // when a 2xx answer was JSON
};

/// Whether repeating or losing this request may change something over there.
bool has_effect(const Step& step);
/// Reads the answer by the step's expectations. For a poll, what is broken reads `again`.
Answer read_answer(const Step& step, const HttpResponse& response);
/// Broken in a way that a buyer answers by pressing the button once more (rule 4).
bool may_resend(Cause cause);

}  // namespace cardstorm
