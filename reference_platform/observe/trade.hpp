// trade: the rates that a card shop lives by: which orders were made, paid, delivered, given back, and how old they
// were then.
#pragma once

#include <string_view>

namespace platform::observe {

/// An order reached `outcome` ("created", "paid", ...). `channel`: how it is paid, "" while nobody knows. Marked
/// traffic is counted apart. `age_s`: since it was made; below 0: not known.
void trade_reached(std::string_view outcome, std::string_view goods_class, std::string_view channel,
                   std::string_view mark, double age_s = -1);

}  // namespace platform::observe
