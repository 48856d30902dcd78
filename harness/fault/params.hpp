// params: reads the parameters of a fault as its registry entry declares them.
#pragma once

#include "harness/core/text.hpp"
#include "harness/fault/fault.hpp"

namespace cardstorm {

/// The duration `param` of `spec`, or its default. Errc::invalid when it is none or outside [min, max].
inline Result<Nanos> duration_param(const FaultSpec& spec, const FaultEntry::Param& param, Nanos min, Nanos max) {
  const Json& given = spec.params[param.name];
  const auto value = parse_duration(given.is_null() ? param.default_text : given.text());
  const std::string where = spec.fault + ": '" + param.name + "'";
  if (!value) return Error{Errc::invalid, where + ": " + value.error().what, value.error().remedy};
  if (*value < min || *value > max)
    return Error{Errc::invalid, where + " is " + duration_text(*value) + ", outside " + duration_text(min) + " to " +
                                    duration_text(max)};
  return *value;
}

}  // namespace cardstorm
