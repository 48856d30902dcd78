// relation: == != < <= > >= as a user writes them, with one meaning of what cannot be compared: unknown.
#pragma once

#include <compare>
#include <optional>
#include <string_view>

namespace cardstorm {

/// Whether `order` stands in `relation`. nullopt, unknown: the two have no order (one is no number, or missing), or
/// `relation` is none of the six.
inline std::optional<bool> holds(std::partial_ordering order, std::string_view relation) {
  if (order == std::partial_ordering::unordered) return std::nullopt;
  if (relation == "==") return order == 0;
  if (relation == "!=") return order != 0;
  if (relation == "<") return order < 0;
  if (relation == "<=") return order <= 0;
  if (relation == ">") return order > 0;
  if (relation == ">=") return order >= 0;
  return std::nullopt;
}
inline std::optional<bool> holds(double value, std::string_view relation, double bound) {
  return holds(value <=> bound, relation);
}

}  // namespace cardstorm
