// answer: what one HTTP answer means for the step that asked for it. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "harness/core/json.hpp"
#include "harness/drive/recipe.hpp"
#include "harness/net/http_client.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

enum class AnswerClass : std::uint8_t {
  good,      // what the step expects
  again,     // a poll that has not seen its end state, or whose request broke
  pending,   // an acceptance whose outcome is not known yet: the same request is to be sent again
  sold_out,  // a refusal for the witnesses to confirm
  broken,    // anything else: see outcome and cause
};

struct Answer {
  AnswerClass kind = AnswerClass::broken;
  Outcome outcome = Outcome::failed;
  Cause cause = Cause::none;
  std::optional<Json> body;  // of a whole answer that was JSON, when the step looks at any
};

/// Fills a template with the trade's values; false when one is missing.
using Filler = std::function<bool(const Template&, std::string&)>;

/// Whether repeating or losing this request may change something over there.
bool has_effect(const Step& step);
/// Reads the answer by the step's expectations and the walls of the plan. For a poll, what is broken reads `again`.
Answer read_answer(const StepRecipe& recipe, const std::vector<FrontWall>& walls, const HttpResponse& response,
                   const Filler& fill);
/// Broken in a way that a buyer answers by pressing the button once more (rule 4).
bool may_resend(Cause cause);

/// `found` against `wanted`: as numbers when both are, else as texts, of which only == and != can hold.
bool relation_holds(const std::string& found, const std::string& relation, const std::string& wanted);

/// An amount as cents, exactly: "12.50" yuan is 1250, "1250" cents is 1250. nullopt for what is no amount: other
/// characters, parts of a cent, or more than 10^15.
std::optional<std::int64_t> cents_of(std::string_view text, bool yuan);
/// The same of a JSON number or text.
std::optional<std::int64_t> cents_of(const Json& value, bool yuan);

}  // namespace cardstorm
