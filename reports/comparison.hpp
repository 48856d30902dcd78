// comparison: a Comparison for people, for a merge request and for CI. Like the writers of a Scorecard: no judgement
// here, no clock.
#pragma once

#include <iosfwd>
#include <string>

#include "harness/core/result.hpp"
#include "harness/judge/compare.hpp"
#include "reports/texts.hpp"

namespace cardstorm {

void write_comparison_text(const Comparison& c, Lang lang, std::ostream& out);
void write_comparison_markdown(const Comparison& c, Lang lang, std::ostream& out);
/// Worse is <failure>; a comparison that could not be made is <error>; a single metric without evidence is <skipped>.
void write_comparison_junit(const Comparison& c, Lang lang, std::ostream& out);

/// compare.json, compare.txt, compare.md, compare.xml in `dir`, each whole or absent.
Status write_comparison(const Comparison& c, const std::string& dir, Lang lang);

}  // namespace cardstorm
