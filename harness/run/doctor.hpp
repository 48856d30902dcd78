// doctor: what works, what is missing and what to do on a user's own platform, fact by fact. Changes nothing there; the
// one thing that it holds for a moment is the named test row of a database.
#pragma once

#include <string>
#include <vector>

#include "harness/core/json.hpp"
#include "harness/plan/target_spec.hpp"
#include "reports/texts.hpp"

namespace cardstorm {

/// note: works or is not asked for, with something that a reader should know.
enum class Health : std::uint8_t { good, note, bad };

/// One line. The title is the text `doctor_<code>`, the remedy `doctor_do_<code>` unless `remedy` says more.
struct DoctorFact {
  std::string code, subject;
  Health health = Health::good;
  std::string found, remedy;
};

/// Looks at everything that the target file names, in an order in which a user would mend it. Takes some seconds; every
/// look has an end.
std::vector<DoctorFact> examine_target(const TargetSpec& spec);

/// "  ok       title subject: found" and, when something is to be done, the arrow below.
std::string line_of(const DoctorFact& fact, Lang lang);
Json json_of(const DoctorFact& fact);
bool anything_missing(const std::vector<DoctorFact>& facts);

}  // namespace cardstorm
