// journals: the lines of the partners' journals (harness/partners/journal.md) as values.
#pragma once

#include <string>
#include <string_view>

#include "harness/judge/check.hpp"

namespace cardstorm {

/// What one journal file holds. `damage` is "" for a whole one: right head, every line readable, closed at its end.
struct Journal {
  std::string name, damage;
};

/// Adds the rows of one journal to `evidence`, times as offsets from `start`. Damage does not stop the reading: every
/// readable line is used.
Journal read_journal(const std::string& name, std::string_view text, Nanos start, Evidence& evidence);

}  // namespace cardstorm
