// scorecard: see scorecard.hpp.
#include "harness/judge/scorecard.hpp"

#include "harness/judge/scorecard_fields.hpp"

namespace cardstorm {

std::string_view to_text(Verdict v) { return kTexts<Verdict>.at(static_cast<std::size_t>(v)); }

Json json_of_scorecard(const Scorecard& card) { return json_of_fields(card); }
Result<Scorecard> scorecard_of_json(const Json& json) { return read_fields<Scorecard>(json); }

Json json_of_drill(const DrillCard& card) { return json_of_fields(card); }
Result<DrillCard> drill_of_json(const Json& json) { return read_fields<DrillCard>(json); }

}  // namespace cardstorm
