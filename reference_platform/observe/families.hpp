// families: what every metric of the platform means: the HELP text by which it is shown, and the list against which
// names are checked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace platform::observe {

/// The HELP text; "" for a name that nobody has explained.
std::string help_of(std::string_view family);
/// Every family that has one.
std::vector<std::string_view> known_families();

}  // namespace platform::observe
