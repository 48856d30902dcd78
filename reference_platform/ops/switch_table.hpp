// switch_table: `cardstorm platform traits`: every weakness and planted bug with what it does, what one sees, and where
// it can be switched.
#pragma once

#include <string>

#include "reference_platform/domain/switches.hpp"

namespace platform::ops {

/// The weaknesses that the hardened variant can be given. All others are cured by its very structure.
bool hardened_honours(domain::Trait trait);
/// "A06, A09, A10".
std::string honoured_traits();

/// For people, and for programs:
/// {"traits": [{"id", "name", "mechanism", "symptom", "hardened", "on": {variant: bool}, "switchable": {variant:
/// bool}}],
///  "bugs": [{"id", "what", "bites"}]}.
std::string switch_table();
std::string switch_json();

}  // namespace platform::ops
